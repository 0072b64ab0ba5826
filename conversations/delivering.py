"""A lane's work: look ahead → claim → hand over → note → settle.

A lane is one sender on one channel. The steps of a message, in order:

    deliver_lane     a turn of the lane: batch after batch over one connection, until
                     it is the turn of other lanes. Called by `turns`
    look_ahead       reads what is due, as much as the limit has room for. Mail to a
                     stopped address fails here
    claim            queued → handing over, under a lease, and counted against the limit:
                     some at a time, committed just before the bytes are sent
    _HandingOver     lets the transport fetch one email after the other, builds each
                     (`compose`) and takes the answers, a handful at a time
    note             if all of a handful were accepted, that goes on the timeline before
                     the next handful begins
    settle           handing over → accepted, failed, unconfirmed or queued again, as
                     `outcomes` says; what was noted is settled together. Then a domain
                     that asked for less mail rests, and an address that does not exist
                     is suppressed
    _stop_for        if the channel is down, the rest of the batch waits for it

`_handful_by_handful` calls the steps from claim to settle. Each step is committed
before the next begins, and each UPDATE names the state it expects, and the lease. So a
worker that dies, sleeps or comes twice can neither lose a mail nor send it twice. When
its lease expires, the sweeper settles what is noted, marks the current handful
unconfirmed, because nobody can know, and puts the rest, which was not begun, back into
the queue.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
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
from django.db.models import Case, Value, When
from django.utils.timezone import now

from channels.allowance import OF_THE_PROVIDER, Limit, hold
from channels.database.prepared import Sql
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

# Seconds for which settling known answers is retried once the process is asked to stop:
# less than that may take. Otherwise a database that is away is waited for until the
# lease nears its end, as nobody else knows the answers.
SETTLED_WITHIN = 15.0
LONGEST_PAUSE = 5.0
DATABASE_AWAY = (OperationalError, InterfaceError)
# Deliveries claimed by one UPDATE, unless a handful is more.
CLAIMED = 50
FAULT = "Something broke here while it was handed over."


def deliver_lane(
    channel_id: int, sender_id: int, channel: Channel | None = None
) -> bool:
    """Send the lane's mail until its turn is over; return whether more may be due.

    If so, the caller puts the lane at the back of the queue: no lane delays another.
    """
    channel = channel or Channel.objects.working_one(channel_id)
    if channel is None or stopping.is_set():
        return False  # the sweeper finds what waits, once the channel works
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
    """Due deliveries of a lane as they were at `read_at`, not claimed yet."""

    channel: Channel
    deliveries: list[Delivery]
    read_at: datetime
    is_full: bool  # then more may be due
    limit: Limit


def look_ahead(channel: Channel, sender_id: int) -> Batch:
    """Read the lane's next due mail, as much as a turn may do and the limit allows.

    Mail to stopped addresses is failed.
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
    return Batch(channel, withhold(read), at, len(read) == wanted, limit)


def _not_opened(batch: Batch, error: TransportError, lease: Lease) -> None:
    """It was a try of the first, as if the far end had said it; the rest waits too.

    Nothing is handed over in between: it is claimed and settled in one transaction.
    """
    with transaction.atomic():
        tried = claim(batch.deliveries[:1], lease, batch)
        results = [outcomes.not_accepted(each, error, now()) for each in tried]
        settle(results, [], lease)
    batch.limit.gone(0)
    for result in results:
        _stop_for(result, batch)


def _work_off(batch: Batch, transport: Transport, lease: Lease) -> bool:
    """Send as much of the batch as possible; return whether more may be due."""
    try:
        handfuls = list(_handful_by_handful(batch, transport, lease))
    except BaseException:
        with suppress(Error):  # else they count for as long as a lease lasts
            batch.limit.gone()
        raise
    results = list(chain.from_iterable(handfuls))
    gone = sum(result.changes["state"] != State.QUEUED for result in results)
    # Deliveries that are in the queue still or again do not count against the limit.
    batch.limit.gone(gone)
    if trouble := next((each for each in results if each.channel_trouble), None):
        _stop_for(trouble, batch)
        return False
    if not batch.limit.was_reached:
        learn(batch.channel, len(batch.deliveries), len(results))
    # If nothing could be claimed now, going on would not claim anything either.
    more = batch.is_full or len(results) < len(batch.deliveries)
    return bool(results) and more and not stopping.is_set()


