from __future__ import annotations

from types import ModuleType

from django.apps import AppConfig
from django.conf import settings


class PortalConfig(AppConfig):
    name = "deliveryportal"
    verbose_name = "DeliveryPortal"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Before any @actor is declared: dramatiq would silently pick RabbitMQ.
        from deliveryportal.broker import bind_broker  # noqa: PLC0415

        bind_broker(settings.BROKER_URL)

    def ready(self) -> None:
        # Registers the system checks.
        from deliveryportal import checks  # noqa: F401, PLC0415
