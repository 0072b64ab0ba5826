"""Pages a part of which refreshes itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_hex
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from deliveryportal.accounts.access import UserRequest

# Masked anew in every rendering, though nothing has changed.
CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')

# Stands where the digest of the part will, until that is known.
SEEN = "seen-" + token_hex(16)


def live(
    request: UserRequest, page: str, parts: Mapping[str, str], context: dict[str, Any]
) -> HttpResponse:
    """Answer with the page, or to htmx with its live parts, if they have changed.

    A boosted link or form gets the page, and takes from it what it is after.

    Each part is a template, and the page has what it says under the part's name. The
    root of one asks with `hx-get="{{ live_url }}"` and `hx-vals` of `seen`, and swaps
    the others too by `hx-select-oob`. Where that is what it would get again, nothing
    is swapped, and a selection stays.
    """
    context |= {"live_url": _without_seen(request), "seen": SEEN}
    said = {
        name: render_to_string(template, context, request)
        for name, template in parts.items()
    }
    text = "".join(said.values())
    seen = sha256(CSRF_TOKEN.sub("", text.replace(SEEN, "")).encode()).hexdigest()[:16]
    alone = is_refresh(request)
    if alone and request.GET.get("seen") == seen:
        response = HttpResponse(status=204)
    else:
        if not alone:
            text = render_to_string(page, context | said, request)
        response = HttpResponse(text.replace(SEEN, seen))
    patch_vary_headers(response, ["HX-Request", "HX-Boosted"])
    return response


def is_refresh(request: UserRequest) -> bool:
    """Whether the live parts are asked for, and the rest of the page is not."""
    return bool(request.htmx) and not request.htmx.boosted


def _without_seen(request: UserRequest) -> str:
    query = request.GET.copy()
    query.pop("seen", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
