"""What `mime` writes is read as what Python's EmailMessage writes is."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_string, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.utils import format_datetime, getaddresses, unquote
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.mime import Attachment, Letter, to_bytes

# Slow machines are no fault of the letters.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def any_text(**more: Any) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), **more)


# What a person may have typed in one line, what looks like headers and encoded
# words among it; and what Python writes and reads without changing any of it.
typed = st.one_of(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"),
        max_size=300,
    ),
    st.lists(
        st.sampled_from(
            ["=?", "?=", "=?utf-8?q?=0d=0aBcc:?=", "Bcc:", "<", ">", '"', "\\", ","]
        )
        | st.sampled_from([" ", "(", ")", "\t", "Grüße", "👋", "ß" * 40, "x" * 80])
        | st.sampled_from(["a@b.test", ";", "\x85"])
    ).map("".join),
)
words = st.text(
    st.characters(categories=["L", "Nd"]), min_size=1, max_size=30
) | st.just("Anna O’Neill (Sales), M.A.")
local_parts = st.from_regex(r"[a-zäß0-9_+'-]{1,20}(\.[a-z世]{1,9})?", fullmatch=True)
addresses = st.builds("{}@{}".format, local_parts, st.just("xn--bcher-kva.test"))
bodies = st.one_of(
    any_text(max_size=2000),
    st.lists(
        st.sampled_from([".", "..", "\n", "\r\n", "\r", "=", " ", "\t", "--=_mixed--"])
        | st.sampled_from(["--=_alternative", "From ", "Grüße", "👋", "x" * 1100, "\0"])
    ).map("".join),
)
attachments = st.lists(
    st.builds(
        Attachment,
        typed,
        st.sampled_from(["application/pdf", "image/png", "text/csv", "text/html"]),
        st.binary(max_size=500),
    ),
    max_size=3,
).map(tuple)


def letters(names: st.SearchStrategy[str]) -> st.SearchStrategy[Letter]:
    return st.builds(
        Letter,
        from_name=names,
        from_address=addresses,
        to_name=names,
        to_address=addresses,
        cc=st.lists(st.tuples(names, addresses), max_size=3).map(tuple),
        subject=names,
        text=bodies,
        html=st.just("") | bodies,
        attachments=attachments,
        message_id=st.just("<1@portal.test>"),
        date=st.just(datetime(2026, 5, 4, 12, 0, tzinfo=UTC)),
        references=st.just("") | st.just("<0@portal.test> <00@portal.test>"),
    )


def python_address(name: str, address: str) -> Address:
    local_part, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local_part, domain=domain)


def by_python(letter: Letter) -> EmailMessage:
    message = EmailMessage(policy.SMTPUTF8)
    message["From"] = python_address(letter.from_name, letter.from_address)
    message["To"] = python_address(letter.to_name, letter.to_address)
    if letter.cc:
        message["Cc"] = [python_address(*reader) for reader in letter.cc]
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = letter.message_id
    if letter.references:
        message["In-Reply-To"] = letter.references.split()[-1]
        message["References"] = letter.references
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    for file in letter.attachments:
        maintype, subtype = file.content_type.split("/")
        message.add_attachment(file.content, maintype, subtype, filename="x")
    return message


def read(content: bytes) -> EmailMessage:
    return message_from_string(content.decode(), policy=policy.default)


def people(content: bytes, header: str) -> list[tuple[str, str]]:
    """Read names as RFC 2047 says: the newer reader puts spaces between words."""
    written: Message = message_from_string(content.decode())
    return [
        (str(make_header(decode_header(name))), address)
        for name, address in getaddresses(written.get_all(header, []))
    ]


def parts(message: EmailMessage) -> list[tuple[str, object, object, object]]:
    """Every part in order: its type, charset, how it is meant, and what is in it."""
    return [
        (
            part.get_content_type(),
            part.get_content_charset(),
            part.get_content_disposition(),
            None if part.is_multipart() else part.get_payload(decode=True),
        )
        for part in message.walk()
    ]


@patiently
@given(letters(words))
def test_a_letter_reads_as_if_python_had_written_it(letter: Letter) -> None:
    content, python = to_bytes(letter), by_python(letter)
    ours = read(content)
    for header in ("From", "To", "Cc"):
        pythons = python[header].addresses if header in python else ()
        assert people(content, header) == [
            (each.display_name, each.addr_spec) for each in pythons
        ]
    for header in ("Subject", "Date", "Message-ID", "In-Reply-To", "References"):
        assert ours[header] == python[header]
    # Headers as they are, for its writer breaks what it has to fold.
    written = python.as_bytes(policy=policy.SMTPUTF8.clone(max_line_length=998))
    assert parts(ours) == parts(read(written))


@patiently
@given(letters(typed))
def test_whatever_is_typed_is_read_as_it_was_typed(letter: Letter) -> None:
    content = to_bytes(letter)
    message = read(content)
    assert people(content, "From") == [(letter.from_name, letter.from_address)]
    assert people(content, "To") == [(letter.to_name, letter.to_address)]
    assert people(content, "Cc") == [*letter.cc]
    assert message["Subject"] == letter.subject
    files = list(message.iter_attachments()) if letter.attachments else []
    assert [file.get_filename() for file in files] == [
        # Python's reader takes quotes and angles off whatever it finds.
        unquote(each.name.strip() or "attachment").strip()
        for each in letter.attachments
    ]


@patiently
@given(letters(typed))
def test_nothing_that_is_written_adds_a_header_or_breaks_a_line(letter: Letter) -> None:
    content = to_bytes(letter)
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    head, _, body = content.partition(b"\r\n\r\n")
    assert body.isascii()
    expected = [
        "From",
        "To",
        *["Cc"][: len(letter.cc)],
        "Subject",
        "Date",
        "Message-ID",
    ]
    expected += ["In-Reply-To", "References"] if letter.references else []
    expected += ["MIME-Version", "Content-Type"]
    if not letter.html and not letter.attachments:
        expected += ["Content-Transfer-Encoding"]
    lines = [line for line in head.decode().split("\r\n") if not line.startswith(" ")]
    assert [line.partition(":")[0] for line in lines] == expected
