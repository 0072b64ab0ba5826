from __future__ import annotations

import json
from collections.abc import Iterable
from operator import attrgetter
from uuid import uuid4

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Lower
from django.utils.timezone import now

from channels.models.reading import instances
from conversations.models import by_hand
from conversations.models.by_hand import Rows
from conversations.models.quick_rows import QuickRowsModel
from deliveryportal.accounts.models import User


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def with_people(
        self, owner: User, folded: Iterable[str]
    ) -> dict[str, Conversation]:
        """Find the owner's with people of these addresses, which are in lower case."""
        found = instances(
            self.model,
            "SELECT {columns} FROM " + _EACH_FOUND[connection.vendor],  # noqa: S608
            [json.dumps(list(folded)), owner.pk],
        )
        return {each.person_address.lower(): each for each in found}

    def begin(
        self, owner: User, people: Iterable[tuple[str, str]]
    ) -> dict[str, Conversation]:
        """Begin one with each of these addresses and names, unless there is one."""
        begun = {
            address: Conversation.new(
                owner=owner, person_address=address, person_name=name[:200]
            )
            for address, name in people
        }
        rows = Rows.of(self.model, NEW, [fields_of(each) for each in begun.values()])
        ids = by_hand.insert_missing(rows, returning="person_address, id")
        for address, pk in ids:
            begun[address].pk = pk
        return {address.lower(): begun[address] for address, _ in ids}


# One after the other by the index that makes each unique: PostgreSQL left to itself
# reads all of an owner's where its statistics are old.
_EACH_FOUND = {
    "sqlite": (
        "json_each(%s) CROSS JOIN conversations_conversation "
        "ON owner_id = %s AND lower(person_address) = value"
    ),
    "postgresql": (
        "json_array_elements_text(%s::json) CROSS JOIN LATERAL ("
        "SELECT * FROM conversations_conversation "
        "WHERE owner_id = %s AND lower(person_address) = value LIMIT 1"
        ") conversations_conversation"
    ),
}
NEW = ("uuid", "owner_id", "person_address", "person_name", "created_at")
fields_of = attrgetter(*NEW)


class Conversation(QuickRowsModel):
    """All mail between one user and one person."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="conversations",
        db_index=False,  # its constraint's begins with it
    )
    person_address = models.CharField(max_length=254)
    person_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            # Two messages to one person at the same moment share a conversation.
            models.UniqueConstraint(
                "owner", Lower("person_address"), name="conv_conversation_one_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.person_name or self.person_address
