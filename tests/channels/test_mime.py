from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest

from channels.mime import Attachment, Letter, to_bytes

LETTER: dict[str, Any] = {
    "from_name": "Alice Acme",
    "from_address": "alice@acme.test",
    "to_name": "",
    "to_address": "anna@customer.test",
    "subject": "Hello",
    "text": "Dear Anna,\n\nbye.\n",
    "message_id": "<1@portal.test>",
    "date": datetime(2026, 5, 4, 12, 0, tzinfo=UTC),
}


def letter(**changes: Any) -> bytes:
    return to_bytes(Letter(**{**LETTER, **changes}))


def text_of(content: bytes) -> str:
    message = message_from_bytes(content, policy=policy.default)
    text: str = message.get_content()
    return text.replace("\r\n", "\n")


def test_what_was_written_can_be_read_again() -> None:
    message = message_from_bytes(letter(), policy=policy.default)
    assert message["From"] == "Alice Acme <alice@acme.test>"
    assert message["To"] == "anna@customer.test"
    assert message["Subject"] == "Hello"
    assert message["Message-ID"] == "<1@portal.test>"
    assert text_of(letter()) == "Dear Anna,\n\nbye.\n"


def test_it_is_seven_bit_with_crlf_whatever_is_written() -> None:
    content = letter(subject="Grüße 👋", text="Zeile €\n" * 3, from_name="Zoë")
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = message_from_bytes(content, policy=policy.default)
    assert message["Subject"] == "Grüße 👋"
    assert text_of(content) == "Zeile €\n" * 3


def test_lines_longer_than_smtp_allows_arrive_whole() -> None:
    text = "x" * 5000 + "\n"
    content = letter(text=text)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert text_of(content) == text


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
def test_a_line_end_cannot_add_a_header(field: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)header|linefeed|CR|LF"):
        letter(**{field: "x\r\nBcc: eve@example.com"})


def test_the_return_token_is_nowhere_in_the_message() -> None:
    assert b"bounce." not in letter()


def test_a_follow_up_names_the_thread_it_belongs_to() -> None:
    message = message_from_bytes(
        letter(references="<1@portal.test> <2@portal.test>"), policy=policy.default
    )
    assert message["In-Reply-To"] == "<2@portal.test>"
    assert message["References"] == "<1@portal.test> <2@portal.test>"


def test_an_encoded_word_is_read_as_it_was_typed() -> None:
    typed = "=?utf-8?q?x=0d=0aBcc:_eve=40example.com?="
    content = letter(subject=typed, from_name=typed, to_name=typed)
    assert b"=?utf-8?q?" not in content
    message = message_from_bytes(content, policy=policy.default)
    assert message["Subject"] == typed
    assert message["Bcc"] is None


def test_a_long_name_cannot_become_the_sender() -> None:
    with suppress(ValueError):
        content = letter(from_name="x" * 76 + "<ceo @acme.com>")
        message = message_from_bytes(content, policy=policy.default)
        assert [each.addr_spec for each in message["From"].addresses] == [
            "alice@acme.test"
        ]


@pytest.mark.parametrize("domain_length", [18, 40, 50, 120])
def test_message_ids_stay_as_they_are_however_long_the_domain(
    domain_length: int,
) -> None:
    references = " ".join(
        f"<{'a' * 36}@{'d' * (domain_length - 5)}.test>" for _ in range(3)
    )
    content = letter(references=references)
    assert references.encode() in content.replace(b"\r\n ", b" ")


def test_html_comes_after_the_text_it_stands_for() -> None:
    message = message_from_bytes(letter(html="<p>Grüße</p>"), policy=policy.default)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


def test_readers_in_cc_are_seen() -> None:
    readers = (("Bob, Jr.", "bob@acme.test"), ("", "charlie@acme.test"))
    message = message_from_bytes(letter(cc=readers), policy=policy.default)
    assert [
        (each.display_name, each.addr_spec) for each in message["Cc"].addresses
    ] == [*readers]


@pytest.mark.parametrize(
    "content_type",
    ["message/rfc822", "multipart/mixed", "text/html\r\nBcc: eve@example.com", "", "x"],
)
def test_a_file_of_a_doubtful_type_is_a_mere_file(content_type: str) -> None:
    file = Attachment("a.eml", content_type, b"Subject: x\r\n\r\n")
    message = message_from_bytes(letter(attachments=(file,)), policy=policy.default)
    (part,) = message.iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "eve@example.com>\r\nBcc: x@example.com",
        "a b@acme.test",
        "<a@acme.test>",
        "a@acme.test, eve@example.com",
        "a@b@acme.test",
        "=?utf-8?q?a?=@acme.test ",
        "",
    ],
)
@pytest.mark.parametrize("field", ["from_address", "to_address", "cc"])
def test_what_is_no_address_is_in_no_header(field: str, address: str) -> None:
    value = (("", address),) if field == "cc" else address
    with pytest.raises(ValueError, match="header"):
        letter(**{field: value})


@pytest.mark.parametrize("ids", ["<1@x>\r\nBcc: a@b.test", "1@x", "<1@x>  <2@x>"])
def test_what_is_no_message_id_is_in_no_header(ids: str) -> None:
    for field in ("message_id", "references"):
        with pytest.raises(ValueError, match="Message-ID"):
            letter(**{field: ids})
