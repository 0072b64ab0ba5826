"""What must be right before anything starts: each with an id, a sentence and a hint."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from channels.egress import parse_networks
from channels.smtp.server import Security, SmtpServer
from channels.transports import all_transports
from conversations.bounces.receiver import host_and_port
from conversations.bounces.tls import tls_context

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@register()
def relay(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    url = settings.PORTAL_RELAY_URL
    if settings.PRACTICE:
        if url:
            return [
                Error(
                    "A relay is configured and PORTAL_MODE is practice.",
                    hint="Practice mail never leaves this machine: remove "
                    "PORTAL_RELAY_URL, or set PORTAL_MODE=production.",
                    id="deliveryportal.E001",
                )
            ]
        return []
    if not url:
        return [
            Error(
                "PORTAL_RELAY_URL is not set, and PORTAL_MODE is production.",
                hint="Name your mail server, as in smtp://127.0.0.1:25.",
                id="deliveryportal.E002",
            )
        ]
    return [each for one in url.split(",") for each in _relay_url(one.strip())]


@register()
def secret_key(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.SECRET_KEY_GIVEN:
        return []
    return [
        Error(
            "SECRET_KEY is not set, and PORTAL_MODE is production.",
            hint="Make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="deliveryportal.E006",
        )
    ]


def _is_pem(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # ssl.SSLError is one
        return False
    return True


def _relay_url(url: str) -> list[CheckMessage]:
    try:
        server = SmtpServer.from_url(url)
    except ValueError as error:
        return [
            Error(
                f"PORTAL_RELAY_URL cannot be used. {error}",
                hint="Write smtp://host:port, smtp+starttls://user:password@host:port "
                "or smtps://…; ?ca=FILE names a private CA.",
                id="deliveryportal.E003",
            )
        ]
    if server.ca and not _is_pem(server.ca):
        return [
            Error(
                "The CA file named in PORTAL_RELAY_URL cannot be read, or is no PEM.",
                hint="Give the absolute path of a PEM file this user may read.",
                id="deliveryportal.E004",
            )
        ]
    if server.user and server.security is Security.NONE and server.host not in LOOPBACK:
        return [
            Error(
                "PORTAL_RELAY_URL would send its password in clear.",
                hint="Use smtp+starttls:// or smtps://.",
                id="deliveryportal.E005",
            )
        ]
    return []


@register()
def addresses(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{name} is not set.",
            hint=hint,
            id=f"deliveryportal.E01{number}",
        )
        for number, (name, hint) in enumerate(
            {
                "PORTAL_DOMAIN": "The portal's own domain, as in portal.example.com.",
                "BOUNCE_DOMAIN": "A domain whose MX brings mail to receivebounces.",
                "ALLOWED_HOSTS": "The host names of this site, separated by commas.",
                "BASE_URL": "Where people open this site, as in https://portal.example.com.",
            }.items()
        )
        if not getattr(settings, name)
    ]


@register()
def bounce_listen(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    try:
        host_and_port(settings.BOUNCE_LISTEN)
    except ValueError as error:
        return [
            Error(
                f"BOUNCE_LISTEN cannot be used. {error}",
                hint="Name the address and port of the bounce receiver.",
                id="deliveryportal.E015",
            )
        ]
    return []


@register()
def bounce_tls(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    try:
        tls = tls_context()
    except ValueError as error:
        return [
            Error(
                f"BOUNCE_TLS_CERT and BOUNCE_TLS_KEY cannot be used. {error}",
                hint="Give the absolute paths of the certificate with its chain and of "
                "its key without a password, both PEM, or neither.",
                id="deliveryportal.E017",
            )
        ]
    if settings.BOUNCE_TLS_REQUIRED and (
        tls is None or settings.BOUNCE_PROTOCOL == "lmtp"
    ):
        found.append(
            Error(
                "BOUNCE_TLS_REQUIRED is on, and nobody could meet it.",
                hint="It needs BOUNCE_TLS_CERT, BOUNCE_TLS_KEY and BOUNCE_PROTOCOL=smtp.",
                id="deliveryportal.E018",
            )
        )
    return found


@register()
def smtp_allowed_networks(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    try:
        parse_networks(settings.SMTP_ALLOWED_NETWORKS)
    except ValueError as error:
        return [
            Error(
                f"SMTP_ALLOWED_NETWORKS cannot be used: {error}.",
                hint="Write networks as 10.0.0.0/8, separated by commas.",
                id="deliveryportal.E016",
            )
        ]
    return []


@register()
def credential_keys(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    if not settings.CREDENTIAL_KEYS:
        if settings.PRACTICE:
            return []
        return [
            Warning(
                "CREDENTIAL_KEYS is not set; stored credentials depend on SECRET_KEY.",
                hint="Make a key with: python -c 'from cryptography.fernet import "
                "Fernet; print(Fernet.generate_key().decode())'",
                id="deliveryportal.W020",
            )
        ]
    try:
        for key in settings.CREDENTIAL_KEYS:
            Fernet(key)
    except ValueError:
        return [
            Error(
                "CREDENTIAL_KEYS holds something that is no Fernet key.",
                hint="Each is 32 bytes in URL-safe base64; separate them by commas.",
                id="deliveryportal.E021",
            )
        ]
    return []


@register()
def lease(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    patience = max(transport.patience for transport in all_transports().values())
    if timedelta(seconds=settings.LEASE_SECONDS) > patience:
        return []
    return [
        Error(
            f"LEASE_SECONDS is {settings.LEASE_SECONDS}, shorter than one hand-over "
            f"may take ({patience.total_seconds():.0f} s).",
            hint="A lease that ends while a mail is being sent leaves it unconfirmed. "
            "Leave the default of 600.",
            id="deliveryportal.E030",
        )
    ]


@register()
def google(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if bool(settings.GOOGLE_CLIENT_ID) != bool(settings.GOOGLE_CLIENT_SECRET):
        found.append(
            Error(
                "Of GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET only one is set.",
                hint="Google's console shows both for your OAuth client. Set neither "
                "to do without Gmail.",
                id="deliveryportal.E040",
            )
        )
    if settings.GOOGLE_SIGN_IN and not settings.GOOGLE_CLIENT_ID:
        found.append(
            Error(
                "GOOGLE_SIGN_IN is on without GOOGLE_CLIENT_ID.",
                hint="Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET too.",
                id="deliveryportal.E041",
            )
        )
    base = settings.GOOGLE_BASE
    if base and urlsplit(base).hostname not in LOOPBACK:
        found.append(
            Error(
                "GOOGLE_BASE names another machine, which would get Google's tokens.",
                hint="It names a stand-in for tests on this machine; leave it out.",
                id="deliveryportal.E042",
            )
        )
    return found
