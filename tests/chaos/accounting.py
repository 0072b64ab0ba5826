"""What became of every message: by our database, and by the ledgers out there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from email.message import EmailMessage

from django.conf import settings

from conversations.models import Delivery, DeliveryEvent
from conversations.models.state import State
from conversations.sending.retry_policy import GIVE_UP_AFTER, JITTER, PAUSES
from tests.chaos.account import Account
from tests.chaos.far_end import CALM_DOMAIN
from tests.chaos.given_up import given_up
from tests.chaos.mischief import World
from tests.chaos.resting import SETTLED, anew
from tests.peers.google import ALICE


def account_for(world: World) -> Account:
    anew()
    came = arrived(world)
    processes = world.installation.processes.values()
    account = Account(
        written=len(world.writing.asked),
        arrived=came.total(),
        given_up=given_up(),
        sent_after_waking=sorted(
            who
            for each in world.overslept
            for who in each.sent_after_all(came.keys(), _by_gmail(world).keys())
        ),
        in_hand=settings.IN_HAND,
        leases_lost=sum(process.leases_lost for process in processes),
        at_once=world.carols.ledger.at_once,
        cut_off=world.writing.cut_off,
        deaths=sum(process.deaths for process in processes),
        drained=world.installation.slowest_stop,
    )
    excused = {who for people in account.given_up.values() for who in people}
    reasons: dict[str, set[str]] = {
        State.UNCONFIRMED: in_doubt(world) | excused,
        State.FAILED: refused(world) | given_up_trying(world),
    }
    rows: dict[str, list[str]] = {}
    for who, state in Delivery.objects.values_list("recipient", "state"):
        rows.setdefault(who, []).append(state)
        account.states[state] += 1
    account.settled_after_all = [
        who for who in sorted(excused) if rows[who] != [State.UNCONFIRMED]
    ]
    for who in sorted(world.writing.asked | rows.keys() | came.keys()):
        may_be = {state for state, people in reasons.items() if who in people}
        judge(account, who, rows.get(who, []), came=came[who], may_be=may_be)
    for who in account.unexplained:
        account.unexplained[who] += f"\n{_timeline(who)}"
    return account


def judge(
    account: Account, who: str, states: list[str], *, came: int, may_be: Set[str]
) -> None:
    """Enter what is wrong with the mail to one person, if anything is.

    It `may_be` in these states, beside accepted: there is a reason for them.
    """
    if came > 1 or len(states) > 1:
        account.doubled.append(f"{who}: {states}, and arrived {came} times")
    elif not states:
        account.lost.append(f"{who}: the site has not taken it")
    elif states[0] not in SETTLED:
        account.lost.append(f"{who}: still {states[0]}")
    elif states[0] == State.ACCEPTED and not came:
        account.lost.append(f"{who}: accepted, and never arrived")
    elif states[0] == State.FAILED and came:
        account.doubled.append(f"{who}: failed, and arrived")
    elif states[0] != State.ACCEPTED and states[0] not in may_be:
        account.unexplained[who] = f"{states[0]} without a reason"


def _timeline(who: str) -> str:
    events = DeliveryEvent.objects.filter(delivery__recipient=who).order_by("pk")
    return "\n".join(
        f"    {event.at} {event.kind} {event.code or ''} {event.note}{event.remote_words}"
        for event in events
    )


def arrived(world: World) -> Counter[str]:
    """How often the mail to each has been taken out there."""
    came = world.relay.ledger.taken + world.carols.ledger.taken + _by_gmail(world)
    return Counter(
        {who: n for who, n in came.items() if not who.endswith(f"@{CALM_DOMAIN}")}
    )


def _by_gmail(world: World) -> Counter[str]:
    return Counter(_recipient(mail.message) for mail in world.google.sent(ALICE))


def in_doubt(world: World) -> set[str]:
    """To whom mail came whose sender was told nothing clear, as the far ends know."""
    return (
        world.relay.ledger.in_doubt
        | world.carols.ledger.in_doubt
        | {_recipient(mail) for mail in world.google.withheld()}
    )


def refused(world: World) -> set[str]:
    """To whom mail was refused for good, as the far ends know."""
    return (
        world.relay.ledger.refused
        | world.carols.ledger.refused
        | {_recipient(mail) for mail in world.google.refused()}
    )


def given_up_trying(world: World) -> set[str]:
    """To whom mail was given up after two days, if so many have passed here."""
    if world.clock.passed + PAUSES[-1] * (1 + JITTER) < GIVE_UP_AFTER:
        return set()
    return set(
        DeliveryEvent.objects.filter(
            kind=DeliveryEvent.Kind.FAILED, note__startswith="Given up after two days"
        ).values_list("delivery__recipient", flat=True)
    )


def _recipient(mail: EmailMessage) -> str:
    return str(mail["To"].addresses[0].addr_spec)
