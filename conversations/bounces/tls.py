"""The certificate by which the bounce receiver offers STARTTLS."""

from __future__ import annotations

import ssl

from django.conf import settings


def tls_context() -> ssl.SSLContext | None:
    """Return the context of BOUNCE_TLS_CERT and _KEY, or None if neither is set.

    Raises ValueError with a sentence.
    """
    cert, key = settings.BOUNCE_TLS_CERT, settings.BOUNCE_TLS_KEY
    if not (cert or key):
        return None
    if not (cert and key):
        raise ValueError("Only one of them is set.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # An empty password, so that OpenSSL does not ask for one at the terminal.
        context.load_cert_chain(cert, key, password=str)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{error.strerror or error}.") from None
    return context
