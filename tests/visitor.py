"""Somebody at a browser without JavaScript, over real HTTP."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable

PASSWORD = "correct horse battery staple"


class Visitor:
    """Opens pages and fills in forms of the site at `url`; keeps its cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def adds(self, header: str, value: str) -> None:
        """Add a header to each request from now on, as a proxy in between does."""
        self._browser.addheaders.append((header, value))

    def get(self, path: str) -> str:
        with self._browser.open(self.url + path, timeout=30) as response:
            page: str = response.read().decode()
            return page

    def status(self, path: str) -> int:
        try:
            with self._browser.open(self.url + path, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def post(self, path: str, **fields: str) -> str:
        """Fill in the form at `path` and send it; return the page it leads to."""
        return self.send(path, self.form_token(path), **fields)

    def form_token(self, path: str) -> str:
        """Open the form at `path`; return what lets it be sent."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token, f"no form at {path}"
        return token[1]

    def send(self, path: str, token: str, **fields: str) -> str:
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token})
        request = urllib.request.Request(self.url + path, data.encode())
        with self._browser.open(request, timeout=60) as response:
            page: str = response.read().decode()
            return page

    def press(self, path: str, action: str) -> str:
        """Press the button on the page at `path` that posts to `action`.

        Return the address it leads to, which may be another site's.
        """
        page = self.get(path)
        assert f'action="{action}"' in page, f"no such button at {path}"
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1]})
        request = urllib.request.Request(self.url + action, data.encode())
        with self._browser.open(request, timeout=60) as response:
            url: str = response.geturl()
            return url

    def sign_up(self, name: str = "Alice Acme", email: str = "alice@acme.test") -> str:
        return self.post(
            "/accounts/signup/", name=name, email=email, password1=PASSWORD
        )

    def write(self, to: str | Iterable[str], subject: str = "Hello") -> str:
        recipients = to if isinstance(to, str) else ", ".join(to)
        return self.post(
            "/conversations/new/", to=recipients, subject=subject, body="Text."
        )