def _handful_by_handful(
    batch: Batch, transport: Transport, lease: Lease
) -> Iterator[list[Outcome]]:
    """Claim, hand over, note, settle; yield outcomes that are settled.

    A handful is on the timeline before the next begins, so that no more than one is
    ever in doubt. The deliveries themselves are settled when all that was claimed is
    done, or something was not accepted; the same transaction claims the next ones.
    """
    noted: list[Outcome] = []  # on the timeline, not settled
    unsettled: list[Outcome] = []  # known to this process only
    portions = _in_portions(batch.deliveries, max(CLAIMED, lease.handful))
    resting: set[str] = set()  # domains that asked for less mail in this batch
    try:
        claimed = _claim_next(portions, lease, batch)
        while claimed:
            handing_over = _HandingOver(claimed, transport, lease, resting)
            claimed = []
            # Closing the generator ends it: what the transport has fetched but not sent
            # is then not sent.
            with closing(handing_over.handfuls()) as handfuls:
                for results, untried in handfuls:
                    unsettled = results
                    rest = handing_over.rest
                    # The last handful of what was claimed is not noted but settled.
                    if rest and not untried and note(results, lease):
                        noted += results
                        unsettled = []
                        continue
                    with transaction.atomic(savepoint=False):
                        settled = settle(results, untried, lease, noted)
                        slow_down(results)
                        if lease.lost:
                            settle([], rest, lease)  # the rest has not begun
                        elif not (rest or _is_over(results, lease)):
                            claimed = _claim_next(portions, lease, batch)
                        # Last, because it waits for a lock on the team: nothing more is
                        # to be locked after that.
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
    """Whether no more is to be claimed: trouble, the end of the turn, or a stop."""
    trouble = any(each.channel_trouble for each in results)
    return trouble or lease.turn_is_over or stopping.is_set()


def _in_portions(batch: list[Delivery], size: int) -> Iterator[list[Delivery]]:
    rest = iter(batch)
    while portion := list(islice(rest, size)):
        yield portion


def _claim_next(
    portions: Iterator[list[Delivery]], lease: Lease, batch: Batch
) -> list[Delivery]:
    """Claim the next portion of which any can be claimed; return those."""
    claimed = (claim(portion, lease, batch) for portion in portions)
    return next(filter(None, claimed), [])


def claim(portion: Sequence[Delivery], lease: Lease, batch: Batch) -> list[Delivery]:
    """Mark these as about to be sent, under the lease; return those that could be.

    Not those that are more than the limit allows by now, or that somebody has claimed,
    put off or paused since they were read. They are returned, and handed over, in the
    order of their ids: by that order the sweeper knows which of a lease have begun.
    """
    if not portion or stopping.is_set():
        return []

    def take(number: int, counted: Sql | None) -> set[int] | None:
        # Whoever has locked one is taking it from us; waiting for it could deadlock.
        return Delivery.objects.move_provided(
            counted,
            _ids(portion[:number]),
            {
                "state": State.HANDING_OVER,
                "waiting_for": "",
                "attempts": Sql("attempts + 1"),
                "lease": lease.token,
                "lease_until": lease.prolong(),
            },
            {
                "state": State.QUEUED,
                "not_before": Sql("not_before <= %s", (batch.read_at,)),
                "hold": over_none(now()),
            },
        )

    claimed = batch.limit.spend(len(portion), take)
    ours = [delivery for delivery in portion if delivery.pk in claimed]
    ours.sort(key=attrgetter("pk"))
    for delivery in ours:
        delivery.attempts += 1
    return ours


class _LeaseLostError(Exception):
    """The lease was lost: what the transport has fetched may not be sent any more."""


# Results, and deliveries that were passed over.
Handful = tuple[list[Outcome], list[Delivery]]


