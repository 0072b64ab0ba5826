from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

from channels.secrets import decrypt, encrypt

if TYPE_CHECKING:
    TextField = models.TextField[Mapping[str, str], Mapping[str, str]]
else:
    TextField = models.TextField


class Credentials(Mapping[str, str]):
    """Decrypted when first looked at, so that lists of rows survive a lost key.

    Looking at them raises SecretUnreadableError then.
    """

    def __init__(self, token: str) -> None:
        self.token = token

    @cached_property
    def _plain(self) -> dict[str, str]:
        plain: dict[str, str] = json.loads(decrypt(self.token))
        return plain

    def __getitem__(self, name: str) -> str:
        return self._plain[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


class EncryptedJSONField(TextField):
    """A mapping of strings, encrypted in the database.

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
    ) -> Mapping[str, str]:
        return Credentials(value) if value else {}

    def get_prep_value(self, value: Mapping[str, str] | None) -> str:
        if isinstance(value, Credentials):
            return value.token
        return encrypt(json.dumps(dict(value))) if value else ""
