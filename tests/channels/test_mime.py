from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from channels.mime import Letter, to_bytes

LETTER = {
    "from_name": "Alice Acme",
    "from_address": "alice@acme.test",
    "to_name": "",
    "to_address": "anna@customer.test",
    "subject": "Hello",
    "text": "Dear Anna,\n\nbye.\n",
    "message_id": "<1@portal.test>",
    "date": datetime(2026, 5, 4, 12, 0, tzinfo=UTC),
}


def letter(**changes: str) -> bytes:
    return to_bytes(Letter(**{**LETTER, **changes}))  # type: ignore[arg-type]


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


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
def test_an_encoded_word_cannot_add_a_header(field: str) -> None:
    with pytest.raises(ValueError, match="encoded words"):
        letter(**{field: "=?utf-8?q?x=0d=0aBcc:_eve=40example.com?="})


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
