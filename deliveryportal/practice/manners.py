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
    content_refusal: str = ""  # the reply to the end of DATA; empty: taken
    hangs_up: bool = False  # takes the mail and goes without a reply
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
    "nowhere": Manner(
        does="Refused on the spot: there is no such domain.",
        refusal="550 5.1.2 <{address}>: Recipient address rejected: Domain not found",
    ),
    "left": Manner(
        does="Refused on the spot: the mailbox is disabled, its person has left.",
        refusal="550 5.2.1 <{address}>: This mailbox is disabled",
    ),
    "members-only": Manner(
        does="Refused on the spot: it accepts mail from certain senders only.",
        refusal="550 5.7.2 <{address}>: Only members may write to this list",
    ),
    "policy": Manner(
        does="Refused on the spot: it looks like spam there.",
        refusal="550 5.7.1 Message refused by policy: it looks like spam",
    ),
    "unsigned": Manner(
        does="Refused on the spot: our domain could not be authenticated.",
        refusal="550 5.7.26 This mail is unauthenticated: neither SPF nor DKIM passed",
    ),
    "too-fast": Manner(
        does="Refused on the spot: we send too fast for it.",
        refusal="550 5.7.28 Unusual rate of mail from you, slow down",
    ),
    "faulty": Manner(
        does="Refused on the spot: the server there has a fault.",
        refusal="554 5.3.0 Mail system configuration error",
    ),
    "too-big": Manner(
        does="Refused once it has all of the mail: too big.",
        content_refusal="552 5.3.4 Message size exceeds fixed limit",
    ),
    "content": Manner(
        does="Refused once it has all of the mail: what is in it is not taken.",
        content_refusal="550 5.6.1 Content of this kind is not taken",
    ),
    "lost": Manner(
        does="Takes the mail and hangs up: nobody can know whether it arrived.",
        hangs_up=True,
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
    "delayed": Manner(
        does="Takes the mail; a second later its server says that it is still trying.",
        answer="delay",
        answer_after=timedelta(seconds=1),
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
    """Look up the local part as far as a "+", in any case, at any domain."""
    local_part = address.rpartition("@")[0].casefold()
    return MANNERS.get(local_part.partition("+")[0], FRIENDLY)
