from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.management.commands import createsuperuser

from deliveryportal.accounts.models import User

# By the setting SIGNUP.
WHO_ELSE = {
    "invitation": "Nobody else can sign up without an invitation (SIGNUP=invitation).",
    "open": "Whoever signs up founds another team (SIGNUP=open).",
}


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if User.objects.only_admins():
            self.stdout.write(
                "An admin is also the manager of a team of their own: invite people to it "
                f"at {settings.BASE_URL}/settings/team/. {WHO_ELSE[settings.SIGNUP]}"
            )
