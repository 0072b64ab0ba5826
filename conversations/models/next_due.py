"""What a lane sends next, with exactly the columns that handing over needs.

Raw SQL, because it runs at every look into a lane.
"""

from __future__ import annotations

import json
from datetime import datetime

from channels.database.prepared import moment, on_postgresql
from channels.database.reading import Joined, instances
from conversations.models.by_hand import ID, among
from conversations.models.delivery import Delivery
from conversations.models.hold import HeldBack
from conversations.models.message import Message
from conversations.sending.retry_policy import STOOD_STILL, TRIES
from conversations.sending.slow_policy import requests_within

# Datetimes are slow to convert, so only the ones needed are here.
DELIVERY = (
    "id",
    "uuid",
    "message_id",
    "recipient",
    "recipient_wire",
    "recipient_name",
    "part",
    "channel_id",
    "sender_id",
    "team_id",
    "return_token",
    "attempts",
    "tried_since",
)
MESSAGE = Joined(
    "message",
    Message,
    (
        "id",
        "from_name",
        "from_address",
        "subject",
        "cc",
        "has_attachments",
        "follows_id",
        "references",
        "message_id",
        "written_at",
    ),
)
# What counts as not having been tried for a long time: see `retry_policy`. Mail to a
# domain that asks for less again and again is not of it: other mail was tried instead.
STANDS_STILL = (
    "conversations_delivery.tried_since IS NOT NULL "  # noqa: S608
    "AND conversations_delivery.not_before < %s "
    f"AND conversations_delivery.attempts < {TRIES} "
    "AND NOT EXISTS (SELECT 1 FROM conversations_hold hold WHERE scope = 'slowed' "
    "AND hold.channel_id = conversations_delivery.channel_id "
    "AND domain = conversations_delivery.recipient_domain "
    f"AND until > %s AND times >= {requests_within(STOOD_STILL)})"
)
# How much of letters is read ahead of their turn, each having an equal share: a letter
# may be 10 MiB long, and every thread looks ahead. What is longer is read when it is put
# together: see `letters`.
READ_AHEAD = 8 * 1024 * 1024


def next_due(
    channel_id: int, sender_id: int, at: datetime, number: int, held: HeldBack
) -> list[Delivery]:
    """Up to `number` deliveries of the lane that may go now, in order, with messages.

    Each has `sender_is_verified`: whether its identity still exists and is verified. The
    body of a long letter is not read. What has not been tried for a long time is as if
    it never was: its two days of trying begin anew.
    """
    if held.everything or not number:
        return []
    conditions, parameters = _but_for(held)
    share = READ_AHEAD // number
    still_since = moment(at - STOOD_STILL)
    found = instances(
        Delivery,
        _statement(conditions),
        [
            still_since,
            still_since,
            share,
            share,
            channel_id,
            sender_id,
            moment(at),
            *parameters,
            number,
        ],
        only=DELIVERY,
        joined=MESSAGE,
        annotated=["sender_is_verified", "stands_still", "text", "html"],
    )
    for each in found:
        words = vars(each)
        if words.pop("stands_still"):
            each.tried_since = None
        text, html = words.pop("text"), words.pop("html")
        if text is not None:
            each.message.body, each.message.body_html = text, html
    return found


def _but_for(held: HeldBack) -> tuple[str, list[str]]:
    """SQL conditions, with their parameters, that pass over held teams and domains."""
    conditions, parameters = "", []
    if held.teams:
        conditions += f" AND NOT team_id {among(ID)}"
        parameters.append(json.dumps(list(held.teams)))
    if held.domains:
        conditions += f" AND NOT recipient_domain {among('value')}"
        parameters.append(json.dumps(list(held.domains)))
    return conditions, parameters


def due_ids(conditions: str = "") -> str:
    """SQL for the ids of a lane's due mail: only letters that may go are read then.

    Its parameters: channel, sender, time, those of `conditions`, and the number.
    """
    return (
        "SELECT id FROM conversations_delivery "  # noqa: S608
        "WHERE channel_id = %s AND sender_id = %s AND state = 'queued' "
        f"AND not_before <= %s{conditions} ORDER BY not_before, id LIMIT %s"
    )


def _statement(conditions: str) -> str:
    ids = due_ids(conditions)
    # An array is looked up by primary key, however many ids PostgreSQL expects.
    wanted = f"= ANY(ARRAY({ids}))" if on_postgresql() else f"IN ({ids})"
    # Asked for the bytes, PostgreSQL need not read them.
    length = "octet_length" if on_postgresql() else "length"
    text, html = (
        f"CASE WHEN {length}(body) + {length}(body_html) <= %s THEN {column} END"
        for column in ("body", "body_html")
    )
    return (
        "SELECT {columns}, {message}, identity.verified_at IS NOT NULL, "  # noqa: S608
        f"{STANDS_STILL}, {text}, {html} "
        "FROM conversations_delivery "
        "JOIN conversations_message "
        "ON conversations_message.id = conversations_delivery.message_id "
        "LEFT JOIN channels_emailidentity identity ON identity.id = identity_id "
        f"WHERE conversations_delivery.id {wanted} "
        "ORDER BY not_before, conversations_delivery.id"
    )
