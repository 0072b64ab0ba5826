from __future__ import annotations

import re
from html import unescape

from django.test import Client


def words_of(html: str) -> str:
    """What a person reads on a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return words_of(answer.content.decode())
