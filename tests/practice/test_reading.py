from __future__ import annotations

import pytest

from deliveryportal.practice.reading import from_and_subject, read_letter, source
from tests.practice.conftest import LETTER


def test_a_plain_letter_is_read() -> None:
    letter = read_letter(LETTER)

    assert (letter.from_name, letter.from_address) == ("Alice Acme", "alice@acme.test")
    assert letter.to == "anna@customer.test"
    assert letter.subject == "Hello Anna"
    assert letter.date == "Mon, 02 Mar 2026 10:00:00 +0000"
    assert letter.text == "How are you?\n"
    assert ("Message-ID", "<1@portal.test>") in letter.headers


@pytest.mark.parametrize(
    "written",
    [
        b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        b"=?utf-8?q?Gr=C3=BC?=\r\n =?utf-8?q?=C3=9Fe?=",
        b"=?iso-8859-1?q?Gr=FC=DFe?=",
        "Grüße".encode(),
    ],
)
def test_subjects_are_decoded(written: bytes) -> None:
    assert read_letter(b"Subject: " + written + b"\r\n\r\n").subject == "Grüße"


@pytest.mark.parametrize(
    "written",
    [
        b"=?nonsense?q?x?=",
        b"=?utf-8?b?!!!?=",
        b"=?\x00?q?x?=",
        b"\xff\xfe\x00",
        b"=?utf-8?q?a=0D=0AInjected:_b=00?=",
    ],
)
def test_hostile_headers_become_one_harmless_line(written: bytes) -> None:
    raw = b"From: " + written + b"\r\nSubject: " + written + b"\r\n\r\nText.\r\n"

    for text in (*from_and_subject(raw), read_letter(raw).subject):
        assert "\n" not in text
        assert "\0" not in text


def test_a_name_that_looks_like_an_address_is_only_a_name() -> None:
    letter = read_letter(b"From: =?utf-8?q?ceo=40bank=2Etest?= <eve@evil.test>\r\n\r\n")

    assert letter.from_name == "ceo@bank.test"
    assert letter.from_address == "eve@evil.test"


MULTIPART = (
    b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>Hello</b>\r\n"
    b"%s"
    b"--x--\r\n"
)


def test_both_forms_of_a_text_are_read() -> None:
    letter = read_letter(
        MULTIPART % b"--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    )

    assert (letter.text.strip(), letter.html) == ("Hello", "<b>Hello</b>")


def test_html_is_read_where_there_is_no_text() -> None:
    letter = read_letter(MULTIPART % b"")

    assert (letter.text, letter.html.strip()) == ("", "<b>Hello</b>")


def test_an_attached_text_is_not_the_letter() -> None:
    letter = read_letter(
        MULTIPART % b"--x\r\nContent-Type: text/plain\r\n"
        b"Content-Disposition: attachment; filename=a.txt\r\n\r\nSecret\r\n"
    )

    assert letter.text == ""


@pytest.mark.parametrize("charset", [b"nonsense", b"hex", b"idna", b"x\x00y", b""])
def test_a_text_in_no_charset_is_read_all_the_same(charset: bytes) -> None:
    raw = b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\nHello \xc3\xbc"

    assert read_letter(raw).text.startswith("Hello")


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\x00" * 50, b":\r\n\r\n", b"From:"])
def test_what_is_no_mail_is_read_as_an_empty_one(raw: bytes) -> None:
    assert read_letter(raw).subject == ""


def test_parts_within_parts_without_end_do_not_hurt() -> None:
    raw = b"Subject: Deep\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (i, i)
        for i in range(3000)
    )

    letter = read_letter(raw)

    assert (letter.subject, letter.text) == ("Deep", "")


def test_the_source_is_text_whatever_the_bytes() -> None:
    assert source(b"a\x00b\xff\xc3\xbc\r\nc") == "a\ufffdb\ufffdü\nc"
