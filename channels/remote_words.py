"""Fields for what other servers said: hostile text, which may hold our secrets.

A server's words often repeat the return path, by which anybody can forge a bounce.
Whoever reads them, on a page, in a file or in the admin, gets them without; the
database keeps them as they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from channels.return_path import without_return_tokens

if TYPE_CHECKING:
    Text = models.TextField[str, str]
    Line = models.CharField[str, str]
else:
    Text = models.TextField
    Line = models.CharField


def _shown(field: models.Field[str, str], value: str | None, *_: Any) -> str | None:
    return without_return_tokens(value) if value else value


class RemoteWordsField(Text):
    from_db_value = _shown


class RemoteLineField(Line):
    from_db_value = _shown
