from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

from channels.secrets import decrypt, encrypt

if TYPE_CHECKING:
    TextField = models.TextField[dict[str, str], dict[str, str]]
else:
    TextField = models.TextField


class EncryptedJSONField(TextField):
    """A dict of strings, encrypted in the database, plain on the instance.

    Never editable, never serialised: neither forms nor `dumpdata` show it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs.setdefault("default", dict)
        kwargs["serialize"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(
        self,
        value: str | None,
        expression: Expression,
        connection: BaseDatabaseWrapper,
    ) -> dict[str, str]:
        return json.loads(decrypt(value)) if value else {}

    def get_prep_value(self, value: dict[str, str] | None) -> str:
        return encrypt(json.dumps(value)) if value else ""
