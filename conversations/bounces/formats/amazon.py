"""Amazon SES and WorkMail, where no delivery status says more.

An error occurred while trying to deliver the mail to the following recipients:
nina@customer.test
"""

from __future__ import annotations

from conversations.bounces.formats.layout import ALONE, Layout

LAYOUTS = (
    Layout(
        "Amazon SES",
        "SES, WorkMail",
        ("trying to deliver the mail to the following recipients:",),
        entry=ALONE,
        until=("technical report:",),
    ),
)