class _HandingOver:
    """Hands claimed deliveries over and yields the outcomes, a handful at a time.

    The transport fetches the next email just before it sends the one before. So while a
    handful is noted or settled, what it has fetched and not answered is not sent yet.
    """

    def __init__(
        self,
        claimed: Iterable[Delivery],
        transport: Transport,
        lease: Lease,
        resting: set[str],
    ) -> None:
        self._waiting = deque(claimed)
        self._under_way: deque[Delivery] = deque()  # fetched, not answered
        self._results: list[Outcome] = []
        self._untried: list[Delivery] = []  # passed over
        self._transport = transport
        self._lease = lease
        self._resting = resting
        self._begun = self._stopped = False

    @property
    def rest(self) -> list[Delivery]:
        """The deliveries that later handfuls will have."""
        return [*self._under_way, *self._waiting]

    def handfuls(self) -> Generator[Handful]:
        """Yield handfuls; the last also has, as passed over, all that was not tried."""
        try:
            while self._waiting and not self._stopped:
                yield from self._until_it_has_enough()
                if self._is_full and self._waiting:
                    yield self._handful()
        except DATABASE_AWAY as error:
            # It is queried only before an email's first byte: what has no answer was
            # not sent.
            logger.warning("The database is away: %r", str(error))
        self._untried += self.rest
        self._under_way.clear()
        self._waiting.clear()
        if self._results or self._untried:
            yield self._handful()

    def _until_it_has_enough(self) -> Generator[Handful]:
        """Hand over until the transport stops, for instance as its connection ended."""
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
            # A fault of ours leaves the first that was under way in doubt, no other.
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
        """Whether the handful has as many as may be in doubt.

        Those passed over count too: if the lease expires, the first so many ids that it
        holds are taken to be in doubt.
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
            self._waiting.popleft()  # not before: compose may raise
            if isinstance(email, Outcome):
                self._results.append(email)
            else:
                self._under_way.append(delivery)
                yield email

    def _next_may_go(self) -> bool:
        """Whether to give the transport another email.

        Those it has fetched are sent all the same. Raises _LeaseLostError.
        """
        left = self._lease.ends - time.monotonic()
        if left < self._transport.patience.total_seconds():
            held = len(self._results) + len(self._untried) + len(self.rest)
            if not _renew(self._lease, held):
                raise _LeaseLostError
        if stopping.is_set() or (self._begun and self._lease.turn_is_over):
            self._stopped = True
        # While one is under way, another may be fetched: the handful is yielded before
        # that one is sent.
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
    """Prolong the lease; return False if it was lost.

    It was lost if it holds fewer than `held` deliveries. Noted ones come on top.
    """
    ours = Delivery.objects.held_under(lease.token)
    return ours.update(lease_until=lease.prolong()) >= held


def compose(delivery: Delivery, transport: Transport) -> OutgoingEmail | Outcome:
    """Build one email, or return the outcome that says why it cannot be sent."""
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
    """Note on the timeline that all of a handful were accepted; return whether it was.

    It is not noted if one has another outcome, or ids of the provider to be stored, or
    is not held by the lease any more.
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
    """Settle in one transaction the deliveries that the lease still holds.

    Return those of `results` that were written; `noted` ones are on the timeline
    already. `untried` ones go back into the queue. If any is not held any more,
    somebody has ended the lease, and it is `lost` as a whole. A result that comes after
    that only goes on the timeline, for the person who has to decide.
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
    """Settle results again, as a database error left open whether they were settled.

    Deliveries of the batch that are claimed and were not tried go back into the queue. If
    the lease has been ended meanwhile, known answers change nothing: see `settle`.
    """
    ends, pause = time.monotonic() + SETTLED_WITHIN, 0.1
    tried = {result.delivery.pk for result in results}
    untried = [each for each in batch if each.pk not in tried]
    while True:
        close_old_connections()
        try:
            with transaction.atomic():
                # The lease no longer holds what was settled before: that does no harm.
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
    """The results on the timeline: the note may have been committed after all."""
    lines = DeliveryEvent.objects.filter(delivery__in=[r.delivery.pk for r in results])
    written = set(lines.values_list("delivery_id", "at"))
    return [each for each in results if (each.delivery.pk, each.event.at) in written]


def _alike(results: Iterable[Outcome]) -> list[tuple[dict[str, Any], list[Line]]]:
    """Group the lines of results by equal changes: usually one group, so one UPDATE."""
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
    """Let other mail wait too, because the channel is down or broken."""
    assert trouble.error is not None
    if trouble.error.verdict is Verdict.CHANNEL_BROKEN:
        pause(batch.channel, trouble.error.words)
    elif trouble.error.wait is not None and "not_before" in trouble.changes:
        until = trouble.changes["not_before"]
        sender_id = trouble.delivery.sender_id
        hold(batch.channel, sender_id, until, OF_THE_PROVIDER)
    _put_off_rest(batch, trouble)


def _put_off_rest(batch: Batch, down: Outcome) -> None:
    """Let the rest of the batch wait until the same time, for the same reason.

    What was tried in its place counts as its own try: a channel that stays down is given
    up once for all, not for one mail after the other.
    """
    assert down.error is not None
    at = now()
    begins = [each.pk for each in batch.deliveries if each.tried_since is None]
    Delivery.objects.due(batch.read_at).filter(pk__in=_ids(batch.deliveries)).update(
        state_since=at,
        not_before=down.changes.get("not_before", at + timedelta(minutes=1)),
        waiting_for=outcomes.what_it_waits_for(down.delivery, down.error),
        tried_since=(
            Case(When(pk__in=begins, then=Value(at)), default="tried_since")
            if down.is_trying
            else None
        ),
    )
