"""All configuration, from the environment only (a `.env` beside manage.py is read).

The README lists every variable. Wrong values are told by the system checks in
`deliveryportal.checks`, with an id and a hint.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")


def strict_bool(name: str, *, default: bool) -> bool:
    """Read True or False. A typo must not switch anything on or off."""
    value: str = env.str(name, default=str(default)).strip().lower()
    if value not in {"true", "false"}:
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}.")
    return value == "true"


def strict_int(name: str, *, default: int, least: int = 1) -> int:
    value = env.str(name, default=str(default)).strip()
    if not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(
            f"{name} must be a whole number, {least} or more, not {value!r}."
        )
    return int(value)


def strict_choice(name: str, choices: set[str], *, default: str) -> str:
    value: str = env.str(name, default=default).strip().lower()
    if value not in choices:
        known = ", ".join(sorted(choices))
        raise ImproperlyConfigured(f"{name} must be one of {known}, not {value!r}.")
    return value


def kept_secret(name: str) -> str:
    """Return a secret made once and kept under var/, for practice mode only."""
    path = VAR_DIR / name
    if not path.exists():
        VAR_DIR.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


# --- Practice or production -------------------------------------------------
# In practice mode Portal servers are played by the practice relay and nothing
# leaves this machine. Naming a relay makes it production unless told otherwise.

PORTAL_RELAY_URL = env.str("PORTAL_RELAY_URL", default="")
PORTAL_MODE = strict_choice(
    "PORTAL_MODE",
    {"practice", "production"},
    default="production" if PORTAL_RELAY_URL else "practice",
)
PRACTICE = PORTAL_MODE == "practice"

DEBUG = strict_bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY and PRACTICE:
    SECRET_KEY = kept_secret("secret_key")
SECRET_KEY_GIVEN = bool(SECRET_KEY)
if not SECRET_KEY_GIVEN:
    SECRET_KEY = secrets.token_urlsafe(50)  # so that the checks can say so
# Fernet keys that encrypt credentials at rest; the first encrypts, all decrypt.
# Without any, a key is derived from SECRET_KEY (see channels.secrets).
CREDENTIAL_KEYS: list[str] = env.list("CREDENTIAL_KEYS", default=[])

# --- Addresses --------------------------------------------------------------

PORT = strict_int("PORT", default=8000, least=0)
BASE_URL = env.str(
    "BASE_URL", default=f"http://127.0.0.1:{PORT}" if PRACTICE else ""
).rstrip("/")
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if PRACTICE else []
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = BASE_URL.startswith("https://")

PORTAL_DOMAIN = env.str("PORTAL_DOMAIN", default="portal.test" if PRACTICE else "")
BOUNCE_DOMAIN = env.str(
    "BOUNCE_DOMAIN", default=f"bounce.{PORTAL_DOMAIN}" if PORTAL_DOMAIN else ""
)
# Where the bounce receiver listens: host:port; port 0 takes a free one.
BOUNCE_LISTEN = env.str(
    "BOUNCE_LISTEN", default="127.0.0.1:0" if PRACTICE else "127.0.0.1:2525"
)
BOUNCE_PROTOCOL = strict_choice("BOUNCE_PROTOCOL", {"smtp", "lmtp"}, default="smtp")
# With a certificate it offers STARTTLS; REQUIRED takes no mail without.
BOUNCE_TLS_CERT = env.str("BOUNCE_TLS_CERT", default="")
BOUNCE_TLS_KEY = env.str("BOUNCE_TLS_KEY", default="")
BOUNCE_TLS_REQUIRED = strict_bool("BOUNCE_TLS_REQUIRED", default=False)
BOUNCE_SIZE_LIMIT = strict_int("BOUNCE_SIZE_LIMIT", default=32 * 1024 * 1024)

# --- Applications -----------------------------------------------------------

INSTALLED_APPS = [
    # First: it binds the queue's broker before any actor is declared.
    "deliveryportal.apps.PortalConfig",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.usersessions",
    "deliveryportal.accounts",
    "channels",
    "conversations",
    "deliveryportal.practice",
    "csp",
    "django_htmx",
    "django_prose_editor",
    "heroicons",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "deliveryportal.headers.looser_in_django_admin",
    "deliveryportal.headers.without_devices",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "deliveryportal.headers.kept_nowhere",
    "deliveryportal.accounts.middleware.signed_out_htmx",
    "deliveryportal.accounts.middleware.in_the_users_time_zone",
    "deliveryportal.accounts.middleware.SignInFirst",
    "deliveryportal.accounts.middleware.MailThatDidNotLeave",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "deliveryportal.urls"
WSGI_APPLICATION = "deliveryportal.wsgi.application"

FORM_RENDERER = "deliveryportal.form_renderer.FormRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "deliveryportal.context.portal",
                "channels.context.broken_channels",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR}/portal.sqlite3")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(exist_ok=True)
    DATABASES["default"] |= {
        "OPTIONS": {
            # Writers queue for the lock at BEGIN instead of failing in the middle.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # FULL: a committed hand-over survives a power cut, so no mail is doubled.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file, because the tests' servers and workers run in other threads.
        "TEST": {"NAME": f"{DATABASES['default']['NAME']}-test"},
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    if strict_bool("PREPARED_STATEMENTS", default=True):
        # Only what asks for it is prepared (channels.database.prepared): no statement
        # is ever run so often.
        DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 10**9
# An index's further columns save PostgreSQL a look into the table; SQLite does without.
SILENCED_SYSTEM_CHECKS = ["models.W040"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Queue ------------------------------------------------------------------
# Empty: in memory, inside this process. Else redis://… or amqp://…

BROKER_URL = env.str("BROKER_URL", default="")
WORKER_THREADS = strict_int("WORKER_THREADS", default=4)
CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}

# --- Sending ----------------------------------------------------------------

LANE_BATCH = strict_int("LANE_BATCH", default=200)  # deliveries read at a time
# Mails handed over before what came of them is committed: as many may be in doubt
# after a crash. 1 is strict: one mail of each worker thread.
IN_HAND = strict_int("IN_HAND", default=50)
# A lane's turn: after so long the rest of its batch goes back, behind the others.
LANE_MILLISECONDS = strict_int("LANE_MILLISECONDS", default=400)
# Sessions that all workers together have open to one host. By default one thread of
# each process stays free for the others when a host hangs.
FAR_END_SESSIONS = strict_int("FAR_END_SESSIONS", default=max(WORKER_THREADS - 1, 1))
LEASE_SECONDS = strict_int("LEASE_SECONDS", default=600)
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["OPTIONS"] = {
        # Seconds. A process that is asked to stop has no more, and psycopg waits for
        # two minutes.
        "connect_timeout": 3,
        # A server that vanishes, with its power or behind a firewall, does not say so:
        # whoever waits for its answer learns it within some 15 seconds instead of
        # hours. One that only thinks for long is not meant: its kernel still answers.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 15_000,  # in milliseconds
        "options": (
            # A process that stands still in the middle of a transaction, or whose
            # machine is gone, keeps nobody from its rows for longer.
            f"-c idle_in_transaction_session_timeout={min(LEASE_SECONDS, 60)}s "
            # The queries of a page are not compiled: that takes longer than to run
            # them.
            "-c jit=off "
            # Prepared statements find rows by their ids, or follow the index of a list:
            # a plan for the values of each run would be the same, and making it takes a
            # quarter of the time of settling, and two thirds of that of reading a list.
            "-c plan_cache_mode=force_generic_plan"
        ),
        **DATABASES["default"].get("OPTIONS", {}),  # as DATABASE_URL says
    }
SWEEP_SECONDS = strict_int("SWEEP_SECONDS", default=2)
# Networks inside which a custom SMTP server may lie, as in 10.0.0.0/8.
SMTP_ALLOWED_NETWORKS: list[str] = env.list("SMTP_ALLOWED_NETWORKS", default=[])
# How long a message waits after Send, for its writer to take it back; 0: not at all.
UNDO_SECONDS = strict_int("UNDO_SECONDS", default=10, least=0)
MAX_ATTACHMENT_BYTES = strict_int("MAX_ATTACHMENT_BYTES", default=20 * 1024 * 1024)
MAX_MESSAGE_BYTES = strict_int("MAX_MESSAGE_BYTES", default=10 * 1024 * 1024)
# A form that carries more than a message may hold is answered by the form's own
# words; beyond this the server stops reading.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# --- Accounts ---------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# open: whoever signs up founds a team of their own. invitation: only the first
# person of an installation may; the others come by a manager's invitation.
SIGNUP = strict_choice(
    "SIGNUP", {"open", "invitation"}, default="open" if PRACTICE else "invitation"
)
INVITATION_DAYS = strict_int("INVITATION_DAYS", default=7)
# How long the link that verifies an email identity works.
IDENTITY_LINK_DAYS = strict_int("IDENTITY_LINK_DAYS", default=3)

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "deliveryportal.accounts.adapter.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "deliveryportal.accounts.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none" if PRACTICE else "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
# How often an address of the network, or an email address, may try. The others are
# allauth's own, and as strict.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
}
# How many proxies in front of it the portal believes what they say of the visitor's
# address. Each adds to X-Forwarded-For; what stands before theirs is hearsay.
ALLAUTH_TRUSTED_PROXY_COUNT = strict_int("TRUSTED_PROXIES", default=0, least=0)
# A second thing to sign in with, for who wants it: the codes of an app, or a passkey,
# which also does without the password.
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "DeliveryPortal"
MFA_ADAPTER = "channels.mfa_adapter.MFAAdapter"
# Practice mode verifies no addresses, and is tried on a machine without HTTPS.
MFA_ALLOW_UNVERIFIED_EMAIL = PRACTICE
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = PRACTICE and not HTTPS
USERSESSIONS_ADAPTER = "deliveryportal.accounts.ending_sessions.SessionsAdapter"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"

# --- Google -----------------------------------------------------------------
# An OAuth client of https://console.cloud.google.com, its redirect address
# BASE_URL/accounts/google/login/callback/. Without it nobody can connect Gmail.

GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", default="")
# A stand-in for Google, for tests: http://127.0.0.1:port.
GOOGLE_BASE = env.str("GOOGLE_BASE", default="").rstrip("/")
# Whether people may also sign in by Google, once they have an account here.
GOOGLE_SIGN_IN = strict_bool("GOOGLE_SIGN_IN", default=False)

SIGN_IN_PROVIDERS = ["google"] if GOOGLE_SIGN_IN and GOOGLE_CLIENT_ID else []
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {
    "google": {
        "APPS": [{"client_id": GOOGLE_CLIENT_ID, "secret": GOOGLE_CLIENT_SECRET}]
        if GOOGLE_CLIENT_ID
        else [],
        # To sign in by; what a channel needs, its transport says.
        "SCOPE": ["openid", "email", "profile"],
        "OAUTH_PKCE_ENABLED": True,
    }
    | (
        {
            "AUTHORIZE_URL": f"{GOOGLE_BASE}/o/oauth2/v2/auth",
            "ACCESS_TOKEN_URL": f"{GOOGLE_BASE}/oauth2/token",
            "IDENTITY_URL": f"{GOOGLE_BASE}/oauth2/v2/userinfo",
            "ID_TOKEN_ISSUER": GOOGLE_BASE,
        }
        if GOOGLE_BASE
        else {}
    )
}
SOCIALACCOUNT_ADAPTER = "channels.oauth.adapter.SocialAccountAdapter"
# Tokens are kept, encrypted, by the channel alone.
SOCIALACCOUNT_STORE_TOKENS = False
# Whoever signs in by Google is known by the address that Google has verified.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = bool(SIGN_IN_PROVIDERS)
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True

# Account mail leaves by the same relay as Portal servers.
EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default=f"DeliveryPortal <portal@{PORTAL_DOMAIN}>"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Web --------------------------------------------------------------------

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "deliveryportal.formats"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
# Collected for production; practice mode serves them where they lie.
STATIC_ROOT = None if PRACTICE else VAR_DIR / "static"
WHITENOISE_USE_FINDERS = PRACTICE
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PRACTICE
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Only what this server serves: no inline script or style, nothing from elsewhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # the square that an app of codes reads
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Connecting Gmail is a form whose answer leads to the consent page.
        "form-action": [SELF, GOOGLE_BASE or "https://accounts.google.com"],
    }
}

# What a scraper must present to read /metrics (Authorization: Bearer …); without it
# the page does not exist.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

LOG_FORMAT = strict_choice("LOG_FORMAT", {"line", "json"}, default="line")
LOG_LEVEL = strict_choice(
    "LOG_LEVEL", {"debug", "info", "warning", "error", "critical"}, default="info"
).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "deliveryportal.logs.OneLineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
        # With the ids of `extra` (delivery, report) as fields of their own.
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        name: {"level": LOG_LEVEL}
        for name in ("deliveryportal", "channels", "conversations")
    }
    # Eight lines for one refused connection; /healthz says it in one.
    | {"pika": {"level": "CRITICAL"}}
    # A refused page is the visitor's business, not the operator's.
    | {"django.request": {"level": "ERROR"}},
}

UNFOLD = {
    "SITE_TITLE": "DeliveryPortal",
    "SITE_HEADER": "DeliveryPortal",
    "SITE_SUBHEADER": "Operator",
    "SITE_SYMBOL": "outgoing_mail",
    "SITE_FAVICONS": [
        {"rel": "icon", "href": lambda request: static("favicon.svg")},
    ],
    "STYLES": [lambda request: static("admin.css")],
    "SHOW_HISTORY": True,
    "ENVIRONMENT": ["Practice", "info"] if PRACTICE else ["Production", "success"],
    "DASHBOARD_CALLBACK": "deliveryportal.dashboard.dashboard",
    "SIDEBAR": {"navigation": "deliveryportal.admin_menu.groups"},
}
