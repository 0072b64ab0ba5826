from __future__ import annotations

from typing import Any

from django.db import migrations, models

import conversations.models.cause

MAKE = """
    CREATE OR REPLACE FUNCTION conversations_cause(
        reason text, recipient_wire text, channel_id bigint,
        of_domain text, of_channel text
    ) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    BEGIN
        IF reason = '' THEN
            RETURN NULL;
        ELSIF reason = ANY(string_to_array(of_domain, ' ')) THEN
            RETURN reason || ':'
                || lower(substr(recipient_wire, strpos(recipient_wire, '@') + 1));
        ELSIF reason = ANY(string_to_array(of_channel, ' ')) THEN
            RETURN reason || ':' || channel_id;
        END IF;
        RETURN reason;
    END $$
"""
# They ask for the cause, and are made again after each `migrate`.
TRIGGERS = ["come", "gone", "opened", "closed"]


def make(apps: Any, schema_editor: Any) -> None:
    drop_triggers(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(MAKE)


def unmake(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS conversations_cause")


def drop_triggers(apps: Any, schema_editor: Any) -> None:
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    of_table = " ON conversations_delivery" if on_postgresql else ""
    for name in TRIGGERS:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS conv_cause_{name}{of_table}")


INDEX = models.Index(
    fields=["team", "cause", "state_since"],
    condition=models.Q(
        triage="open",
        state__in=["failed", "bounced", "complained", "unconfirmed"],
    ),
    name="conv_delivery_cause",
)


class Migration(migrations.Migration):
    """On PostgreSQL this writes the table of deliveries anew."""

    dependencies = [("conversations", "0035_tell_in_one_line_how_it_was_queued")]

    operations = [
        migrations.RunPython(make, unmake),
        migrations.RemoveIndex("delivery", "conv_delivery_cause"),
        migrations.RemoveField("delivery", "cause"),
        migrations.AddField(
            "delivery",
            "cause",
            models.GeneratedField(
                expression=conversations.models.cause.Cause(
                    [
                        "auth_failed",
                        "domain_unknown",
                        "rate_limited",
                        "recipient_refused",
                        "sender_blocked",
                        "server_error",
                        "server_unreachable",
                        "spam_policy",
                    ],
                    ["channel_down", "channel_gone", "sender_refused", "sender_setup"],
                ),
                output_field=models.CharField(max_length=300, null=True),
                db_persist=True,
            ),
        ),
        migrations.AddIndex("delivery", INDEX),
        # Backwards, too, nothing may ask for what is taken away.
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
