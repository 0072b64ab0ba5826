"""The queryset of deliveries, and the columns a list reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from channels.database.prepared import Sql
from channels.models import Allowance, Channel
from conversations.models import by_hand, hold
from conversations.models.event import DeliveryEvent, Line, log
from conversations.models.hold import Hold, HoldQuerySet
from conversations.models.list_indexes import IN_LISTS
from conversations.models.sought import Word
from conversations.models.state import FAILURES, IN_PROGRESS, State, Triage
from deliveryportal.accounts.access import as_key, visible_to
from deliveryportal.accounts.models import User

if TYPE_CHECKING:
    from conversations.models.delivery import Delivery

LISTED = (
    "uuid",
    "suppression",
    "recipient",
    "subject",
    "from_address",
    "channel_kind",
    "state",
    "state_since",
    "reason",
    "triage",
    "remote_words",
)
WAITING = (
    *LISTED,
    "channel",
    "created_at",
    "not_before",
    "waiting_for",
    "accepted_at",
    "tried_since",
    "tried_until",
    "attempts",
)
# Subqueries for what a row shows of other tables. A join would read these for all that
# match before the page's rows are chosen; for an EXISTS, PostgreSQL may read the whole
# other table once. Raw SQL, because Django takes longer to compile them than the rest.
MESSAGE = RawSQL(
    "SELECT uuid FROM conversations_message WHERE id = conversations_delivery.message_id",
    (),
    models.UUIDField(),
)
SENT_AGAIN = RawSQL(  # as triage.sending_again.has_been_sent_again
    "SELECT resend.id FROM conversations_message resend "
    "JOIN conversations_conversation its ON its.id = resend.conversation_id "
    "WHERE resend.resend_of_id = conversations_delivery.message_id AND NOT EXISTS ("
    "SELECT 1 FROM conversations_delivery other "
    "WHERE other.message_id = conversations_delivery.message_id "
    "AND other.id <> conversations_delivery.id "
    "AND lower(other.recipient) = lower(its.person_address)) LIMIT 1",
    (),
    models.BigIntegerField(),
)
SENDER = RawSQL(  # as str(user)
    "SELECT COALESCE(NULLIF(name, ''), email) FROM accounts_user "
    "WHERE id = conversations_delivery.sender_id",
    (),
    models.CharField(),
)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User, member: User | None = None) -> Self:
        """All that the user may see, or only what a member of the team sent."""
        found = self.filter(visible_to(user))
        return found.filter(sender=as_key(member.pk)) if member else found

    def due(self, at: datetime) -> Self:
        return self.filter(state=State.QUEUED, not_before__lte=at)

    def due_between(self, at: datetime, end: datetime) -> Self:
        """Queued mail due in this span, later than its creation; soonest first."""
        return self.filter(
            state=State.QUEUED,
            not_before__gt=models.F("created_at"),
            not_before__range=(at, end),
        ).order_by("not_before")

    def startable(self, at: datetime, since: datetime | None = None) -> Self:
        """Due, on a working channel, in a lane at no limit, under no hold.

        With `since`, neither a limit nor a hold has ended after that time.
        """
        since = since or at
        on_hold = Allowance.objects.on_hold(since).filter(
            channel=models.OuterRef("channel_id"), sender=models.OuterRef("sender_id")
        )
        working = Channel.objects.working()
        resting = (
            self.due(at).filter(channel__in=working).exclude(models.Exists(on_hold))
        )
        return resting.unheld(since)

    def unheld(self, at: datetime) -> Self:
        """Deliveries under no hold, be it an admin's or their recipient's domain's.

        Runs a query first for which scopes have holds: usually none, and then nothing
        is added to this one.
        """
        holds = Hold.objects.in_force(at)
        return self.filter(
            *(~models.Exists(holds.over(scope)) for scope in holds.scopes())
        )

    def under(self, held: Hold) -> Self:
        """Deliveries that this hold applies to."""
        keys = hold.KEYS[Hold.Scope(held.scope)]
        columns = {hold.ON_DELIVERY[key]: key for key in keys}
        return self.filter(
            **{
                column: held.domain if key == "domain" else getattr(held, f"{key}_id")
                for column, key in columns.items()
            }
        )

    def held_under(self, lease: str) -> Self:
        """Deliveries that this lease still holds.

        Whoever ends a lease clears its name in them. `lease_until` is not compared:
        clocks jump, and a hand-over that has happened is then no less true.
        """
        return self.in_hand().filter(lease=lease)

    def move(
        self,
        ids: Iterable[int],
        changes: dict[str, Any],
        still: dict[str, Any],
        *,
        skip_locked: bool = False,
    ) -> set[int]:
        """Apply `changes` to `ids` whose fields are `still` so; return those ids."""
        return by_hand.update_returning(
            self.model,
            ids,
            guards=still,
            changes={**changes, "state_since": now()},
            skip_locked=skip_locked,
        )

    def move_provided(
        self,
        provided: Sql | None,
        ids: Iterable[int],
        changes: dict[str, Any],
        still: dict[str, Any],
    ) -> set[int] | None:
        """The same in one piece with another UPDATE, but for `ids` that are locked.

        None, and nothing is moved, if that changes no row.
        """
        if provided is None:
            return self.move(ids, changes, still, skip_locked=True)
        return by_hand.update_provided(
            provided,
            self.model,
            ids,
            guards=still,
            changes={**changes, "state_since": now()},
        )

    def move_telling(
        self, lines: Sequence[Line], changes: dict[str, Any], still: dict[str, Any]
    ) -> set[int]:
        """The same for the deliveries of `lines`; write the lines of those changed."""
        moved = by_hand.update_returning(
            self.model,
            [line.delivery_id for line in lines],
            guards=still,
            changes={**changes, "state_since": now()},
            telling=DeliveryEvent.objects.rows(lines),
        )
        log(line for line in lines if line.delivery_id in moved)
        return moved

    def tell(self, lines: Sequence[Line], still: dict[str, Any]) -> bool:
        """Write the lines if the fields of all their deliveries are `still` so.

        Return whether they were written. The deliveries are not updated, which is
        cheaper.
        """
        rows = DeliveryEvent.objects.rows(lines)
        told = by_hand.insert_about(rows, self.model, still)
        if told:
            log(lines)
        return told

    def in_progress(self) -> Self:
        return self.filter(state__in=IN_PROGRESS)

    def in_hand(self) -> Self:
        return self.filter(state=State.HANDING_OVER)

    def lease_expired(self, at: datetime) -> Self:
        return self.in_hand().filter(lease_until__lte=at)

    def unresolved(self) -> Self:
        """Failures that nobody has decided about yet."""
        failed = [Word(state.value) for state in FAILURES]
        return self.filter(state__in=failed, triage=Word(Triage.OPEN.value))

    def unarchived(self) -> Self:
        return self.filter(archived_at=None)

    def in_lists(self) -> Self:
        """All deliveries, with a condition always true, so that list indexes apply."""
        return self.filter(IN_LISTS)

    def for_list(self, columns: Collection[str]) -> Self:
        """Read what a list row shows in these columns, and nothing else."""
        shown = {"message_uuid": MESSAGE}
        if "reason" in columns:
            shown["sent_again_as"] = SENT_AGAIN
        if "member" in columns:
            shown["sender_shown"] = SENDER
        return self.only(*LISTED).annotate(**shown)

    def for_waiting_list(self, columns: Collection[str]) -> Self:
        """Likewise, with what each waits for, which costs more than the rest."""
        return self.for_list(set(columns) - {"reason"}).only(*WAITING).with_hold()

    def bulk_create(self, objs: Iterable[Delivery], *args: Any, **kwargs: Any) -> Any:
        deliveries = list(objs)
        for delivery in deliveries:
            delivery.copy_for_lists()
        return super().bulk_create(deliveries, *args, **kwargs)

    def with_confirmed(self) -> Self:
        """Know `was_confirmed` of each without its timeline."""
        confirmed = DeliveryEvent.objects.filter(
            delivery=models.OuterRef("pk"), kind=DeliveryEvent.Kind.DELIVERED
        )
        return self.annotate(was_confirmed=models.Exists(confirmed))

    def with_hold(self) -> Self:
        """Annotate until when, and why, each rests for a limit or under a hold.

        Runs a query first for which scopes have holds: usually none, and then this one
        stays simple.
        """
        at = now()
        limit = Allowance.objects.on_hold(at).filter(
            channel=models.OuterRef("channel_id"), sender=models.OuterRef("sender_id")
        )
        found = self.annotate(
            held_until=models.Subquery(limit.values("held_until")[:1]),
            held_because=models.Subquery(limit.values("held_because")[:1]),
        )
        holds = Hold.objects.in_force(at)
        scopes = sorted(holds.scopes(), key=list(Hold.Scope).index)
        if not scopes:
            return found
        return found.annotate(
            hold_words=_of_the_first(holds, scopes, "words"),
            hold_ends=_of_the_first(holds, scopes, "ends"),
        )


def _of_the_first(
    holds: HoldQuerySet, scopes: Sequence[hold.Scope], field: str
) -> Coalesce:
    found = [
        models.Subquery(holds.with_words().over(scope).order_by("pk").values(field)[:1])
        for scope in scopes
    ]
    return Coalesce(*found, None)
