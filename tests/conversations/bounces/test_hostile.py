"""Mail made to break its reader: no exception, little time, little memory, any bytes."""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.bounces.dsn import ReadReport, read_reports
from conversations.bounces.reasons import REASONS
from tests.conversations.bounces.conftest import MAILS, mail
from tests.conversations.bounces.test_formats import SAMPLES

SIZE = 32 * 1024 * 1024
SECONDS = 1.0  # for one mail
MEMORY = 64 * 1024 * 1024

# Seconds that the mutator runs, and a folder of more mails for it to damage.
FUZZ_SECONDS = float(os.environ.get("BOUNCE_FUZZ_SECONDS", "2"))
FUZZ_FOLDER = os.environ.get("BOUNCE_FUZZ_FOLDER", "")

DAEMON = (
    b"From: MAILER-DAEMON@relay.test\nSubject: Undelivered Mail Returned to Sender\n"
)
REPORT = DAEMON + b"Content-Type: multipart/report; boundary=b\n\n"
STATUS = REPORT + b"--b\nContent-Type: message/delivery-status\n\n"
HTML = DAEMON + b"Content-Type: text/html\n\n"
NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n)
    for n in range(2_000)
)
SNS = b"Subject: x\n\nnotificationType "

# (name, beginning, what is repeated until the mail is as big as a mail may be)
ENDLESS = [
    ("zeros", b"", b"\0"),
    ("letters", b"", b"a"),
    ("fields", b"", b"A: b\n"),
    ("folded field", b"Subject: x", b"\n "),
    ("folded field with words", b"Subject: x", b"\n y"),
    ("bare CR", b"", b"A: b\r"),
    ("line ends", b"", b"\n"),
    ("encoded words", b"Subject: ", b"=?utf-8?q?a?= "),
    ("open encoded words", b"Subject: ", b"=?utf-8?q?"),
    ("parts", REPORT, b"--b\n\n"),
    ("parts almost", REPORT, b"--bb\n"),
    ("nested parts", NESTED, b"x\n"),
    ("boundaries guessed", REPORT, b"--c\nContent-Type: x\n\n"),
    ("dashes", DAEMON + b"\n", b"-"),
    ("lines of dashes", DAEMON + b"\n", b"------\n"),
    ("quotes", DAEMON + b"\n", b"> > \n"),
    ("status fields", STATUS, b"Final-Recipient: rfc822; a@b.test\n"),
    ("status groups", STATUS, b"Action: failed\nFinal-Recipient: rfc822; a@b.test\n\n"),
    ("status groups after a long text", REPORT + b"--b\n\n" + b"no such message to a@b.test quota failed\n" * 1_500 + b"--b\nContent-Type: message/delivery-status\n\n", b"Action: failed\nFinal-Recipient: rfc822; a@b.test\n\n"),
    ("long status field", STATUS + b"Action: failed\nDiagnostic-Code: smtp; ", b"5.1."),
    ("blank status", STATUS, b"\n \n"),
    ("no-name status", STATUS, b":"),
    ("recipients", DAEMON + b"\n", b"<a@b.test>:\n"),
    ("open brackets", DAEMON + b"\n", b"<a@b.test ("),
    ("at signs", DAEMON + b"\nMessage to ", b"@a"),
    ("addresses", DAEMON + b"\nMessage to ", b"a@b."),
    ("intros", DAEMON + b"\n", b"message to "),
    ("intros that lead nowhere", DAEMON + b"\n", b"recipient:\n\n"),
    ("intros and addresses", DAEMON + b"\n", b"recipient: a@b.test\n"),
    ("stars", DAEMON + b"\nfollowing recipients\n", b"* "),
    ("tags", HTML, b"<a "),
    ("open tags", HTML, b"<"),
    ("styles", HTML, b"<style "),
    ("styles closed", HTML, b"<style></"),
    ("entities", HTML, b"&amp"),
    ("declarations", HTML, b"<!"),
    ("JSON lists", SNS, b"["),
    ("JSON objects", SNS, b'{"a":'),
    ("JSON digits", SNS + b'{"a":', b"1"),
    ("utf-7", DAEMON + b"Content-Type: text/plain; charset=utf-7\n\n", b"+AGE-"),
    ("shift states", DAEMON + b"Content-Type: text/plain; charset=iso-2022-jp\n\n", b"\x1b$B\x1b(B"),
    ("failed recipients", b"X-Failed-Recipients: ", b"a@b.test, "),
    ("received", DAEMON + b"\n", b"Received: from\n"),
    ("base64", DAEMON + b"Content-Transfer-Encoding: base64\n\n", b"AAA"),
    ("quoted-printable", DAEMON + b"Content-Transfer-Encoding: quoted-printable\n\n", b"=3D=\n"),
    ("feedback", b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n", b"Original-Rcpt-To: a@b.test\n"),
    ("generated", DAEMON + b"\nfollowing address(es) failed:\n", b"generated from "),
    ("transcript", DAEMON + b"\ntranscript of session follows\n", b"550 a@b.test...\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "again"), [c[1:] for c in ENDLESS], ids=[c[0] for c in ENDLESS]
)
def test_no_mail_keeps_it_busy(begin: bytes, again: bytes) -> None:
    raw = begin + again * ((SIZE - len(begin)) // len(again))
    began = time.process_time()
    check(read_reports(raw))
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "begin", [b"", STATUS, DAEMON + b"\n"], ids=["", "status", "text"]
)
def test_no_mail_fills_the_memory(begin: bytes) -> None:
    raw = begin + b"Final-Recipient: rfc822; a@b.test\n" * (SIZE // 34)
    tracemalloc.start()
    try:
        check(read_reports(raw))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


LINES = st.sampled_from(
    [
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        b'Content-Type: multipart/mixed; boundary="c d"',
        b"Content-Type: message/delivery-status",
        b"Content-Type: message/rfc822",
        b"Content-Type: text/html; charset=utf-7",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"From: MAILER-DAEMON <>",
        b"From: =?x?b?//?= <a@b.test>",
        b"Subject: Undeliverable: x",
        b"Subject: =?iso-2022-jp?B?GyRC?=",
        b"X-Failed-Recipients: a@b.test, \xff",
        b"Auto-Submitted: auto-replied",
        b"Return-Path: <>",
        b"--b",
        b"--b--",
        b"--c d",
        b"",
        b"",
        b" folded",
        b"Reporting-MTA: dns; x",
        b"Final-Recipient: rfc822; a@b.test",
        b"Final-Recipient: utf-8; \\x{D800}@b.test",
        b"Original-Recipient: rfc822;",
        b"Action: failed",
        b"Action: delayed",
        b"Status: 5.1.1",
        b"Will-Retry-Until: Fri, 31 Dec 9999 23:59:59 -2359",
        b"Diagnostic-Code: smtp; 550 \xed\xa0\x80",
        b"Feedback-Type: abuse",
        b"<a@b.test>:",
        b"The following address(es) failed:",
        b"  a@b.test",
        b"   ----- Transcript of session follows -----",
        b"550 <a@b.test>... User unknown",
        b"--- Below this line is a copy of the message.",
        b'{"notificationType": "Bounce", "bounce": {"bouncedRecipients": [1, {}]}}',
        b"\0\x1b$B\xff\xfe",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(LINES, max_size=40))
def test_no_structure_makes_it_raise(lines: list[bytes]) -> None:
    check(read_reports(b"\n".join(lines)))


def test_no_damage_makes_it_raise() -> None:
    """Run it for an hour with BOUNCE_FUZZ_SECONDS=3600, after changes here."""
    seeds = [path.read_bytes() for path in sorted(MAILS.rglob("*.eml"))]
    seeds += [f"{sample.head}\n{sample.body}".encode() for sample in SAMPLES]
    if FUZZ_FOLDER:
        files = [path for path in Path(FUZZ_FOLDER).rglob("*") if path.is_file()]
        seeds += [path.read_bytes() for path in files]
    chance = random.Random(20260302)
    end = time.monotonic() + FUZZ_SECONDS
    while time.monotonic() < end:
        raw = chance.choice(seeds)
        for _ in range(chance.randint(1, 6)):
            raw = chance.choice(MUTATIONS)(raw, chance, seeds)
        began = time.process_time()
        check(read_reports(raw))
        assert time.process_time() - began < SECONDS, raw


def _cut(raw: bytes, chance: random.Random, seeds: list[bytes]) -> bytes:
    start = chance.randint(0, len(raw))
    return raw[:start] + raw[start + chance.randint(0, 200) :]


def _noise(raw: bytes, chance: random.Random, seeds: list[bytes]) -> bytes:
    start = chance.randint(0, len(raw))
    return raw[:start] + chance.randbytes(chance.randint(1, 20)) + raw[start:]


def _again(raw: bytes, chance: random.Random, seeds: list[bytes]) -> bytes:
    start = chance.randint(0, len(raw))
    end = min(len(raw), start + chance.randint(1, 300))
    return raw[:end] + raw[start:end] * chance.randint(1, 100) + raw[end:]


def _splice(raw: bytes, chance: random.Random, seeds: list[bytes]) -> bytes:
    other = chance.choice(seeds)
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


def _lines(raw: bytes, chance: random.Random, seeds: list[bytes]) -> bytes:
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


MUTATIONS: list[Callable[[bytes, random.Random, list[bytes]], bytes]] = [
    _cut,
    _noise,
    _again,
    _splice,
    _lines,
]


def test_what_came_back_is_not_read_as_a_report() -> None:
    raw = mail("report_inside")
    assert [report.kind for report in read_reports(raw)] == ["other"]


def check(reports: list[ReadReport]) -> None:
    """Each can be written to any database as it is."""
    assert reports
    for report in reports:
        assert report.reason in REASONS or not report.reason
        assert len(report.final_recipient) <= 320
        assert len(report.enhanced_code) <= 12
        assert len(report.reporting_mta) <= 255
        assert len(report.remote_mta) <= 255
        assert len(report.diagnostic) <= 4_000
        assert len(report.original_message_id) <= 255
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
