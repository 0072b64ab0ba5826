from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConversationsConfig(AppConfig):
    name = "conversations"

    def ready(self) -> None:
        # Declares the actors, for whoever loads Django (web, worker or command), and
        # connects the receivers.
        from conversations import (  # noqa: PLC0415
            backlog,  # noqa: F401
            channel_changes,  # noqa: F401
            identity_deletion,  # noqa: F401
            member_deactivation,  # noqa: F401
            tasks,  # noqa: F401
        )
        from conversations.lists import filter_index  # noqa: PLC0415
        from conversations.sending import throttle_waits  # noqa: F401, PLC0415
        from conversations.triage import (  # noqa: PLC0415
            tasks as triage_tasks,  # noqa: F401
        )
        from conversations.watching import (  # noqa: PLC0415
            cause_triggers,
            digest_tasks,  # noqa: F401
        )

        post_migrate.connect(cause_triggers.ensure, sender=self)
        post_migrate.connect(filter_index.ensure, sender=self)
