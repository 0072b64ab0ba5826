from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models.base import ModelState


class QuickRowsModel(models.Model):
    """A model whose rows are read by the thousand.

    Django sets each field of each row by itself, through its descriptor and with two
    signals; here a row becomes the instance's attributes as it is. Fields that were
    deferred are fetched when asked for, as always.
    """

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        **_: Any,
    ) -> Self:
        row = cls.__new__(cls)
        state = ModelState()
        state.adding, state.db = False, db
        row.__dict__.update(zip(field_names, values, strict=True), _state=state)
        return row
