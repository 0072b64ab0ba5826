"""The key that failures are grouped by, computed by the database in a generated column.

A reason, and the domain or channel it speaks of: `address_unknown`,
`spam_policy:bigco.com`, `channel_down:17`. Whichever code fails a delivery, its cause
is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Cast, Concat, Lower, StrIndex, Substr
from django.db.models.sql.compiler import SQLCompiler

from conversations.bounces.reasons import REASONS, Speaks


class Cause(Func):
    """A delivery's cause, given which reasons speak of the domain and of the channel.

    PostgreSQL calls a function that a migration makes: it parses the expression of a
    generated column anew for each INSERT, and the CASE written out took a third of the
    time of inserting a row. SQLite gets the CASE.
    """

    function = "conversations_cause"
    output_field = CharField()

    def __init__(self, of_domain: Sequence[str], of_channel: Sequence[str]) -> None:
        super().__init__(
            "reason",
            "recipient_wire",
            "channel",
            Value(" ".join(of_domain)),
            Value(" ".join(of_channel)),
        )
        domain = Substr("recipient_wire", StrIndex("recipient_wire", Value("@")) + 1)
        self._in_words: Any = Case(
            When(reason="", then=Value(None)),
            When(reason__in=of_domain, then=_of(Lower(domain))),
            When(reason__in=of_channel, then=_of(Cast("channel", CharField()))),
            default=F("reason"),
            output_field=CharField(),
        )

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Self:
        resolved = super().resolve_expression(*args, **kwargs)
        resolved._in_words = self._in_words.resolve_expression(*args, **kwargs)
        return resolved

    def as_sqlite(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        **extra_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        sql, params = compiler.compile(self._in_words)
        return sql, tuple(params)


def _of(what: Any) -> Concat:
    return Concat(F("reason"), Value(":"), what)


def _reasons(of: Speaks) -> list[str]:
    return sorted(key for key, reason in REASONS.items() if reason.of is of)


CAUSE = Cause(_reasons(Speaks.DOMAIN), _reasons(Speaks.CHANNEL))
