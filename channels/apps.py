from __future__ import annotations

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "channels"
    verbose_name = "Delivery channels"

    def ready(self) -> None:
        # Connects the receivers and declares the actors.
        from channels import first_identity, tasks  # noqa: F401, PLC0415
