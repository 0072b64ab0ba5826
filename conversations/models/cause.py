"""The key that failures are grouped by, worked out by the database itself.

A reason, and what it speaks of: `address_unknown`, `spam_policy:bigco.com`,
`channel_down:17`. However a delivery fails, its cause is right.
"""

from __future__ import annotations

from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Cast, Concat, Lower, StrIndex, Substr

from conversations.bounces.reasons import REASONS, Speaks


def _reasons(of: Speaks) -> list[str]:
    return sorted(key for key, reason in REASONS.items() if reason.of is of)


_DOMAIN = Lower(
    Substr("recipient_wire", StrIndex(F("recipient_wire"), Value("@")) + Value(1))
)
CAUSE = Case(
    When(reason="", then=Value(None)),
    When(
        reason__in=_reasons(Speaks.DOMAIN),
        then=Concat(F("reason"), Value(":"), _DOMAIN),
    ),
    When(
        reason__in=_reasons(Speaks.CHANNEL),
        then=Concat(F("reason"), Value(":"), Cast("channel", CharField())),
    ),
    default=F("reason"),
    output_field=CharField(),
)
