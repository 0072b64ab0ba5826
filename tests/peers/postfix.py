"""A real Postfix in a folder of its own: relay, remote mail server and bouncer.

It listens on free loopback ports only and asks no DNS, so several run side by side
and no mail leaves the machine. The servers of `outside` are its own; what bounces
comes back over SMTP to the host named for the bounce domain; everything else is
delivered to the sink.
"""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.parts import require_part
from tests.peers.mail_server import MailServer, StartError, free_ports
from tests.peers.outside import (
    DEAD_DOMAIN,
    DEAD_PORT,
    GIVEN_UP_AFTER,
    HOPS,
    HOST,
    LATE,
    LATE_REPLY,
    LOOP,
    MX_DOMAIN,
    MX_REPLIES,
    WARNED_AFTER,
)

USER = "portal@relay.test"
PASSWORD = "a postfix password"
# As which senders that user may write; from anybody else it is refused.
MAY_SEND_AS = r"@(acme|portal|bounce\.portal)\.test$"
A_MINUTE = 3  # messages that the limited port takes of one client

# What the relay itself says, at RCPT, before it has taken anything.
RELAY_REPLIES = {
    "refused": "550 5.1.1 There is no such address behind us",
    "later": "450 4.3.2 Not now",
}

MAIN_CF = """\
compatibility_level = 3.6
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {base}/spool
data_directory = {base}/data
maillog_file = {base}/mail.log
maillog_file_prefixes = {base}
smtputf8_enable = yes
message_size_limit = 20971520
# No DNS, neither for where to send nor for who is speaking.
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
transport_maps = inline:{{ {{ {bounce_domain} = {bounces} }}, {{ {mx_domain} = smtp:[127.0.0.1]:{mx} }}, {{ {dead_domain} = smtp:[127.0.0.1]:{dead_port} }} }}
default_transport = {elsewhere}
# A queue in a hurry.
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
delay_warning_time = {warned_after}s
maximal_queue_lifetime = {given_up_after}s
bounce_queue_lifetime = {given_up_after}s
hopcount_limit = {hops}
smtp_connect_timeout = 5s
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access regexp:{base}/etc/relay_replies, permit
smtpd_tls_security_level = may
smtpd_tls_chain_files = {base}/etc/tls.pem
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {base}/etc/sasl
smtpd_sasl_local_domain = relay.test
smtpd_sender_login_maps = regexp:{base}/etc/senders
# For the listeners that ask who is there.
signed_in_only = permit_sasl_authenticated, reject
own_senders_only = reject_authenticated_sender_login_mismatch
known_to_mx = check_recipient_access regexp:{base}/etc/mx_replies, permit
known_to_store = check_recipient_access regexp:{base}/etc/store_replies, permit
"""

