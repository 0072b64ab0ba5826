"""What an answer of an SMTP server means, and the lack of one (RFC 5321, RFC 3463)."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from datetime import timedelta
from enum import Enum, auto

from channels.egress import EgressRefusedError
from channels.lines import has_hung_up
from channels.smtp.client import EndlessReplyError
from channels.transports import TransportError, Verdict

MAX_WORDS = 2000  # of a reply that is kept; hostile servers may send megabytes

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
# "try again in 5 minutes", "greylisted for 300 s", "come back in 00:04:59"
_WAIT = re.compile(
    r"(?:again|retry|wait|back|list(?:ed|ing))\D{0,20}?(?:"
    r"(?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d)"
    r"|(?P<number>\d{1,5})\s*(?P<unit>s|m|h)(?:ec|in|r|our|econd|inute)?s?\b)",
    re.IGNORECASE,
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


class Stage(Enum):
    """How far a conversation had come."""

    NAME = auto()
    CONNECTION = auto()
    TLS = auto()
    SIGN_IN = auto()
    SENDER = auto()
    RECIPIENT = auto()
    CONTENT = auto()  # up to and without the final dot
    FINAL_DOT = auto()  # the server may have the whole message


REPLY_CODES = range(200, 600)

# What an answer means, by stage; rows are tried in order, a row without codes
# holds for any, None is no answer at all.
ANSWERS: list[tuple[set[Stage], range | set[int] | None, Verdict]] = [
    ({Stage.SIGN_IN}, range(500, 600), Verdict.CHANNEL_BROKEN),
    (
        {Stage.NAME, Stage.CONNECTION, Stage.TLS, Stage.SIGN_IN},
        None,
        Verdict.CHANNEL_DOWN,
    ),
    # "Authentication required": for this server we are nobody.
    ({Stage.SENDER, Stage.RECIPIENT}, {530}, Verdict.CHANNEL_BROKEN),
    (set(Stage), range(500, 600), Verdict.REFUSED),
    # After the dot only a clear no means that it was not taken.
    ({Stage.FINAL_DOT}, range(400, 500), Verdict.NOT_NOW),
    ({Stage.FINAL_DOT}, None, Verdict.UNKNOWN),
    (set(Stage), None, Verdict.NOT_NOW),
]


def verdict_of(stage: Stage, code: int | None) -> Verdict:
    return next(
        verdict
        for stages, codes, verdict in ANSWERS
        if stage in stages and (codes is None or code in codes)
    )


def error_of(
    stage: Stage, code: int | None, words: bytes | str, *, remote: str
) -> TransportError:
    """Put a reply into our words; with no code it is nonsense, or none came."""
    text = text_of(words)
    enhanced = _ENHANCED.match(text)
    if code not in REPLY_CODES:
        code = None  # smtplib's -1 for nonsense, say
    return TransportError(
        text,
        verdict_of(stage, code),
        code=code,
        enhanced=enhanced[1] if enhanced else "",
        remote=remote,
        wait=requested_wait(text),
        stage=stage.name.lower(),
    )


def is_goodbye(error: TransportError) -> bool:
    """Whether the other side ended the connection in answer to MAIL, or before it.

    Not if it names a time to wait.
    """
    if error.stage != Stage.SENDER.name.lower() or error.wait or has_hung_up():
        return False
    closed = isinstance(
        error.__cause__, smtplib.SMTPServerDisconnected | ConnectionError
    )
    return error.code == 421 or (error.code is None and closed)


def requested_wait(words: str) -> timedelta | None:
    """Return the pause in "try again in N seconds", if the server asks for one."""
    match = _WAIT.search(words[:MAX_WORDS])
    if not match:
        return None
    if match["number"]:
        return timedelta(**{_UNITS[match["unit"].lower()]: int(match["number"])})
    return timedelta(**{unit: int(match[unit]) for unit in _UNITS.values()})


def text_of(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MAX_WORDS]


def explain(error: Exception) -> str:
    """Say what broke, in words for the timeline: the other side said nothing."""
    if has_hung_up():
        return "It had not answered when these servers had to stop."
    # Plain text came where TLS was to begin.
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "This port does not begin with TLS. Choose STARTTLS for it."
    for kind, sentence in _EXPLANATIONS.items():
        if isinstance(error, kind):
            return sentence.format(error=error)
    return f"The connection failed: {error}"


_EXPLANATIONS: dict[type[Exception], str] = {
    EgressRefusedError: "{error}",
    ssl.SSLCertVerificationError: "Its certificate is not trusted: {error.verify_message}",
    ssl.SSLError: "The TLS handshake failed: {error}",
    socket.gaierror: "Its name cannot be resolved.",
    ConnectionRefusedError: "Nothing answers there: the connection was refused.",
    TimeoutError: "It did not answer in time.",
    EndlessReplyError: "Its answer had no end.",
    smtplib.SMTPServerDisconnected: "It closed the connection.",
    ConnectionError: "The connection was lost.",
    smtplib.SMTPNotSupportedError: "It does not offer what is needed: {error}",
}
