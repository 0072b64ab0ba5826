from __future__ import annotations

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"

    def ready(self) -> None:
        # Declares the actors, for whoever loads Django: web, worker or command.
        from conversations import tasks  # noqa: F401, PLC0415
