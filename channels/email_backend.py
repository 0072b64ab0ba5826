from __future__ import annotations

import ssl
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from channels.transports._relays import in_turn, servers_from
from channels.transports._smtp_server import Security


class RelayEmailBackend(EmailBackend):
    """Django's own mail (verification, password reset) by the Portal's relay.

    The relay is read when mail is sent, not when Django starts: in practice mode
    it gets its port only then.
    """

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - Django's signature
        server = next(in_turn(servers_from(settings.PORTAL_RELAY_URL)))
        super().__init__(
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security is Security.STARTTLS,
            use_ssl=server.security is Security.TLS,
            fail_silently=fail_silently,
        )
        self._ca = server.ca

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """Verify the relay's certificate, against its own CA if it has one."""
        return ssl.create_default_context(cafile=self._ca or None)
