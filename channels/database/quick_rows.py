from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Self

from django.db import models
from django.db.models.base import ModelState


class QuickRowsModel(models.Model):
    """A model whose rows are read and written by the thousand.

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

    @classmethod
    def blank(cls) -> Mapping[str, Any]:
        """Return the fields that are the same in every new row, and their values."""
        return _blank(cls).constants

    @classmethod
    def new(cls, **values: Any) -> Self:
        """Make the instance that the constructor would make; to be inserted by hand."""
        row = cls.__new__(cls)
        state = ModelState()
        blank = _blank(cls)
        attributes = row.__dict__
        attributes.update(blank.constants, _state=state)
        for name, make in blank.made:
            if name not in values:
                attributes[name] = make()
        for name in blank.relations.keys() & values.keys():
            related = values.pop(name)
            state.fields_cache[name] = related
            attributes[blank.relations[name]] = None if related is None else related.pk
        attributes.update(values)
        return row


class _Blank:
    """What the fields of a new row are if they are not given."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = [each for each in model._meta.concrete_fields if not each.generated]
        self.constants: dict[str, Any] = {}
        self.made: list[tuple[str, Callable[[], Any]]] = []
        for each in fields:
            if each.has_default() and callable(each.default):
                self.made.append((each.attname, each.default))
            else:
                self.constants[each.attname] = each.get_default()
        self.relations = {
            each.name: each.attname for each in fields if each.is_relation
        }


_blank = cache(_Blank)
