from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Lower
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from channels.database.prepared import Sql
from channels.database.quick_rows import QuickRowsModel
from conversations.models.by_hand import Rows

# A LATERAL lookup finds each address by the unique index; with old statistics,
# PostgreSQL would otherwise read all conversations of the owner.
_EACH = {
    "sqlite": (
        "SELECT known.id, lower(value) FROM json_each(%s) "
        "LEFT JOIN conversations_conversation known "
        "ON owner_id = %s AND lower(person_address) = lower(value) ORDER BY key"
    ),
    "postgresql": (
        "SELECT known.id, lower(value) FROM json_array_elements_text(%s::json) "
        "LEFT JOIN LATERAL (SELECT id FROM conversations_conversation "
        "WHERE owner_id = %s AND lower(person_address) = lower(value) LIMIT 1) known "
        "ON true"
    ),
}


class NewConversation(NamedTuple):
    id: int
    uuid: UUID
    owner_id: int
    person_address: str
    person_name: str
    created_at: datetime


class Conversation(QuickRowsModel):
    """All mail between one user and one person."""

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="conversations",
        db_index=False,  # the unique constraint's index begins with it
    )
    person_address = models.CharField(max_length=254)
    person_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            # Two messages to one person at the same moment share a conversation.
            models.UniqueConstraint(
                "owner", Lower("person_address"), name="conv_conversation_one_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.person_name or self.person_address

    @staticmethod
    def known(owner_id: int, addresses: Iterable[str]) -> Sql:
        """SQL that finds the owner's conversations with these addresses.

        For each address, in order, it selects the id of its conversation, or NULL, and
        the address lower-cased by the database, which may differ from Python's lower().
        """
        return Sql(_EACH[connection.vendor], (json.dumps(list(addresses)), owner_id))

    @classmethod
    def rows(cls, new: Sequence[NewConversation]) -> Rows:
        return Rows(cls, NewConversation._fields, new)
