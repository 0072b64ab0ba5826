"""Reports as servers write them: a file for each family.

A family that lists its failed recipients in a text is a `Layout`, or several, in a tuple
named LAYOUTS. To add one: write the file (or a row), name it here, add a sample of your
own to the tests' data. The first layout that finds an address is believed, so the more
particular stand first.
"""

from __future__ import annotations

from conversations.bounces.formats import (
    amazon,
    exim,
    gateways,
    general,
    japan,
    microsoft,
    qmail,
    sendmail,
)
from conversations.bounces.formats.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    *amazon.LAYOUTS,
    *exim.LAYOUTS,
    *japan.FIRST,
    *qmail.LAYOUTS,
    *sendmail.LAYOUTS,
    *microsoft.LAYOUTS,
    *japan.LAYOUTS,
    *gateways.LAYOUTS,
    *general.LAYOUTS,
)
