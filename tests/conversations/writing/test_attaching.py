from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from conversations.models import Attachment
from conversations.writing.attaching import (
    AttachmentError,
    attach,
    content_type_of,
    safe_name,
)
from deliveryportal.accounts.models import User


def file(name: str = "offer.pdf", content: bytes = b"offer") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/html")


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("offer.pdf", "offer.pdf"),
        ("Angebot für Anna.pdf", "Angebot für Anna.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\offer.pdf", "offer.pdf"),
        ('a"b\r\nBcc: x.pdf', "a_b__Bcc_ x.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        (".htaccess", "htaccess"),
        ("...", "attachment"),
        ("", "attachment"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_hostile_name_becomes_a_harmless_one(hostile: str, harmless: str) -> None:
    assert safe_name(hostile) == harmless


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.pdf", "application/pdf"),
        ("a.unknown", "application/octet-stream"),
        ("a.tar.gz", "application/octet-stream"),
    ],
)
def test_the_type_is_told_by_the_name(name: str, kind: str) -> None:
    assert content_type_of(name) == kind


def test_the_same_file_is_kept_once(alice: User) -> None:
    first = attach(alice, [file()])
    assert attach(alice, [file()], to=first) == first
    assert Attachment.objects.get().content_type == "application/pdf"


def test_other_content_of_the_same_name_is_another_file(alice: User) -> None:
    assert len(attach(alice, [file(), file(content=b"other")])) == 2


def test_too_much_together_is_refused_whole(alice: User, settings: Settings) -> None:
    settings.MAX_ATTACHMENT_BYTES = 8
    first = attach(alice, [file()])
    with pytest.raises(AttachmentError, match="bytes together"):
        attach(alice, [file("b.pdf", b"other")], to=first)
    assert Attachment.objects.count() == 1


def test_too_many_are_refused_whole(alice: User) -> None:
    with pytest.raises(
        AttachmentError, match="101 files; a message carries at most 100"
    ):
        attach(alice, [file(f"{number}.pdf") for number in range(101)])
    assert not Attachment.objects.exists()
