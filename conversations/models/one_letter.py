"""A letter to one person, and all rows that belong to it, inserted by one statement.

The ids are taken as the rows are inserted, and a value that several rows share is sent
once: there is no trip for ids, and no JSON to write and read. Only PostgreSQL can
insert into several tables in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from uuid_utils import uuid7  # sent as text; Python's UUID objects take longer to make

from channels.addresses import Address
from channels.database.prepared import Sql, prepared
from channels.models import Channel
from channels.return_path import new_token
from channels.routing import ALWAYS, Condition
from conversations.models.conversation import Conversation
from conversations.models.delivery import Delivery
from conversations.models.event import DeliveryEvent, Line, log
from conversations.models.message import Message

# SQL of columns whose value is not simply the parameter of the same name.
_BEGUN = {
    "uuid": "%(conversation_uuid)s",
    "owner_id": "%(sender_id)s",
    "person_address": "%(recipient)s",
    "person_name": "left(%(recipient_name)s, 200)",
    "created_at": "%(written_at)s",
}
_MESSAGE = {"conversation_id": "talk.id", "cc": "'[]'"}
_DELIVERY = {
    "uuid": "%(delivery_uuid)s",
    "message_id": "message.id",
    "state_since": "%(written_at)s",
    "created_at": "%(written_at)s",
}
# The columns of a delivery that are parameters; the others get the model's defaults.
_OF_DELIVERY = (
    *("sender_id", "team_id", "channel_id", "channel_kind", "tracked"),
    *("recipient", "recipient_wire", "recipient_name", "return_token"),
    *("subject", "from_address", "not_before"),
)
_LINE = {
    "delivery_id": "delivery.id",
    "kind": "'written'",
    "at": "%(written_at)s",
    "note": "%(written)s",
    **dict.fromkeys(("remote", "remote_words", "enhanced_code"), "''"),
}
# Counted, because for EXISTS, where forms to thousands make up the table, PostgreSQL
# hopes to come upon such a row soon and reads the table instead of the index.
# psycopg caches how it reads a statement only up to 4,096 characters and 50 values.
_STATEMENT = """
WITH go AS (
    SELECT WHERE ({provided}) AND 0 = (
        SELECT count(*) FROM {messages}
        WHERE sender_id = %(sender_id)s AND submission = %(submission)s
    )
), known AS (
    SELECT id FROM {conversations}, go
    WHERE owner_id = %(sender_id)s AND lower(person_address) = lower(%(recipient)s)
), begun AS (
    INSERT INTO {conversations} {begun} FROM go
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), message AS (
    INSERT INTO {messages} {message}
    FROM (TABLE known UNION ALL TABLE begun) talk RETURNING id, conversation_id
), delivery AS (
    INSERT INTO {deliveries} {delivery} FROM message RETURNING id
), line AS (
    INSERT INTO {events} {line} FROM delivery
)
SELECT message.id, conversation_id, delivery.id, ({asking}) FROM message, delivery
"""


def enter(
    message: Message,
    to: Address,
    channel: Channel,
    note: str,
    *,
    due: datetime,
    asking: Sql | None = None,
    provided: Condition = ALWAYS,
) -> bool | None:
    """Insert a new message with one delivery, in the sender's conversation with `to`.

    `note` says on the timeline how it was written and queued. Return whether the query
    `asking` found a row; or None, with nothing inserted, if the condition `provided`
    does not hold, or anything was sent from the message's form before.
    """
    condition, its_parameters = provided
    asked = asking or Sql("NULL")
    values = {
        **vars(message),
        "_state": None,
        "recipient": to.shown,
        "recipient_wire": to.wire,
        "recipient_name": to.name,
        "conversation_uuid": uuid7(),
        "delivery_uuid": uuid7(),
        "return_token": new_token(),
        "channel_id": channel.id,
        "channel_kind": channel.kind,
        "tracked": channel.traits.records_bounces,
        "not_before": due,
        "written": note,
        **_numbered(asked.parameters),
        **its_parameters,
    }
    statement = _statement(condition, asked.text, len(asked.parameters))
    inserted = prepared(statement, _as_texts(values))
    if not inserted:
        return None
    ((message.id, message.conversation_id, delivery, found),) = inserted
    message._state.adding, message._state.db = False, DEFAULT_DB_ALIAS
    log([Line(delivery, DeliveryEvent.Kind.WRITTEN, message.written_at, note)])
    return found is not None


def _numbered(parameters: tuple[Any, ...]) -> dict[str, Any]:
    return {str(at): value for at, value in enumerate(parameters)}


def _as_texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    """The values as texts: the database knows their types from the columns.

    psycopg types an int by its size, which would make several prepared statements.
    """
    return {
        name: value if value is None else str(value) for name, value in values.items()
    }


@cache
def _statement(provided: str, asking: str, parameters: int) -> str:
    message = {
        field.attname: f"%({field.attname})s"
        for field in Message._meta.concrete_fields
        if not field.primary_key
    }
    blank = {
        name: f"'{value}'"
        for name, value in Delivery.blank().items()
        if value is not None
    }
    delivery = {**blank, **{name: f"%({name})s" for name in _OF_DELIVERY}}
    return _STATEMENT.format(
        conversations=Conversation._meta.db_table,
        messages=Message._meta.db_table,
        deliveries=Delivery._meta.db_table,
        events=DeliveryEvent._meta.db_table,
        begun=_selecting(_BEGUN),
        message=_selecting({**message, **_MESSAGE}),
        delivery=_selecting({**delivery, **_DELIVERY}),
        line=_selecting(_LINE),
        provided=provided,
        asking=asking % tuple(f"%({at})s" for at in range(parameters)),
    )


def _selecting(columns: Mapping[str, str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"({names}) SELECT {', '.join(columns.values())}"
