from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conversations.bounces.dsn import Kind, ReadReport, read_reports
from conversations.bounces.reasons import REASONS
from tests.conversations.bounces.conftest import MAILS, mail

ALL = sorted(path.stem for path in MAILS.glob("*.eml"))


def only(name: str) -> ReadReport:
    (report,) = read_reports(mail(name))
    return report


@pytest.mark.parametrize(
    ("name", "kind", "reason", "hard"),
    [
        ("unknown_user", "bounce", "address_unknown", True),
        ("mailbox_full", "bounce", "mailbox_full", False),
        ("given_up", "bounce", "server_unreachable", False),
        ("odd_spelling", "bounce", "domain_unknown", True),
        ("eight_bit", "bounce", "mailbox_disabled", False),
        ("no_action", "bounce", "message_too_big", False),
        ("still_trying", "delay", "server_unreachable", False),
        ("delivered", "delivered", "", False),
        ("complaint", "complaint", "complaint", True),
        ("authentication", "auth_report", "", False),
        ("vacation", "autoreply", "", False),
        ("plain_text", "other", "", False),
        ("report_inside", "other", "", False),
        ("says_little", "bounce", "unknown", False),
        ("exim_confirmed", "delivered", "", False),
        ("exim_given_up", "bounce", "server_unreachable", False),
        ("exim_greylisted", "bounce", "rate_limited", False),
        ("exim_loop", "bounce", "server_unreachable", False),
        ("exim_still_trying", "delay", "unknown", False),
        ("postfix_loop", "bounce", "server_unreachable", False),
        ("postfix_relayed", "relayed", "", False),
    ],
)
def test_a_mail_is_taken_for_what_it_is(
    name: str, kind: Kind, reason: str, hard: bool
) -> None:
    report = only(name)
    assert (report.kind, report.reason, report.hard) == (kind, reason, hard)


def test_a_bounce_is_read_in_full() -> None:
    assert only("unknown_user") == ReadReport(
        kind="bounce",
        final_recipient="nina@customer.test",
        reason="address_unknown",
        hard=True,
        enhanced_code="5.1.1",
        reply_code=550,
        diagnostic=(
            "550 5.1.1 <nina@customer.test>: Recipient address rejected: "
            "User unknown in virtual mailbox table"
        ),
        remote_mta="mx1.customer.test",
        reporting_mta="relay.portal.test",
        original_message_id="<6f1d2c3b@portal.test>",
        evidence="Action: failed; words “user unknown”",
    )


def test_the_action_tells_final_from_delayed_and_not_the_status() -> None:
    given_up, still_trying = only("given_up"), only("still_trying")
    assert given_up.enhanced_code == still_trying.enhanced_code == "4.4.1"
    assert (given_up.kind, still_trying.kind) == ("bounce", "delay")


def test_the_remote_servers_code_counts_more_than_an_empty_status() -> None:
    assert only("mailbox_full").enhanced_code == "5.2.2"


def test_words_that_stand_only_in_the_text_are_told_with_the_status() -> None:
    assert only("exim_given_up").diagnostic == "retry timeout exceeded"


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"bo\303\256te introuvable", "boîte introuvable"),  # UTF-8
        (r"Postfach \374berf\374llt", "Postfach überfüllt"),
        (
            r"\345\255\230\345\234\250\343\201\227\343\201\276\343\201\233\343\202\223",
            "存在しません",
        ),
        (r"\033[31m \377\201 C:\new", r"\033[31m ÿ� C:\new"),
    ],
)
def test_octets_that_exim_writes_as_numbers_are_read(escaped: str, read: str) -> None:
    raw = mail("exim_greylisted").replace(
        b"451 4.7.1 Greylisted, come again later: retry timeout exceeded",
        b"550 " + escaped.encode(),
    )
    assert read_reports(raw)[0].diagnostic == f"550 {read}"


