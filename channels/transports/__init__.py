"""The kinds of delivery channel: one file each in this folder.

A file `carrier.py` is the kind "carrier"; it names its class `TRANSPORT`. Nothing
else has to be edited for it to appear in Settings, in admin and in the contract
tests, which ask for its far end in `tests/channels/transports/far_ends/carrier.py`.

Files that start with an underscore are no kinds: `_base.py` is what every kind can do,
the others are Gmail's own. What both SMTP kinds speak is in `channels/smtp/`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from channels.transports._base import (
    Account,
    Input,
    OutgoingEmail,
    Pace,
    Preset,
    Receipt,
    Scope,
    Setting,
    SettingsError,
    Step,
    Traits,
    Transport,
    TransportError,
    Verdict,
    VisibleSender,
)

__all__ = [
    "Account",
    "Input",
    "OutgoingEmail",
    "Pace",
    "Preset",
    "Receipt",
    "Scope",
    "Setting",
    "SettingsError",
    "Step",
    "Traits",
    "Transport",
    "TransportError",
    "Verdict",
    "VisibleSender",
    "all_transports",
    "kind_choices",
    "labels_of_kinds",
    "transport_class",
]


@cache
def all_transports() -> dict[str, type[Transport]]:
    """Return the class of every kind, default kind first, then by label."""
    found: dict[str, type[Transport]] = {}
    for module in iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        transport = getattr(
            import_module(f"{__name__}.{module.name}"), "TRANSPORT", None
        )
        if not (isinstance(transport, type) and issubclass(transport, Transport)):
            raise TypeError(
                f"channels/transports/{module.name}.py must name its Transport "
                "subclass TRANSPORT."
            )
        found[module.name] = transport
    return dict(
        sorted(
            found.items(),
            key=lambda item: (
                item[1].traits.scope is not Scope.INSTALLATION,
                item[1].traits.label,
            ),
        )
    )


def transport_class(kind: str) -> type[Transport]:
    """Return the class of `kind`; KeyError if its file is gone."""
    return all_transports()[kind]


def kind_choices() -> list[tuple[str, str]]:
    """Choices for a model field: a callable, so a new kind needs no migration."""
    return [(kind, cls.traits.label) for kind, cls in all_transports().items()]


def labels_of_kinds(*, recording_bounces: bool) -> list[str]:
    """The kinds of channel whose bounces are recorded here, or those of the others."""
    return [
        each.traits.label
        for each in all_transports().values()
        if each.traits.records_bounces is recording_bounces
    ]
