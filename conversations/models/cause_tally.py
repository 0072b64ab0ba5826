from __future__ import annotations

from typing import Self

from django.db import connection, models, transaction
from django.db.models import Sum
from django.db.models.expressions import RawSQL

ADD = """
    INSERT INTO conversations_causetally AS tally (team_id, cause, number)
    SELECT team_id, cause, SUM(number) FROM {changes} GROUP BY team_id, cause
    ORDER BY team_id, cause
    ON CONFLICT (team_id, cause) DO UPDATE SET number = tally.number + excluded.number
"""
CHANGES = "conversations_causechange"
# Exactly the changes that are deleted are added. SQLite has one writer at a time; on
# PostgreSQL, all sweepers lock first the changes, then the tallies, in the same order.
FOLD: dict[str, tuple[str, ...]] = {
    "postgresql": (
        f"""
        WITH taken AS (
            DELETE FROM {CHANGES} WHERE id = ANY(ARRAY(
                SELECT id FROM {CHANGES} ORDER BY id FOR UPDATE
            ))
            RETURNING team_id, cause, number
        )
        {ADD.format(changes="taken")}
        """,  # noqa: S608
    ),
    "sqlite": (
        ADD.format(changes=f"{CHANGES} WHERE TRUE"),
        f"DELETE FROM {CHANGES}",  # noqa: S608
    ),
}


# Literal SQL, as in the partial index's condition: with 0 as a parameter, PostgreSQL
# could not tell that the index applies.
STANDING = RawSQL("number > 0", (), models.BooleanField())


class CauseTallyQuerySet(models.QuerySet["CauseTally"]):
    def of_team(self, team_id: int) -> Self:
        return self.filter(STANDING, team=team_id)

    def total(self) -> tuple[int, int]:
        """Return the number of failures and the number of causes."""
        found = self.aggregate(failures=Sum("number"), causes=models.Count("*"))
        return found["failures"] or 0, found["causes"]

    def fold(self) -> None:
        """Add the committed `CauseChange`s to the tallies and delete them."""
        if not CauseChange.objects.exists():
            return
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in FOLD[connection.vendor]:
                cursor.execute(statement)


class OfCause(models.Model):
    # No constraint in the database: it would get in the way of deleting a team.
    team = models.ForeignKey(
        "accounts.Team",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        editable=False,
    )
    cause = models.CharField(max_length=300, editable=False)  # "" if none is known

    class Meta:
        abstract = True


class CauseTally(OfCause):
    """How many open failures a team has of one cause.

    Triggers (`conversations.watching.cause_triggers`) note each failure that comes or
    goes as a `CauseChange`, which the sweeper adds here later. If they updated the
    number themselves, workers settling failures of one cause would wait for each other.
    """

    number = models.IntegerField(editable=False)

    objects = CauseTallyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "cause tallies"
        constraints = [
            # One row for each cause of a team, to which changes are added.
            models.UniqueConstraint(fields=["team", "cause"], name="conv_cause_once"),
        ]
        indexes = [
            # A team's causes, the most frequent first, and their total.
            models.Index(
                fields=["team", "number"],
                condition=models.Q(number__gt=0),
                name="conv_cause_worst",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.cause}"


class CauseChange(OfCause):
    """One open failure more (+1) or less (-1) than the `CauseTally` says."""

    number = models.SmallIntegerField(editable=False)

    def __str__(self) -> str:
        return f"{self.number:+} {self.cause}"
