"""How the practice relay treats mail, by the local part it is addressed to. A table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What one kind of recipient does. `does` is what the Practice page says."""

    does: str
    refusal: str = ""  # the reply to RCPT, with {address}; empty: taken
    greylisted_for: timedelta = timedelta()  # put off at RCPT this long first
    pause: timedelta = timedelta()  # before the reply to the end of DATA
    answer: str = ""  # the later answer, a key of `answers.ANSWERS`
    answer_after: timedelta = timedelta()


# Anybody who is not in MANNERS.
FRIENDLY = Manner(
    does="Takes the mail, as every address does that is not in this list."
)

MANNERS: dict[str, Manner] = {
    "unknown": Manner(
        does="Refused on the spot: there is no such address.",
        refusal="550 5.1.1 <{address}>: Recipient address rejected: User unknown",
    ),
    "full": Manner(
        does="Refused on the spot: the mailbox is full.",
        refusal="552 5.2.2 <{address}>: Mailbox full: user is over quota",
    ),
    "blocked": Manner(
        does="Refused on the spot: our server is on their block list.",
        refusal="550 5.7.1 Service unavailable; client host blocked using a block list",
    ),
    "late-unknown": Manner(
        does="Takes the mail; a second later it bounces: there is no such address.",
        answer="late-unknown",
        answer_after=timedelta(seconds=1),
    ),
    "late-bounce": Manner(
        does="Takes the mail; ten seconds later it bounces: the mailbox is full.",
        answer="late-bounce",
        answer_after=timedelta(seconds=10),
    ),
    "greylist": Manner(
        does="Asks to come back in five seconds, and takes the mail then.",
        greylisted_for=timedelta(seconds=5),
    ),
    "slow": Manner(
        does="Takes the mail, but thinks about it for five seconds first.",
        pause=timedelta(seconds=5),
    ),
    "complaint": Manner(
        does="Takes the mail; a second later the person marks it as spam.",
        answer="complaint",
        answer_after=timedelta(seconds=1),
    ),
}


def manner_of(address: str) -> Manner:
    """Look up the local part, in any case, at any domain."""
    return MANNERS.get(address.rpartition("@")[0].casefold(), FRIENDLY)
