"""The octets that a client sends between our 354 and the end of its mail."""

from __future__ import annotations

END = b"\r\n.\r\n"


class MailData:
    """Collects a mail from pieces, however the network cuts it.

    Only CRLF.CRLF ends it (RFC 5321, 2.3.8 and 4.1.1.4): servers that take another
    end for it let a second mail be smuggled in inside the first. Real bounces do hold
    bare CR and LF, so these stay as they came. Of a mail over `limit` octets, only the
    last few are kept, to look for its end.
    """

    def __init__(self, limit: int) -> None:
        self.too_big = False
        self._limit = limit
        # As if a line had ended, so that a dot alone on the first one is an end too.
        self._octets = bytearray(b"\r\n")

    def feed(self, piece: bytes) -> bytes | None:
        """Return the octets after the end of the mail; None if the end has not come."""
        searched = max(0, len(self._octets) - len(END) + 1)
        self._octets += piece
        end = self._octets.find(END, searched)
        self.too_big |= (len(self._octets) - 2 if end < 0 else end) > self._limit
        if end < 0:
            if self.too_big:
                del self._octets[: 1 - len(END)]
            return None
        rest = bytes(self._octets[end + len(END) :])
        del self._octets[end + 2 :]  # the CRLF is the mail's own
        return rest

    def content(self) -> bytes:
        """Return the mail, with dot stuffing removed (RFC 5321, 4.5.2)."""
        return bytes(self._octets).replace(b"\r\n.", b"\r\n")[2:]
