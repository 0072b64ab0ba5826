"""qmail, Postfix, Courier, OpenSMTPD, Yahoo and kin: an address, a colon, the reason.

Hi. This is the qmail-send program at relay.portal.test.
I'm afraid I wasn't able to deliver your message to the following addresses.

<nina@customer.test>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 No such user
"""

from __future__ import annotations

from conversations.bounces.formats.layout import ALONE, ANGLE, NEXT, Layout

_WARNING = (
    "this is a warning only",
    "is delayed for more than",  # OpenSMTPD
    "could not be delivered for more than",  # Postfix
    "temporary failure report",
    "delivery attempts will continue",
    "will be retried until",
)

LAYOUTS = (
    Layout(
        "Postfix or OpenSMTPD, delayed", "Postfix", _WARNING, entry=ANGLE, kind="delay"
    ),
    Layout(
        "OpenSMTPD, delayed",
        "OpenSMTPD",
        ("a message is delayed for more than",),
        entry=ALONE,
        until=("please note that",),
        kind="delay",
    ),
    Layout(
        "OpenSMTPD", "OpenSMTPD", ("the following list of recipients:",), entry=ALONE
    ),
    Layout(
        "qmail or Postfix",
        "qmail, Postfix, Courier, Yahoo, Outblaze",
        ("",),
        entry=ANGLE,
    ),
    Layout("dma", "DragonFly", ("error delivering your mail to",), entry=NEXT),
    Layout(
        "Yahoo, no address",
        "Yahoo",
        ("wasn't able to deliver the following message",),
        entry=r"^To:[ \t]{1,8}(?P<address>[^\s<>@]{1,64}@[\w.-]{1,255}\w)",
        words_before=True,
    ),
)
