"""Files that go with a message: with harmless names, a size limit, one copy of each."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat

from conversations.models import Attachment
from deliveryportal.accounts.models import User

MAX_NAME = 150
MOST_FILES = 100  # a form may carry more, so that this can be said
# For names that do not tell the type; the type that the browser sends is not used.
UNKNOWN_TYPE = "application/octet-stream"
# Separators, what Windows forbids, control characters, and those that change the
# direction of writing, which can make a name that ends in fdp.exe look like exe.pdf.
HOSTILE = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udfff]'
)


class AttachmentError(ValueError):
    """The files are too large together, or too many; the message says so."""

    def __init__(self, found: str, instead: str) -> None:
        super().__init__(
            f"{found}. They were not added, everything else stands as it was. {instead}"
        )


def safe_name(name: str) -> str:
    """Return a name that is valid on any system; its ending is kept."""
    base = name.replace("\\", "/").rpartition("/")[2]
    clean = " ".join(HOSTILE.sub("_", base).split()).strip(". ")
    stem, dot, ending = clean.rpartition(".")
    if dot and len(ending) <= 20:
        clean = f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}"
    return clean[:MAX_NAME] or "attachment"


def content_type_of(name: str) -> str:
    kind, encoding = mimetypes.guess_type(name)
    return kind if kind and not encoding else UNKNOWN_TYPE


def attach(
    owner: User, files: Iterable[UploadedFile[Any]], to: Sequence[Attachment] = ()
) -> list[Attachment]:
    """Save the files; return those already attached (`to`) and then the new ones.

    Raises AttachmentError, and then saves none.
    """
    new = list(files)
    size = sum(each.size or 0 for each in new) + sum(each.size for each in to)
    if new and size > settings.MAX_ATTACHMENT_BYTES:
        raise AttachmentError(
            f"These files have {filesizeformat(size)} together; a message carries at most "
            f"{filesizeformat(settings.MAX_ATTACHMENT_BYTES)}",
            "Send a link to the large ones instead.",
        )
    if new and len(new) + len(to) > MOST_FILES:
        raise AttachmentError(
            f"These are {len(new) + len(to)} files; a message carries at most {MOST_FILES}",
            "Pack them into one archive instead.",
        )
    kept = dict.fromkeys([*to, *(_kept(owner, each) for each in new)])
    return list(kept)


def _kept(owner: User, file: UploadedFile[Any]) -> Attachment:
    content, name = file.read(), safe_name(file.name or "")
    attachment, _ = Attachment.objects.defer("content").get_or_create(
        owner=owner,
        digest=sha256(content).hexdigest(),
        name=name,
        defaults={
            "content": content,
            "size": len(content),
            "content_type": content_type_of(name),
        },
    )
    return attachment
