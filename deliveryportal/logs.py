from __future__ import annotations

import logging

# Everything that ends a line for some reader, as its visible escape. Tracebacks
# are appended by the base class after the message and keep their lines.
LINE_ENDS = {
    ord(c): c.encode("unicode_escape").decode() for c in "\r\n\v\f\x1b\x85\u2028\u2029"
}


class OneLineFormatter(logging.Formatter):
    """Keep text from outside (SMTP replies, names) from forging log lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return super().formatMessage(record).translate(LINE_ENDS)
