from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from deliveryportal.accounts.append_only import forbid_changes


class AccountsConfig(AppConfig):
    name = "deliveryportal.accounts"
    verbose_name = "People and teams"

    def ready(self) -> None:
        # It needs the models, which are not there yet while this file is read.
        from deliveryportal.accounts.credential_changes import listen  # noqa: PLC0415

        post_migrate.connect(forbid_changes, sender=self)
        listen()
