from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from deliveryportal.accounts.append_only import forbid_changes


class AccountsConfig(AppConfig):
    name = "deliveryportal.accounts"
    verbose_name = "People and teams"

    def ready(self) -> None:
        post_migrate.connect(forbid_changes, sender=self)
