from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest

from conversations.bounces.dsn import read_reports
from deliveryportal.practice.answers import ANSWERS, RETURNED_WHOLE, TakenMail
from tests.practice.conftest import LETTER

TAKEN = TakenMail(
    id="0123456789abcdef",
    return_path="b0123@bounce.portal.test",
    recipient="late-unknown@customer.test",
    content=LETTER,
    at=datetime(2026, 3, 2, 10, 0, tzinfo=UTC),
)


def parts_of(report: bytes) -> tuple[EmailMessage, list[Message]]:
    message = message_from_bytes(report, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message, list(message.iter_parts())


def field_groups_of(report: bytes) -> list[Message]:
    """Return what machines read: the groups of fields in the second part."""
    groups = parts_of(report)[1][1].get_payload()
    assert isinstance(groups, list)
    return [group for group in groups if isinstance(group, Message)]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_a_report_in_three_parts(name: str) -> None:
    report, parts = parts_of(ANSWERS[name](TAKEN))

    assert report.get_content_type() == "multipart/report"
    assert report["To"] == "b0123@bounce.portal.test"
    assert report["Auto-Submitted"] == "auto-replied"
    assert [part.get_content_type() for part in parts] == [
        "text/plain",
        f"message/{report.get_param('report-type')}",
        "message/rfc822",
    ]
    assert not report.defects


@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_mail_has_the_same_answer_to_the_byte(name: str) -> None:
    assert ANSWERS[name](TAKEN) == ANSWERS[name](replace(TAKEN))


@pytest.mark.parametrize("name", ANSWERS)
def test_lines_end_as_on_the_wire(name: str) -> None:
    answer = ANSWERS[name](TAKEN)

    assert answer.count(b"\n") == answer.count(b"\r\n")
    assert answer.endswith(b"\r\n")


@pytest.mark.parametrize(
    ("name", "status", "diagnostic"),
    [
        ("late-unknown", "5.1.1", "smtp; 550 5.1.1 <late-unknown@customer.test>: "),
        ("late-bounce", "5.2.2", "smtp; 552 5.2.2 <late-unknown@customer.test>: "),
    ],
)
def test_a_bounce_names_recipient_status_and_words(
    name: str, status: str, diagnostic: str
) -> None:
    server, recipient = field_groups_of(ANSWERS[name](TAKEN))

    assert server["Reporting-MTA"] == "dns; mx.customer.test"
    assert recipient["Final-Recipient"] == "rfc822; late-unknown@customer.test"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == status
    assert recipient["Diagnostic-Code"].startswith(diagnostic)


def test_a_complaint_carries_what_arf_asks_for() -> None:
    (group,) = field_groups_of(ANSWERS["complaint"](TAKEN))
    fields = message_from_bytes(group.as_bytes())

    assert fields["Feedback-Type"] == "abuse"
    assert fields["Version"] == "1"
    assert fields["User-Agent"]
    assert fields["Original-Mail-From"] == "<b0123@bounce.portal.test>"
    assert fields["Original-Rcpt-To"] == "<late-unknown@customer.test>"


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("late-unknown", "bounce", "address_unknown"),
        ("late-bounce", "bounce", "mailbox_full"),
        ("delay", "delay", "server_unreachable"),
        ("complaint", "complaint", "complaint"),
    ],
)
def test_the_portal_understands_every_answer(name: str, kind: str, reason: str) -> None:
    (read,) = read_reports(ANSWERS[name](TAKEN))

    assert (read.kind, read.reason) == (kind, reason)
    assert read.final_recipient == TAKEN.recipient


def test_the_mail_comes_back_as_it_was() -> None:
    raw = LETTER + "Grüße, 8-bit.\r\n.\r\n".encode()

    assert raw in ANSWERS["late-unknown"](replace(TAKEN, content=raw))


def test_a_long_mail_comes_back_by_its_headers() -> None:
    raw = LETTER + b"x" * RETURNED_WHOLE

    answer = ANSWERS["late-unknown"](replace(TAKEN, content=raw))

    assert parts_of(answer)[1][2].get_content_type() == "text/rfc822-headers"
    assert b"Message-ID: <1@portal.test>\r\n" in answer
    assert b"How are you?" not in answer


def test_a_recipient_in_another_script_is_told_in_ascii() -> None:
    mail = replace(TAKEN, recipient="late-unknown@münchen.test")

    answer = ANSWERS["late-unknown"](mail)

    assert b"Final-Recipient: utf-8; late-unknown@m\\x{FC}nchen.test" in answer
