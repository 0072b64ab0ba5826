from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit


class Security(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"  # from the first byte (RFC 8314)


DEFAULT_PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}
SCHEMES = {
    "smtp": Security.NONE,
    "smtp+starttls": Security.STARTTLS,
    "smtps": Security.TLS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where to connect and how.

    `ca` is a PEM file, `ca_text` PEM text, to trust instead of the system's CAs.
    """

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    ca_text: str = ""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read `smtp[s|+starttls]://[user:password@]host[:port][?ca=file]`.

        Raises ValueError with a sentence that repeats no password.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(
                "It must start with smtp://, smtp+starttls:// or smtps://, "
                "as in smtp://127.0.0.1:25."
            )
        security = SCHEMES[parts.scheme]
        if not parts.hostname:
            raise ValueError("It names no host.")
        if not all(c.isalnum() or c in ".-:_" for c in parts.hostname):
            raise ValueError("Its host is not the name of a server.")
        if parts.path.strip("/") or parts.fragment:
            raise ValueError("Nothing may follow the port but ?ca=FILE.")
        port = _port(parts)
        query = parse_qs(parts.query, keep_blank_values=True)
        if query.keys() - {"ca"}:
            raise ValueError("The only option after “?” is ca=FILE.")
        return cls(
            host=parts.hostname,
            port=DEFAULT_PORTS[security] if port is None else port,
            security=security,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            ca=query.get("ca", [""])[0],
        )


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("Its port is not a number from 1 to 65535.")
    return port
