from __future__ import annotations

import logging
from typing import Any

# Everything that ends a line for some reader, as its visible escape.
LINE_ENDS = {
    ord(c): c.encode("unicode_escape").decode() for c in "\r\n\v\f\x1b\x85\u2028\u2029"
}
BUT_NEW_LINES = {end: shown for end, shown in LINE_ENDS.items() if end != ord("\n")}
MARGIN = "    | "


class OneLineFormatter(logging.Formatter):
    """Keep text from outside (SMTP replies, names) from forging log lines.

    A traceback keeps its lines, which may have such text in them. The margin tells each
    from the first line of a record.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return super().formatMessage(record).translate(LINE_ENDS)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return _with_margin(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _with_margin(super().formatStack(stack_info))


def _with_margin(text: str) -> str:
    return "\n".join(
        f"{MARGIN}{line}" for line in text.translate(BUT_NEW_LINES).split("\n")
    )
