from __future__ import annotations

import logging
import sys

from deliveryportal.logs import OneLineFormatter

FORGED = "2026-05-04 12:00:00 ERROR channels: All is lost"
BROKE = "INFO channels: It broke."


def formatted(error: Exception | None = None, stack: str | None = None) -> str:
    """A record as the log has it, with a traceback or a stack."""
    raised = None
    try:
        if error:
            raise error
    except ValueError:
        raised = sys.exc_info()
    record = logging.LogRecord(
        "channels", logging.INFO, __file__, 1, "It broke.", (), raised, sinfo=stack
    )
    return OneLineFormatter("INFO %(name)s: %(message)s").format(record)


def first_lines(text: str) -> list[str]:
    """What a reader takes for the first line of a record."""
    return [line for line in text.splitlines() if line[0] != " "]


def test_what_a_server_said_begins_no_line_of_a_traceback() -> None:
    for end in ("\n", "\r\n", "\r", "\x85", "\u2028", "\n\n"):
        text = formatted(ValueError(f"550 No{end}{FORGED}"))
        assert first_lines(text) == [BROKE], repr(end)
        assert FORGED in text
        assert "    | Traceback (most recent call last):" in text.splitlines()


def test_nor_one_of_a_stack() -> None:
    assert first_lines(formatted(stack=f"Stack\n  in f\n{FORGED}")) == [BROKE]
