"""What an answer of Gmail's API or of Google's token endpoint means.

Gmail answers an error with a body like this, in which `errors`, `details` and
`status` may be missing, and which a proxy may replace by a page of its own:

    {"error": {"code": 403, "status": "PERMISSION_DENIED",
               "message": "Request had insufficient authentication scopes.",
               "errors": [{"reason": "insufficientPermissions", …}],
               "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT", …}]}}
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from channels.transports._base import TransportError, Verdict

logger = logging.getLogger(__name__)

REMOTE = "gmail.googleapis.com"
MAX_WORDS = 2000
# Google blocks an account for a day at most; a time further off is wrong.
MAX_WAIT = timedelta(hours=24)

_RETRY_AFTER = re.compile(r"retry after\s+(\d{4}-\d\d-\d\dT[\d:.]+Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """An error answer of Gmail's; `message` and `reasons` are not trusted."""

    status: int
    message: str
    reasons: frozenset[str]
    retry_after: str  # the header, as it came

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
        error = _error_in(content)
        entries = [
            entry
            for field in ("errors", "details")
            for entry in _list(error.get(field))
            if isinstance(entry, dict)
        ]
        found = [error.get("status"), *(entry.get("reason") for entry in entries)]
        return cls(
            status,
            str(error.get("message") or f"HTTP {status}")[:MAX_WORDS],
            frozenset(reason for reason in found if isinstance(reason, str)),
            headers.get("retry-after", ""),
        )


def _error_in(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    error = body.get("error", body) if isinstance(body, dict) else {}
    return error if isinstance(error, dict) else {"message": error}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# --- when to come back --------------------------------------------------------


def requested_wait(answer: Answer, at: datetime) -> timedelta | None:
    """Return the pause Google asks for, in its message or in Retry-After, if any."""
    named = _RETRY_AFTER.search(answer.message)
    if answer.retry_after.isdecimal() and not named:
        wait = timedelta(seconds=int(answer.retry_after[:9]))
    else:
        moment = _moment(named[1] if named else answer.retry_after)
        wait = timedelta(0) if moment is None else moment - at
    return min(wait, MAX_WAIT) if wait > timedelta(0) else None


def _moment(text: str) -> datetime | None:
    """Read a date of RFC 3339 or of HTTP; None for anything else."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def until_tomorrow(answer: Answer, at: datetime) -> timedelta:
    """Google's day ends at midnight in California: 8:00 UTC, in summer an hour before."""
    reset = at.astimezone(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    return (reset if reset > at else reset + timedelta(days=1)) - at


# --- Gmail's API --------------------------------------------------------------

RECONNECT = "Reconnect Gmail."


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """`words` precede Google's own, for people; `operators` it is theirs to mend."""

    verdict: Verdict
    words: str = ""
    wait: Callable[[Answer, datetime], timedelta | None] = requested_wait
    operators: bool = False


REFUSED = Meaning(verdict=Verdict.REFUSED)
LATER = Meaning(verdict=Verdict.CHANNEL_DOWN)
UNKNOWN = Meaning(verdict=Verdict.UNKNOWN)

# Rows are tried in order; no reasons: whatever the reason. Limits are the account's,
# so they hold for the next message too.
ANSWERS: list[tuple[range | set[int], set[str], Meaning]] = [
    (
        {401},
        set(),
        Meaning(
            verdict=Verdict.CHANNEL_BROKEN,
            words=f"Google does not accept our access to this account. {RECONNECT}",
        ),
    ),
    (
        {400},
        {"failedPrecondition", "FAILED_PRECONDITION"},
        Meaning(
            verdict=Verdict.CHANNEL_BROKEN,
            words="Gmail is not switched on for this account.",
        ),
    ),
    ({400, 413}, set(), REFUSED),
    (
        {403, 429},
        {"dailyLimitExceeded"},
        Meaning(
            verdict=Verdict.CHANNEL_DOWN,
            words="What Google allows in a day is used up. It goes on tomorrow.",
            wait=until_tomorrow,
        ),
    ),
    (
        {403},
        {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"},
        LATER,
    ),
    (
        {403},
        {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
        Meaning(
            verdict=Verdict.CHANNEL_BROKEN,
            words="The permission to send mail is missing. Reconnect Gmail and tick "
            "“Send email on your behalf”.",
        ),
    ),
    (
        {403},
        {"accessNotConfigured", "SERVICE_DISABLED"},
        Meaning(
            verdict=Verdict.CHANNEL_DOWN,
            words="The portal’s own access to Gmail is switched off. Its admin has to "
            "switch it on.",
            operators=True,
        ),
    ),
    (
        {403},
        {"domainPolicy"},
        Meaning(
            verdict=Verdict.CHANNEL_BROKEN,
            words="Your company’s Google admin does not allow this portal.",
        ),
    ),
    (
        {403},
        {"forbidden"},
        Meaning(
            verdict=Verdict.CHANNEL_BROKEN,
            words="Google does not let us send from this account.",
        ),
    ),
    # Whether it was sent before the server failed, nobody knows.
    (range(500, 600), set(), UNKNOWN),
    # 429, an error that is new, and what is not Gmail's at all: a proxy's answer.
    (range(300, 500), set(), LATER),
]


def meaning_of(answer: Answer) -> Meaning:
    return next(
        (
            meaning
            for statuses, reasons, meaning in ANSWERS
            if answer.status in statuses and (not reasons or reasons & answer.reasons)
        ),
        UNKNOWN,
    )


def not_accepted(answer: Answer, at: datetime) -> TransportError:
    meaning = meaning_of(answer)
    return _error(
        meaning,
        answer.message,
        code=answer.status,
        wait=meaning.wait(answer, at),
        stage="answer",
    )


# --- Google's token endpoint (RFC 6749, 5.2) ------------------------------------

OURS = Meaning(
    verdict=Verdict.CHANNEL_DOWN,
    words="Google does not accept the portal’s own credentials. Its admin has to mend "
    "them.",
    operators=True,
)
NO_SIGN_IN = Meaning(
    verdict=Verdict.CHANNEL_DOWN, words="Google’s sign-in is out of order just now."
)
TOKEN_ANSWERS: dict[str, Meaning] = {
    "invalid_grant": Meaning(
        verdict=Verdict.CHANNEL_BROKEN,
        words=f"The permission was taken back, or it has expired. {RECONNECT}",
    ),
    "admin_policy_enforced": Meaning(
        verdict=Verdict.CHANNEL_BROKEN,
        words="Your company’s Google admin does not allow this portal.",
    ),
    "invalid_client": OURS,
    "unauthorized_client": OURS,
    "deleted_client": OURS,
    "disabled_client": OURS,
}


def not_renewed(error: str, description: str) -> TransportError:
    """Translate an error of the token endpoint; nothing has been sent."""
    said = ": ".join(filter(None, (error, description)))
    return _error(TOKEN_ANSWERS.get(error, NO_SIGN_IN), said, stage="sign_in")


def _error(meaning: Meaning, said: str, **facts: Any) -> TransportError:
    if meaning.operators:
        logger.error("Google refuses the portal: %r", said[:MAX_WORDS])
    words = f"{meaning.words} Google said: {said}" if meaning.words else said
    text = words.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MAX_WORDS]
    return TransportError(text, meaning.verdict, remote=REMOTE, **facts)
