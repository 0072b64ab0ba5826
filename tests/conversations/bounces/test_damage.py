"""Reports that somebody damaged on their way say the same as before."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conversations.bounces.dsn import read_reports
from tests.conversations.bounces.conftest import mail

REPORTS = ["unknown_user", "given_up", "still_trying", "two_recipients", "odd_spelling"]


def no_boundary(raw: bytes) -> bytes:
    return re.sub(rb"(?i)boundary=\S+", b"", raw, count=1)


def wrong_boundary(raw: bytes) -> bytes:
    return re.sub(rb"(?i)boundary=\S+", b"boundary=other", raw, count=1)


def no_last_boundary(raw: bytes) -> bytes:
    return raw.rstrip()[:-2]


def flattened(raw: bytes) -> bytes:
    """The parts are a text, as where a gateway takes the MIME fields off."""
    head, _, body = raw.partition(b"\n\n")
    return re.sub(rb"(?im)^content-type:.*(\n[ \t].*)*\n?", b"", head) + b"\n\n" + body


def quoted(raw: bytes) -> bytes:
    head, _, body = flattened(raw).partition(b"\n\n")
    head = b"From: MAILER-DAEMON@gateway.test\n" + head
    return head + b"\n\n" + b"\n".join(b"> " + line for line in body.split(b"\n"))


def stray_blank_lines(raw: bytes) -> bytes:
    return re.sub(rb"(?im)^(action|diagnostic-code) ?:", rb"\n\1:", raw)


def blank_before_colon(raw: bytes) -> bytes:
    return re.sub(
        rb"(?im)^(action|status|final-recipient|diagnostic-code):", rb"\1 :", raw
    )


def upper_case(raw: bytes) -> bytes:
    return re.sub(rb"(?m)^[A-Za-z-]+:", lambda found: found[0].upper(), raw)


def mbox_line(raw: bytes) -> bytes:
    return b"From MAILER-DAEMON  Mon Mar  2 09:14:07 2026\n" + raw


def part_of_another_type(raw: bytes) -> bytes:
    return re.sub(rb"(?i)message/delivery-status", b"text/plain", raw)


def wrapped(raw: bytes) -> bytes:
    """In a mail of a gateway, under the same subject."""
    subject = re.search(rb"(?im)^subject:.*", raw)
    assert subject
    return (
        b"From: postmaster@gateway.test\n" + subject[0] + b"\n"
        b"Content-Type: multipart/mixed; boundary=gateway\n\n"
        b"--gateway\nContent-Type: message/rfc822\n\n" + raw + b"\n"
        b"--gateway\nContent-Type: text/plain\n\nThis mail was checked.\n--gateway--\n"
    )


DAMAGE: list[Callable[[bytes], bytes]] = [
    no_boundary,
    wrong_boundary,
    no_last_boundary,
    flattened,
    quoted,
    stray_blank_lines,
    blank_before_colon,
    upper_case,
    mbox_line,
    wrapped,
]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", REPORTS)
def test_a_damaged_report_says_the_same(
    name: str, damage: Callable[[bytes], bytes]
) -> None:
    assert told(damage(mail(name))) == told(mail(name))


def told(raw: bytes) -> list[tuple[str, str, str, bool]]:
    return [
        (report.kind, report.final_recipient, report.reason, report.hard)
        for report in read_reports(raw)
    ]


STATUS = (
    "From: MAILER-DAEMON@relay.test\nSubject: Returned mail\n{more}"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    "--b\nContent-Type: text/plain\n\n{text}\n"
    "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.test\n\n"
    "Final-Recipient: {recipient}\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
)


@pytest.mark.parametrize(
    ("recipient", "more", "text", "read"),
    [
        ("rfc822; @mx.test:nina@customer.test", "", "", "nina@customer.test"),
        ('rfc822; "n....a"@customer.test', "", "", '"n....a"@customer.test'),
        ("rfc822; |/bin/sort", "X-Failed-Recipients: nina@customer.test\n", "", "nina@customer.test"),
        ("rfc822; /var/mail/nina", "", "<nina@customer.test>: no", "nina@customer.test"),
        ("rfc822; |/bin/sort", "", "nobody knows", ""),
    ],
)  # fmt: skip
def test_a_recipient_that_is_no_address_is_looked_for_elsewhere(
    recipient: str, more: str, text: str, read: str
) -> None:
    raw = STATUS.format(recipient=recipient, more=more, text=text).encode()
    assert [report.final_recipient for report in read_reports(raw)] == [read]


def test_the_words_beside_a_status_that_says_nothing_give_the_reason() -> None:
    text = (
        "   ----- The following addresses had permanent fatal errors -----\n"
        "<nina@customer.test>\n    (reason: 552 5.2.2 Mailbox full)\n"
    )
    raw = STATUS.format(recipient="rfc822; nina@customer.test", more="", text=text)
    (report,) = read_reports(raw.replace("5.1.1", "5.0.0").encode())
    assert report.reason == "mailbox_full"


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-2022-jp", "メールボックスがいっぱいです"),
        ("shift_jis", "メールボックスがいっぱいです"),
        ("euc-jp", "メールボックスがいっぱいです"),
        ("gb2312", "邮箱已满"),
        ("koi8-r", "Почтовый ящик переполнен"),
        ("windows-1252", "Postfach ist voll"),
        ("utf-8", "boîte pleine"),
        ("utf-7", "mailbox full"),
    ],
)
def test_a_text_is_read_in_its_charset(charset: str, text: str) -> None:
    head = (
        "From: MAILER-DAEMON@relay.test\nSubject: failure notice\n"
        f"Content-Type: text/plain; charset={charset}\n\n"
    )
    raw = head.encode() + f"<nina@customer.test>:\n{text}\n".encode(charset)
    (report,) = read_reports(raw)
    assert report.diagnostic == text
    assert report.reason == "mailbox_full"
