"""The other side of each kind of channel, which behaves as a test tells it to.

A file `carrier.py` here is the far end of the kind "carrier"; it names its class
`FAR_END`. The contract tests then run over that kind.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tests.channels.transports.far_ends._base import Act, FarEnd

__all__ = ["Act", "FarEnd", "MissingFarEndError", "far_end_of"]


class MissingFarEndError(LookupError):
    """The message tells the developer what to add."""


def far_end_of(kind: str) -> type[FarEnd]:
    name = f"{__name__}.{kind}"
    if find_spec(name) is None:
        raise MissingFarEndError(
            f"The kind “{kind}” is not tested yet. Add one file, "
            f"{name.replace('.', '/')}.py, with a FarEnd named FAR_END: it plays the "
            "servers of that kind, and nothing else has to be edited."
        )
    found: type[FarEnd] = import_module(name).FAR_END
    return found