@pytest.mark.parametrize("words", ["550", "554 Transaction failed"])
@pytest.mark.parametrize("after", ["RCPT TO:<nina@customer.test>", "EHLO relay.test"])
def test_where_exim_heard_it_is_no_reason(after: str, words: str) -> None:
    raw = mail("exim_greylisted")
    raw = raw.replace(b"RCPT TO:<nina@customer.test>", after.encode())
    raw = raw.replace(
        b"451 4.7.1 Greylisted, come again later: retry timeout exceeded",
        words.encode(),
    )
    (report,) = read_reports(raw)
    assert report.diagnostic == words
    assert report.reason == "unknown"


def test_a_circle_is_known_by_the_servers_it_went_through() -> None:
    circle = only("exim_loop")
    assert circle.diagnostic == ""
    assert circle.evidence.endswith("31 servers on its way: it went round in a circle")
    straight = mail("exim_loop").replace(b"Received: from", b"X-Was: from", 10)
    (report,) = read_reports(straight)
    assert report.reason == "unknown"


def test_a_code_that_tells_little_is_still_better_than_none() -> None:
    raw = mail("exim_greylisted").replace(b"451 4.7.1 Greylisted", b"550 5.2.1 No")
    assert b"Status: 5.0.0" in raw
    assert read_reports(raw)[0].enhanced_code == "5.2.1"


def test_odd_spelling_is_read_all_the_same() -> None:
    report = only("odd_spelling")
    assert report.final_recipient == "nina@customer.test"
    assert report.reporting_mta == "gateway.test"
    assert report.diagnostic == "550 5.1.2 Host unknown: no such domain"


def test_raw_eight_bit_text_is_read_without_its_control_characters() -> None:
    report = only("eight_bit")
    assert report.diagnostic == "550 Das Postfach ist �berf�llt und gesperrt"
    assert report.final_recipient == "j�rg@customer.test"


def test_each_recipient_is_a_report() -> None:
    home, work = read_reports(mail("two_recipients"))
    assert (home.kind, home.final_recipient) == ("delivered", "home@private.test")
    assert (work.kind, work.final_recipient) == ("bounce", "work@company.test")
    assert work.reporting_mta == "forwarder.test"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rfc822; a@b.test", "a@b.test"),
        ("RFC822;<a@b.test>", "a@b.test"),
        ("rfc/822 ; a@b.test", "a@b.test"),
        ("a@b.test", "a@b.test"),
        (r"utf-8; j\x{F6}rg@b.test", "jörg@b.test"),
        (r"rfc822; j\x{F6}rg@b.test", r"j\x{F6}rg@b.test"),
        (r"utf-8; \x{0}\x{D800}\x{FFFFFF}@b.test", r"\x{0}\x{D800}\x{FFFFFF}@b.test"),
        ("rfc822; " + "a" * 500, "a" * 320),
        ("rfc822;", "nina@customer.test"),  # to whom the mail went that came back
    ],
)
def test_an_address_is_read_without_its_type(written: str, read: str) -> None:
    raw = mail("unknown_user").replace(b"rfc822; nina@customer.test", written.encode())
    raw = raw.replace(b"Original-Recipient", b"Envelope-Recipient")
    assert read_reports(raw)[0].final_recipient == read


def test_a_complaint_names_whose_it_is() -> None:
    report = only("complaint")
    assert report.final_recipient == "nina@customer.test"
    assert report.original_message_id == "<6f1d2c3b@portal.test>"


@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        ("abuse", "complaint"),
        ("Fraud", "complaint"),
        ("opt-out", "complaint"),
        ("auth-failure", "auth_report"),
        ("not-spam", "other"),
        ("", "other"),
    ],
)
def test_not_all_feedback_is_a_complaint(feedback: str, kind: Kind) -> None:
    raw = mail("complaint").replace(b"abuse", feedback.encode())
    assert read_reports(raw)[0].kind == kind


@pytest.mark.parametrize("action", ["expanded", "DELIVERED"])
def test_success_is_no_bounce(action: str) -> None:
    raw = mail("delivered").replace(b"Delivered (to mailbox)", action.encode())
    assert read_reports(raw)[0].kind == "delivered"


