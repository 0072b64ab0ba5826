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
# What is taken away is what was counted. SQLite has one writer at a time; PostgreSQL
# locks the changes, and then the tallies, in one order for all.
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


# In the index's own words: of a parameter PostgreSQL does not know that it is none.
STANDING = RawSQL("number > 0", (), models.BooleanField())


class CauseTallyQuerySet(models.QuerySet["CauseTally"]):
    def of_team(self, team_id: int) -> Self:
        return self.filter(STANDING, team=team_id)

    def total(self) -> tuple[int, int]:
        """Return how many failures there are, of how many causes."""
        found = self.aggregate(failures=Sum("number"), causes=models.Count("*"))
        return found["failures"] or 0, found["causes"]

    def fold(self) -> None:
        """Add the changes that have been committed."""
        if not CauseChange.objects.exists():
            return
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in FOLD[connection.vendor]:
                cursor.execute(statement)


class OfCause(models.Model):
    # No constraint in the database: it would be in the way of deleting a team.
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

    What comes and goes is noted by the database itself, as `CauseChange`s: see
    `conversations.watching.cause_triggers`. Adding to a number at once would have all who settle
    failures of one cause wait for each other.
    """

    number = models.IntegerField(editable=False)

    objects = CauseTallyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "cause tallies"
        constraints = [
            # One number of each cause, which changes are added to.
            models.UniqueConstraint(fields=["team", "cause"], name="conv_cause_once"),
        ]
        indexes = [
            # A team's causes, the worst first, and what they come to.
            models.Index(
                fields=["team", "number"],
                condition=models.Q(number__gt=0),
                name="conv_cause_worst",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.cause}"


class CauseChange(OfCause):
    """That there is one more, or one less, than the tally says."""

    number = models.SmallIntegerField(editable=False)

    def __str__(self) -> str:
        return f"{self.number:+} {self.cause}"
