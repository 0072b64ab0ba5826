from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from channels.key_rotation import rotate_all


class Command(BaseCommand):
    help = (
        "Encrypts all stored credentials with the first of CREDENTIAL_KEYS, after "
        "which the others may be dropped. Exits with 1 if one cannot be read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotation = rotate_all()
        self.stdout.write(f"Encrypted with the first key: {rotation.encrypted}.")
        if rotation.unreadable:
            raise CommandError(
                "No key reads these, which were kept as they are: "
                f"{', '.join(rotation.unreadable)}."
            )
