"""Japanese carriers and mail products: au/EZweb/KDDI, docomo, SoftBank, m-FILTER.

Each of the following recipients was rejected by a remote mail server.

    Recipient: <nina@customer.test>
    >>> RCPT TO:<nina@customer.test>
    <<< 550 <nina@customer.test>: User unknown
"""

from __future__ import annotations

from conversations.bounces.formats.layout import ALONE, LINE, NEXT, Layout
from conversations.bounces.opened import ADDRESS

# The line before the address says more than the line behind it.
FIRST = (
    Layout(
        "au",
        "EZweb, KDDI",
        ("the user(s) account is", "unable to resolve route"),
        words_before=True,
        entry=ALONE,
    ),
)

LAYOUTS = (
    Layout("au", "EZweb, KDDI", ("\n    recipient: ", "\nrecipient: ", " recipient: <"), entry=NEXT, each=True),
    Layout("KDDI", "KDDI", ("could not be delivered to:",), entry=NEXT, each=True),
    Layout(
        "au, listed",
        "EZweb, KDDI",
        (
            "recipients did not receive this message:",
            "recipients did not receive your message",
            "following addresses were not delivered",
            "was rejected by a remote",
            "were rejected by a remote",
        ),
    ),
    Layout(
        "m-FILTER",
        "m-FILTER",
        ("m-filter", "への送信に失敗しました", "宛てに送信できませんでした"),
        entry=rf"^(?P<address>{ADDRESS})[ \t]*$",
    ),
    Layout(
        "Japanese notice",
        "docomo, SoftBank, Notes in Japanese",
        (
            "送信できませんでした", "送信に失敗", "配信できませんでした", "配信されませんでした",
            "配送できませんでした", "届けられませんでした", "お届けできませんでした",
            "送信エラー", "配信不能", "宛先に配信", "あて先へ", "宛先", "あて先",
        ),
        entry=ALONE,
    ),
    Layout(
        "Japanese notice",
        "docomo, SoftBank",
        ("宛先:", "宛先：", "あて先:", "あて先：", "メールアドレス:", "メールアドレス："),
        entry=LINE,
    ),
)  # fmt: skip