MASTER_CF = """\
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=$signed_in_only
  -o smtpd_sender_restrictions=$own_senders_only
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_mechanism_filter=login
  -o smtpd_relay_restrictions=$signed_in_only
  -o smtpd_sender_restrictions=$own_senders_only -o smtpd_delay_reject=no
127.0.0.1:{limited} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_mechanism_filter=cram-md5
  -o smtpd_relay_restrictions=$signed_in_only
  -o smtpd_client_message_rate_limit={a_minute} -o smtpd_client_event_limit_exceptions=
127.0.0.1:{mx} inet n - n - - smtpd
  -o myhostname=mx.remote.test -o smtpd_recipient_restrictions=$known_to_mx
127.0.0.1:{store} inet n - n - - smtpd
  -o myhostname=store.remote.test -o smtpd_recipient_restrictions=$known_to_store
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Ports:
    plain: int  # no TLS needed, no password: a relay on the own machine
    submission: int  # STARTTLS, then a password; the sender is judged at RCPT
    smtps: int  # TLS at once, then a password (LOGIN only); the sender at MAIL
    limited: int  # as submission (CRAM-MD5 only), A_MINUTE messages a minute
    mx: int
    store: int


def require_postfix() -> None:
    """Skip the test where Postfix cannot run; see `require_part`."""
    for program in ("postfix", "saslpasswd2"):
        require_part(shutil.which(program), f"{program} is not installed")
    require_part(os.geteuid() == 0, "Postfix can only be started by root")


class Postfix(MailServer):
    """Used as a context manager. Addresses of peers are `host:port`.

    `bounces_to` gets the mail for `bounce_domain` (spoken to in SMTP, or in LMTP
    where `bounce_protocol` says so); `sink` gets the mail for everybody else.
    """

    name = "postfix"

    def __init__(
        self,
        *,
        bounces_to: str,
        sink: str,
        bounce_domain: str = "bounce.portal.test",
        bounce_protocol: str = "smtp",
    ) -> None:
        bounce_host, _, bounce_port = bounces_to.rpartition(":")
        sink_host, _, sink_port = sink.rpartition(":")
        self._routes = {
            "bounce_domain": bounce_domain,
            "bounces": f"{bounce_protocol}:[{bounce_host}]:{bounce_port}"
            if bounce_protocol == "smtp"
            else f"lmtp:inet:{bounces_to}",
            "elsewhere": f"smtp:[{sink_host}]:{sink_port}",
            "mx_domain": MX_DOMAIN,
            "dead_domain": DEAD_DOMAIN,
            "dead_port": str(DEAD_PORT),
        }

    @property
    def certificate(self) -> Path:
        """What to trust for the ports with TLS."""
        return self.base / "etc" / "ca.pem"

    @property
    def log(self) -> str:
        path = self.base / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        self.ports = Ports(*free_ports(len(Ports.__slots__)))
        self.port = self.ports.plain
        self._write()
        started = subprocess.run(
            ["postfix", "-c", self.base / "etc", "start"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        if started.returncode:
            raise StartError(f"Postfix did not start.\n{started.stderr}\n{self.log}")
        self.wait_for(
            [self.ports.plain, self.ports.mx, self.ports.store],
            alive=lambda: "fatal:" not in self.log,
        )

    def _write(self) -> None:
        etc = self.base / "etc"
        for folder in (etc, etc / "sasl", self.base / "spool"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        data = self.base / "data"
        data.mkdir(exist_ok=True)
        shutil.chown(data, "postfix")
        ports = {name: getattr(self.ports, name) for name in Ports.__slots__}
        known = {
            "base": self.base,
            "a_minute": A_MINUTE,
            "warned_after": WARNED_AFTER,
            "given_up_after": GIVEN_UP_AFTER,
            "hops": HOPS,
        }
        known |= ports | self._routes
        (etc / "main.cf").write_text(MAIN_CF.format_map(known))
        (etc / "master.cf").write_text(MASTER_CF.format_map(known))
        (etc / "relay_replies").write_text(_by_local_part(RELAY_REPLIES))
        to_mx = f"FILTER smtp:[{HOST}]:{self.ports.mx}"
        to_store = f"FILTER smtp:[{HOST}]:{self.ports.store}"
        (etc / "mx_replies").write_text(
            _by_local_part(MX_REPLIES | {LATE: to_store, LOOP: to_store})
            + f"/./ FILTER {self._routes['elsewhere']}\n"
        )
        (etc / "store_replies").write_text(
            _by_local_part({LOOP: to_mx}) + f"/./ {LATE_REPLY}\n"
        )
        (etc / "senders").write_text(f"/{MAY_SEND_AS}/ {USER}\n")
        write_certificate(key_and_chain=etc / "tls.pem", chain=self.certificate)
        (etc / "sasl" / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"sasldb_path: {data}/sasldb2\nmech_list: PLAIN LOGIN CRAM-MD5\n"
        )
        self.set_password(PASSWORD)
        # Postfix waits until a file it reads was not changed for a second.
        for path in etc.iterdir():
            os.utime(path, times=(0, 0))

    def set_password(self, password: str) -> None:
        """Let the user sign in with this password from now on."""
        database = self.base / "data" / "sasldb2"
        user, _, realm = USER.partition("@")
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", database, "-u", realm, user],
            input=password,
            text=True,
            check=True,
            capture_output=True,
        )
        shutil.chown(database, "postfix")

    def stop(self) -> None:
        pid_file = self.base / "spool" / "pid" / "master.pid"
        if not pid_file.exists():
            return
        master = int(pid_file.read_text())
        with suppress(ProcessLookupError):
            os.kill(master, signal.SIGTERM)  # it ends its children
            while True:
                os.kill(master, 0)
                time.sleep(0.02)


def _by_local_part(replies: dict[str, str]) -> str:
    return "".join(f"/^{name}@/ {reply}\n" for name, reply in replies.items())


def write_certificate(*, key_and_chain: Path, chain: Path) -> None:
    """Write a certificate for 127.0.0.1 and localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.test")])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address(HOST))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    chain.write_bytes(certificate)
    key_and_chain.touch(mode=0o600)
    key_and_chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate
    )