def test_what_was_only_passed_on_is_not_called_delivered() -> None:
    raw = mail("delivered").replace(b"Delivered (to mailbox)", b"Relayed (no reports)")
    assert read_reports(raw)[0].kind == "relayed"


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        (
            b"Your message was successfully delivered to nina@customer.test.",
            "delivered",
        ),
        (b"Your message was successfully relayed to nina@customer.test.", "relayed"),
        (
            b"Your message was successfully delivered to the destination(s) below.\n"
            b"Otherwise you may still receive notifications of errors.",
            "relayed",
        ),
    ],
)
def test_a_success_told_in_words_is_told_from_passing_on(
    sentence: bytes, kind: Kind
) -> None:
    raw = (
        b"From: MAILER-DAEMON@relay.portal.test\n"
        b"Subject: Delivery Report\n\n" + sentence + b"\n"
    )
    assert read_reports(raw)[0].kind == kind


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", ALL)
def test_line_ends_make_no_difference(name: str, line_end: bytes) -> None:
    raw = mail(name)
    assert read_reports(raw.replace(b"\n", line_end)) == read_reports(raw)


@pytest.mark.parametrize("name", ALL)
def test_a_mail_cut_anywhere_is_still_read(name: str) -> None:
    raw = mail(name)
    for end in range(0, len(raw), 7):
        check(read_reports(raw[:end]))


def test_a_base64_report_is_read() -> None:
    raw = (
        b"Content-Type: multipart/report; boundary=b\n\n--b\n"
        b"Content-Type: message/delivery-status\n"
        b"Content-Transfer-Encoding: base64\n\n"
        b"RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAYi50ZXN0CkFjdGlvbjogZmFpbGVkCg==\n--b--\n"
    )
    (report,) = read_reports(raw)
    assert (report.kind, report.final_recipient) == ("bounce", "a@b.test")


def test_a_hostile_mail_costs_little_time() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n)
        for n in range(2_000)
    )
    hostile = [
        nested + b"x\n" * 1_000_000,
        b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 500_000,
        mail("unknown_user").replace(b"\nAction", b"\nX: y" * 500_000 + b"\nAction"),
        mail("unknown_user").replace(b"\nAction", b"\n\nX: y" * 500_000 + b"\nAction"),
        b"Subject: " + b"\n " * 2_000_000,
        b"a" * 5_000_000,
        b"\0" * 5_000_000,
    ]
    for raw in hostile:
        began = time.perf_counter()
        check(read_reports(raw))
        assert time.perf_counter() - began < 20


def check(reports: list[ReadReport]) -> None:
    """Each can be written to any database as it is."""
    assert reports
    for report in reports:
        assert report.reason in REASONS or not report.reason
        assert len(report.final_recipient) <= 320
        assert len(report.enhanced_code) <= 12
        assert len(report.reporting_mta) <= 255
        assert len(report.remote_mta) <= 255
        assert len(report.evidence) <= 300
        for text in (
            report.final_recipient,
            report.diagnostic,
            report.remote_mta,
            report.reporting_mta,
            report.original_message_id,
            report.evidence,
        ):
            assert "\0" not in text
            text.encode()  # no lone surrogates


@settings(deadline=None)
@given(st.binary(max_size=2_000))
@example(b"Content-Type: multipart/report; boundary*0*=idna'x'%ff\n\n--\n")
@example(b"Content-Type: \xff\xfe; boundary=\xff\n\n--\xff\n")
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    check(read_reports(raw))


@settings(deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(
        st.tuples(st.integers(0, 2_000), st.integers(0, 60), st.binary(max_size=40)),
        max_size=6,
    ),
)
def test_no_damage_makes_it_raise(
    name: str, damage: list[tuple[int, int, bytes]]
) -> None:
    raw = mail(name)
    for start, length, instead in damage:
        raw = raw[:start] + instead + raw[start + length :]
    check(read_reports(raw))
