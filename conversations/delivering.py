"""A lane's work: look ahead → claim → hand over → note → settle.

A lane is one sender on one channel. What becomes of a message in it stands below in
the order in which it happens:

    deliver_lane     a turn of the lane: batch after batch over one connection, until
                     the others' turn comes. Called by `turns`, for whoever is next
    look_ahead       reads what is due and spends the limit; nobody has it in hand yet.
                     What goes to an address that is stopped has failed here
    claim            queued → handing over, under a lease: some at a time, committed
                     just before the bytes go
    _HandingOver     lets the transport fetch one after the other, puts each together
                     (`compose`) and takes the answer, a handful at a time
    note             all of a handful were accepted: on the timeline, before the next
                     handful begins
    settle           handing over → accepted, failed, unconfirmed or queued again, as
                     `outcomes` has it; all that was noted at once. With it a domain that
                     asked for less begins to rest, and an address that is gone is
                     suppressed
    _stop_for        if the channel is down, the rest of the batch waits for it

From claim to settle it is `_handful_by_handful` that calls them. Each step is committed
before the next begins, and each UPDATE names the state it expects, and the lease, so a
worker that dies, sleeps or comes twice can neither lose a mail nor send it twice: when
its lease runs out, the sweeper settles what is noted, holds the handful at work to be
unconfirmed, because nobody can know, and puts back the rest, which was not begun.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from django.db import (
    Error,
    InterfaceError,
    OperationalError,
    close_old_connections,
    transaction,
)
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from channels.allowance import Limit, hold
from channels.models import Allowance, Channel
from channels.pausing import pause
from channels.renewing import open_channel
from channels.transports import (
    OutgoingEmail,
    Receipt,
    Transport,
    TransportError,
    Verdict,
)
from conversations.models import Delivery, DeliveryEvent
from conversations.models.by_hand import Sql
from conversations.models.event import Line
from conversations.models.hold import HeldBack, over_lane, over_none
from conversations.models.next_due import next_due
from conversations.models.state import State
from conversations.sending import outcomes
from conversations.sending.batch_size import fitting, learn
from conversations.sending.lease import NO_LEASE, UNTRIED, Lease
from conversations.sending.letters import email_for
from conversations.sending.outcomes import Outcome
from conversations.sending.slowing import slow_down
from conversations.sending.stopping import stopping
from conversations.sending.withholding import withhold
from conversations.suppressing import suppress_refused
from conversations.watching.alerting import alert_of_refusals

logger = logging.getLogger(__name__)

# How long an answer that is known waits for the database, in seconds, once the process
# is asked to stop: less than that may take. Before, one that is away is waited for until
# the lease nears its end: nobody else can know what was answered.
SETTLED_WITHIN = 15.0
LONGEST_PAUSE = 5.0
DATABASE_AWAY = (OperationalError, InterfaceError)
# Deliveries claimed at a time, if a handful is not more: one UPDATE for all.
CLAIMED = 50
FAULT = "Something broke here while it was handed over."


def deliver_lane(
    channel_id: int, sender_id: int, channel: Channel | None = None
) -> bool:
    """Work off the lane until its turn is over; return whether more may be due.

    Then it goes to the back of the queue, so that no lane delays another.
    """
    channel = channel or Channel.objects.working_one(channel_id)
    if channel is None or stopping.is_set():
        return False  # what waits is found again when the channel works, by the sweeper
    batch = look_ahead(channel, sender_id)
    if not batch.deliveries:
        return batch.is_full
    lease = Lease.new()
    try:
        transport = open_channel(channel)
    except TransportError as error:
        _not_opened(batch, error, lease)
        return False
    with transport:
        while batch.deliveries:
            more = _work_off(batch, transport, lease)
            if not more or lease.turn_is_over:
                return more
            batch = look_ahead(channel, sender_id)
    return batch.is_full


@dataclass(frozen=True, slots=True)
class Batch:
    """What a lane has due, as it was `read_at` that moment; nobody has it in hand."""

    channel: Channel
    deliveries: list[Delivery]
    read_at: datetime
    is_full: bool  # more may be due
    limit: Limit  # that has counted them as sent


def look_ahead(channel: Channel, sender_id: int) -> Batch:
    """Read the lane's next due deliveries, as many as a turn may send and its limit lets.

    What may not be sent at all has failed then, and what is left is spent from the limit.
    """
    wanted, at = fitting(channel), now()
    asked = Allowance.objects.asked(channel, sender_id, over_lane(channel.pk, at))
    limit = Limit(channel, asked[0] if asked else Allowance())
    if not asked:
        return Batch(channel, [], at, is_full=False, limit=limit)
    room = limit.room(wanted)
    read = next_due(channel.pk, sender_id, at, room, HeldBack.of(asked))
    for delivery in read:
        delivery.channel = channel
    sendable = withhold(read)
    sendable = sendable[: limit.spend(len(sendable))]
    return Batch(channel, sendable, at, len(read) == wanted, limit)


def _not_opened(batch: Batch, error: TransportError, lease: Lease) -> None:
    """It was a try of the first, as if the far end had said it; the rest waits too.

    Nothing is handed over in between: it is claimed and settled in one transaction.
    """
    with transaction.atomic():
        tried = claim(batch.deliveries[:1], lease, batch.read_at)
        results = [outcomes.not_accepted(each, error, now()) for each in tried]
        settle(results, [], lease)
    batch.limit.gone(unsent=len(batch.deliveries))
    for result in results:
        _stop_for(result, batch)


def _work_off(batch: Batch, transport: Transport, lease: Lease) -> bool:
    """Send what can be sent of the batch; return whether more may be due."""
    results = list(chain.from_iterable(_handful_by_handful(batch, transport, lease)))
    gone = sum(result.changes["state"] != State.QUEUED for result in results)
    # What is back in the queue, or never left it, has used nothing of the limit.
    batch.limit.gone(unsent=len(batch.deliveries) - gone)
    if trouble := next((each for each in results if each.channel_trouble), None):
        _stop_for(trouble, batch)
        return False
    learn(batch.channel, len(batch.deliveries), len(results))
    # Where nothing could be begun, going on would not begin anything either.
    more = batch.is_full or len(results) < len(batch.deliveries)
    return bool(results) and more and not stopping.is_set()


def _handful_by_handful(
    batch: Batch, transport: Transport, lease: Lease
) -> Iterator[list[Outcome]]:
    """Claim, hand over, note, settle; yield what came of it.

    A handful is on the timeline before the next begins, so that no more than one is
    ever in doubt. The deliveries themselves change when all that was claimed is done,
    or something was not accepted; what is claimed then in the same transaction.
    """
    noted: list[Outcome] = []  # on the timeline, and not settled
    unsettled: list[Outcome] = []  # known to this process alone
    portions = _in_portions(batch.deliveries, max(CLAIMED, lease.handful))
    resting: set[str] = set()  # domains that have asked for it in this batch
    try:
        claimed = _claim_next(portions, lease, batch.read_at)
        while claimed:
            handing_over = _HandingOver(claimed, transport, lease, resting)
            claimed = []
            # To go no further ends it: what has been announced is not sent then.
            with closing(handing_over.handfuls()) as handfuls:
                for results, untried in handfuls:
                    unsettled = results
                    rest = handing_over.rest
                    # The last handful of what was claimed is settled with the others.
                    if rest and not untried and note(results, lease):
                        noted += results
                        unsettled = []
                        continue
                    with transaction.atomic(savepoint=False):
                        settled = settle(results, untried, lease, noted)
                        slow_down(results)
                        if lease.lost:
                            settle([], rest, lease)  # whatever is left has not begun
                        elif not (rest or _is_over(results, lease)):
                            claimed = _claim_next(portions, lease, batch.read_at)
                        # Last: a team's turn is waited for with nothing to be locked.
                        suppress_refused(settled)
                    yield [*noted, *results]
                    noted, unsettled = [], []
                    if lease.lost:
                        break
    except Error as error:
        logger.warning("A handful is settled once more: %r", str(error))
        known = [*noted, *unsettled]
        _settle_again(known, batch.deliveries, lease)
        yield known


def _is_over(results: list[Outcome], lease: Lease) -> bool:
    """Whether what is claimed and has not begun goes back into the queue."""
    trouble = any(each.channel_trouble for each in results)
    return trouble or lease.turn_is_over or stopping.is_set()


def _in_portions(batch: list[Delivery], size: int) -> Iterator[list[Delivery]]:
    rest = iter(batch)
    while portion := list(islice(rest, size)):
        yield portion


def _claim_next(
    portions: Iterator[list[Delivery]], lease: Lease, read_at: datetime
) -> list[Delivery]:
    """Claim the next portion of which anything can be had."""
    claimed = (claim(portion, lease, read_at) for portion in portions)
    return next(filter(None, claimed), [])


def claim(
    portion: Sequence[Delivery], lease: Lease, read_at: datetime
) -> list[Delivery]:
    """Commit that these are about to be sent; return those that nobody else has taken.

    Nor has anybody put them off since they were read, or asked for a pause they are under.
    In the order of their ids, which nothing changes: what a lease has begun is known by it.
    """
    if not portion or stopping.is_set():
        return []
    at = now()
    claimed = Delivery.objects.move(
        _ids(portion),
        {
            "state": State.HANDING_OVER,
            "waiting_for": "",
            "attempts": Sql("attempts + 1"),
            "lease": lease.token,
            "lease_until": lease.prolong(),
        },
        {
            "state": State.QUEUED,
            "not_before": Sql("not_before <= %s", (read_at,)),
            "hold": over_none(at),
        },
        # Whoever has locked one takes it from us, and may want what we have locked.
        skip_locked=True,
    )
    ours = [delivery for delivery in portion if delivery.pk in claimed]
    ours.sort(key=attrgetter("pk"))
    for delivery in ours:
        delivery.attempts += 1
    return ours


class _LeaseLostError(Exception):
    """What has been asked for may not be sent any more."""


# Results, and what has been passed over.
Handful = tuple[list[Outcome], list[Delivery]]


class _HandingOver:
    """Claimed deliveries on their way out, and what came of them, a handful at a time.

    The transport asks for the next one just before it sends the one before: what it
    has asked for and not answered has not been sent, while a handful is looked at.
    """

    def __init__(
        self,
        claimed: Iterable[Delivery],
        transport: Transport,
        lease: Lease,
        resting: set[str],
    ) -> None:
        self._waiting = deque(claimed)
        self._under_way: deque[Delivery] = deque()  # asked for, and not answered
        self._results: list[Outcome] = []
        self._untried: list[Delivery] = []  # passed over
        self._transport = transport
        self._lease = lease
        self._resting = resting
        self._begun = self._stopped = False

    @property
    def rest(self) -> list[Delivery]:
        """What is still to come, in a handful to come."""
        return [*self._under_way, *self._waiting]

    def handfuls(self) -> Generator[Handful]:
        """Yield results and what was passed over; in the end all that was not tried."""
        try:
            while self._waiting and not self._stopped:
                yield from self._until_it_has_enough()
                if self._is_full and self._waiting:
                    yield self._handful()
        except DATABASE_AWAY as error:
            # It is asked before the first byte only: what was not answered was not sent.
            logger.warning("The database is away: %r", str(error))
        self._untried += self.rest
        self._under_way.clear()
        self._waiting.clear()
        if self._results or self._untried:
            yield self._handful()

    def _until_it_has_enough(self) -> Generator[Handful]:
        """Hand over until the transport has enough; a connection may have ended."""
        before = len(self._waiting)
        try:
            with closing(self._transport.send_all(self._emails())) as answers:
                for answer in answers:
                    self._take(answer)
                    if self._stopped:
                        break
                    if self._is_full and self.rest:
                        yield self._handful()
        except DATABASE_AWAY:
            raise
        except _LeaseLostError:
            logger.warning("A lease was lost: the rest of what it has is not sent")
            self._stopped = True
        except Exception:
            # A fault of ours puts the one that was under way in doubt, and no other.
            logger.exception(
                "A fault while deliveries %s were handed over", _ids(self._under_way)
            )
            if self._under_way:
                self._take(TransportError(FAULT, Verdict.UNKNOWN))
            self._stopped = True
        self._waiting.extendleft(reversed(self._under_way))
        self._under_way.clear()
        self._stopped = self._stopped or len(self._waiting) == before

    @property
    def _is_full(self) -> bool:
        """Whether more would put more in doubt: what was passed over counts as well.

        Of what a lease holds the first handful is in doubt, by the order of its ids.
        """
        return len(self._results) + len(self._untried) >= self._lease.handful

    def _handful(self) -> Handful:
        handful = self._results, self._untried
        self._results, self._untried = [], []
        return handful

    def _emails(self) -> Iterator[OutgoingEmail]:
        while self._next_may_go():
            delivery, self._begun = self._waiting[0], True
            if self._resting and outcomes.domain_of(delivery) in self._resting:
                self._untried.append(self._waiting.popleft())
                continue
            email = compose(delivery, self._transport)
            self._waiting.popleft()  # now: the database may be away
            if isinstance(email, Outcome):
                self._results.append(email)
            else:
                self._under_way.append(delivery)
                yield email

    def _next_may_go(self) -> bool:
        """What has been asked for before goes all the same, unless the lease is lost."""
        left = self._lease.ends - time.monotonic()
        if left < self._transport.patience.total_seconds():
            held = len(self._results) + len(self._untried) + len(self.rest)
            if not _renew(self._lease, held):
                raise _LeaseLostError
        if stopping.is_set() or (self._begun and self._lease.turn_is_over):
            self._stopped = True
        # What is under way has its place in the handful, and is answered before.
        full = self._is_full and not self._under_way
        return bool(self._waiting) and not (self._stopped or full)

    def _take(self, answer: Receipt | TransportError) -> None:
        delivery = self._under_way[0]
        if isinstance(answer, TransportError):
            result = outcomes.not_accepted(delivery, answer, now())
            if result.asks_to_slow_down:
                self._resting.add(outcomes.domain_of(delivery))
            self._stopped = self._stopped or result.channel_trouble
        else:
            result = outcomes.accepted(delivery, answer, now())
        self._under_way.popleft()
        self._results.append(result)


def _renew(lease: Lease, held: int) -> bool:
    """Prolong the lease; return whether it was not lost.

    It is over `held` deliveries at least, and over those that have been noted.
    """
    ours = Delivery.objects.held_under(lease.token)
    return ours.update(lease_until=lease.prolong()) >= held


def compose(delivery: Delivery, transport: Transport) -> OutgoingEmail | Outcome:
    """Put one message together, or say why it cannot leave as it is."""
    if not getattr(delivery, "sender_is_verified", False):
        return outcomes.not_sendable(
            delivery,
            f"{delivery.message.from_address} is not a verified email identity any more.",
            now(),
        )
    try:
        return email_for(delivery, transport)
    except (ValueError, MessageError) as error:
        logger.warning(
            "Delivery %s cannot be built: %r",
            delivery.pk,
            str(error),
            extra={"delivery": delivery.pk},
        )
        return outcomes.not_sendable(
            delivery,
            "Its subject, names or addresses cannot be put into a message.",
            now(),
        )
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception(
            "Delivery %s met a fault while it was built",
            delivery.pk,
            extra={"delivery": delivery.pk},
        )
        return outcomes.not_sendable(delivery, f"{FAULT} Nothing was sent.", now())


def _ids(deliveries: Iterable[Delivery]) -> list[int]:
    return [delivery.pk for delivery in deliveries]


def note(results: list[Outcome], lease: Lease) -> bool:
    """Put on the timeline that all of a handful were accepted; return whether it is.

    Not if there is more to be told of one, or if one is not ours any more.
    """
    if any(each.changes != outcomes.ACCEPTED for each in results):
        return False
    lines = [each.event for each in results]
    return Delivery.objects.tell(lines, lease.holds(State.HANDING_OVER))


def settle(
    results: list[Outcome],
    untried: list[Delivery],
    lease: Lease,
    noted: Sequence[Outcome] = (),
) -> list[Outcome]:
    """Write what came of it, for those that are still ours, in one transaction.

    Return what was written of `results`; what was `noted` is on the timeline. What was
    not tried goes back into the queue. If not all was still ours, the lease has been
    ended, and is `lost` as a whole. A result that comes after that changes nothing; it
    is kept on the timeline, for the person who has to decide.
    """
    still = lease.holds(State.HANDING_OVER)
    with transaction.atomic(savepoint=False):
        ours: set[int] = set()
        for changes, lines in _alike(noted):
            ids = [line.delivery_id for line in lines]
            ours |= Delivery.objects.move(ids, changes | NO_LEASE, still)
        for changes, lines in _alike(results):
            ours |= Delivery.objects.move_telling(lines, changes | NO_LEASE, still)
        back = Delivery.objects.move(_ids(untried), UNTRIED, still) if untried else ()
        late = [each.too_late for each in results if each.delivery.pk not in ours]
        DeliveryEvent.objects.record(late)
        settled = [result for result in results if result.delivery.pk in ours]
        alert_of_refusals(settled)
    held = len(noted) + len(results) + len(untried)
    lease.lost = lease.lost or len(ours) + len(back) < held
    return settled


def _settle_again(results: list[Outcome], batch: list[Delivery], lease: Lease) -> None:
    """Settle what the database did not take, or did and could not say so.

    Of the batch, what is claimed and was not tried goes back into the queue. If the
    lease has been ended meanwhile, what is known changes nothing: see `settle`.
    """
    ends, pause = time.monotonic() + SETTLED_WITHIN, 0.1
    tried = {result.delivery.pk for result in results}
    untried = [each for each in batch if each.pk not in tried]
    while True:
        close_old_connections()
        try:
            with transaction.atomic():
                # Of what is settled, nothing is ours any more.
                noted = _noted(results)
                new = [each for each in results if each not in noted]
                settled = settle(new, untried, lease, noted)
                slow_down(new)
                suppress_refused(settled)
        except Error as error:
            at = time.monotonic()
            away = isinstance(error, DATABASE_AWAY) and not stopping.is_set()
            if away and at + SETTLED_WITHIN < lease.ends:
                ends = at + SETTLED_WITHIN  # that much is left, should a stop come now
            if at + pause > ends:
                raise
            _pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


def _pause(seconds: float) -> None:
    """Wait; a stop ends it, but not one that has come before."""
    wait = time.sleep if stopping.is_set() else stopping.wait
    wait(seconds)


def _noted(results: list[Outcome]) -> list[Outcome]:
    """Those on the timeline: that may have been the last thing the connection did."""
    lines = DeliveryEvent.objects.filter(delivery__in=[r.delivery.pk for r in results])
    written = set(lines.values_list("delivery_id", "at"))
    return [each for each in results if (each.delivery.pk, each.event.at) in written]


def _alike(results: Iterable[Outcome]) -> list[tuple[dict[str, Any], list[Line]]]:
    """Gather lines of results with the same changes: mostly all, for one UPDATE."""
    at = now()
    groups: dict[tuple[tuple[str, Any], ...], list[Line]] = defaultdict(list)
    for result in results:
        groups[tuple(result.changes.items())].append(result.event)
    return [
        (dict(same) | _moment_of(dict(same)["state"], at), lines)
        for same, lines in groups.items()
    ]


def _moment_of(state: State, at: datetime) -> dict[str, Any]:
    return {"accepted_at": at} if state == State.ACCEPTED else {}


def _stop_for(trouble: Outcome, batch: Batch) -> None:
    """The channel is down or broken: its other mail waits too."""
    assert trouble.error is not None
    if trouble.error.verdict is Verdict.CHANNEL_BROKEN:
        pause(batch.channel, trouble.error.words)
    elif trouble.error.wait is not None and "not_before" in trouble.changes:
        until = trouble.changes["not_before"]
        sender_id = trouble.delivery.sender_id
        hold(batch.channel, sender_id, until, "the limit of the provider")
    _put_off_rest(batch, trouble)


def _put_off_rest(batch: Batch, down: Outcome) -> None:
    """Let what was not tried wait like the one that was: the channel is down for all."""
    assert down.error is not None
    Delivery.objects.due(batch.read_at).filter(pk__in=_ids(batch.deliveries)).update(
        state_since=now(),
        not_before=down.changes.get("not_before", now() + timedelta(minutes=1)),
        waiting_for=outcomes.what_it_waits_for(down.delivery, down.error),
        tried_since=Coalesce("tried_since", now()) if down.is_trying else None,
    )
