"""Mail that another server took and cannot pass on yet, and how long that may last."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from conversations.models.state import State

# How long a server is taken to try if it does not say, and the most we believe if it
# does.
COMMON, LONGEST = timedelta(days=5), timedelta(days=14)
# A server gives up, and says so, only when it next looks at mail whose time is over.
LAST_LOOK = timedelta(hours=2)
AT_A_TIME = 500

NO_BOUNCE = (
    "Their server had said until when it would try. Nothing came back since, so it "
    "was most likely delivered."
)


def tried_until(told: datetime | None, at: datetime) -> datetime:
    """Until when to expect news of a delay that was reported at `at`.

    `told` is the time until which the server says it will try, if it says so.
    """
    end = at + COMMON if told is None else min(max(told, at), at + LONGEST)
    return end + LAST_LOOK


@transaction.atomic
def end_delays(at: datetime) -> int:
    """Set delayed mail whose time is over to accepted; return how many.

    No bounce has come, so it was most likely delivered.
    """
    over = list(
        Delivery.objects.filter(state=State.DELAYED, tried_until__lte=at)
        .select_for_update(skip_locked=True)
        .values_list("pk", flat=True)[:AT_A_TIME]
    )
    Delivery.objects.filter(pk__in=over).update(
        state=State.ACCEPTED, state_since=at, tried_until=None, remote_words=""
    )
    DeliveryEvent.objects.record(
        Line(pk, DeliveryEvent.Kind.DELAY_OVER, at, note=NO_BOUNCE) for pk in over
    )
    return len(over)
