"""A real Exim in a folder of its own: relay, remote mail server and bouncer.

As `Postfix` here, with the same servers outside; one daemon plays them all and knows by
its ports which it is. It only reads its configuration if the user exists that Debian
built it for.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass

from tests.parts import require_part
from tests.peers.mail_server import MailServer, free_ports
from tests.peers.outside import (
    DEAD_DOMAIN,
    DEAD_PORT,
    GIVEN_UP_AFTER,
    HOPS,
    LATE,
    LATE_REPLY,
    LOOP,
    MX_DOMAIN,
    MX_REPLIES,
    WARNED_AFTER,
)
from tests.portal import ROOT

USER = "Debian-exim"
# Debian's package cannot be installed beside Postfix, so .ci/run unpacks it there.
UNPACKED = ROOT / "var" / "exim" / "usr" / "sbin"

CONFIGURATION = """\
AT_RELAY = ${{if eq{{$received_port}}{{{plain}}}}}
AT_MX = ${{if eq{{$received_port}}{{{mx}}}}}
AT_STORE = ${{if eq{{$received_port}}{{{store}}}}}

primary_hostname = relay.test
exim_path = {program}
spool_directory = {base}/spool
log_file_path = {base}/log/%slog
pid_file_path = {base}/exim.pid
local_interfaces = 127.0.0.1.{plain} : 127.0.0.1.{mx} : 127.0.0.1.{store}
keep_environment =
tls_advertise_hosts =
dsn_advertise_hosts = *
# No DNS for who is speaking; routes name hosts by their number.
host_lookup =
acl_smtp_rcpt = judge
delay_warning = {warned_after}s:1h
received_headers_max = {hops}

begin acl
judge:
  accept condition = AT_RELAY
  accept local_parts = {loop}
  deny condition = AT_STORE
       message = {late_reply}
{mx_replies}
  accept

begin routers
bounces:
  driver = manualroute
  domains = {bounce_domain}
  route_data = {bounces}
  self = send
  transport = smtp
dead:
  driver = manualroute
  domains = {dead_domain}
  route_data = 127.0.0.1::{dead_port}
  self = send
  transport = smtp
behind_mx:
  driver = manualroute
  domains = {mx_domain}
  local_parts = {late} : {loop}
  condition = AT_MX
  route_data = 127.0.0.1::{store}
  self = send
  transport = smtp
mx:
  driver = manualroute
  domains = {mx_domain}
  condition = ${{if !eq{{$received_port}}{{{mx}}}}}
  route_data = 127.0.0.1::{mx}
  self = send
  transport = smtp
elsewhere:
  driver = manualroute
  route_data = {sink}
  self = send
  transport = smtp

begin transports
smtp:
  driver = smtp
  allow_localhost
  connect_timeout = 5s
  # It takes hosts with one name for one, whatever their ports are.
  connection_max_messages = 1

begin retry
* * F,{given_up_after}s,1s
"""


@dataclass(frozen=True, slots=True)
class Ports:
    plain: int  # no TLS, no password: a relay on the own machine
    mx: int
    store: int


def find_exim() -> str | None:
    return shutil.which("exim4", path=f"{os.environ['PATH']}:{UNPACKED}")


def require_exim() -> None:
    """Skip the test where Exim cannot run; see `require_part`."""
    require_part(find_exim(), "exim4 is neither installed nor unpacked")
    require_part(os.geteuid() == 0, "Exim can only be started by root")
    users = {user.pw_name for user in pwd.getpwall()}
    require_part(USER in users, f"there is no user {USER}")


class Exim(MailServer):
    """Used as a context manager. Addresses of peers are `host:port`.

    `bounces_to` gets the mail for `bounce_domain`; `sink` that for everybody else.
    """

    name = "exim"

    def __init__(
        self, *, bounces_to: str, sink: str, bounce_domain: str = "bounce.portal.test"
    ) -> None:
        self._routes = {
            "bounce_domain": bounce_domain,
            "bounces": bounces_to.replace(":", "::"),
            "sink": sink.replace(":", "::"),
        }

    @property
    def log(self) -> str:
        path = self.base / "log" / "mainlog"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        self.ports = Ports(*free_ports(len(Ports.__slots__)))
        self.port = self.ports.plain
        program = find_exim()
        assert program
        self._write(program)
        self._process = subprocess.Popen(
            [program, "-C", self.base / "exim.conf", "-bdf", "-q1s"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.wait_for(
            [self.ports.plain, self.ports.mx, self.ports.store],
            alive=lambda: self._process.poll() is None,
        )

    def stop(self) -> None:
        with suppress(ProcessLookupError):  # its children look after single messages
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=60)

    def _write(self, program: str) -> None:
        for folder in (self.base / "spool", self.base / "log"):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, USER, USER)
        ports = {name: getattr(self.ports, name) for name in Ports.__slots__}
        known = {
            "base": self.base,
            "program": program,
            "mx_domain": MX_DOMAIN,
            "mx_replies": _by_local_part(MX_REPLIES),
            "late": LATE,
            "late_reply": LATE_REPLY,
            "loop": LOOP,
            "hops": HOPS,
            "dead_domain": DEAD_DOMAIN,
            "dead_port": DEAD_PORT,
            "warned_after": WARNED_AFTER,
            "given_up_after": GIVEN_UP_AFTER,
        }
        known |= ports | self._routes
        configuration = self.base / "exim.conf"
        configuration.write_text(CONFIGURATION.format_map(known))
        configuration.chmod(0o644)


def _by_local_part(replies: dict[str, str]) -> str:
    """Lines of an ACL."""
    return "\n".join(
        f"  {'deny' if reply.startswith('5') else 'defer'} local_parts = {name}\n"
        f"       message = {reply}"
        for name, reply in replies.items()
    )
