"""The one message that everybody sends: 4 KB, plain text and HTML."""

from __future__ import annotations

SENTENCE = "Dear Anna, this is one of the plain sentences of a usual letter, no more."
TEXT = f"{SENTENCE}\n" * 18
HTML = "<html><body>" + f"<p>{SENTENCE} <b>Grüße</b></p>\n" * 22 + "</body></html>"
