"""Google's libraries as Gmail's transport needs them: never a POST repeated.

google-api-python-client over its own httplib2 posts again, silently, when the server
closes the connection without an answer: two mails. This one speaks through
google-auth's session instead, which repeats a request only after a 401.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httplib2
import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.http import MediaIoBaseUpload
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

from channels.calling import first_to_answer
from channels.lines import Line
from channels.transports._base import Receipt, TransportError, Verdict
from channels.transports._gmail_answers import (
    REMOTE,
    Answer,
    not_accepted,
    not_renewed,
)

logger = logging.getLogger(__name__)

# Seconds to connect and to wait for an answer. Hanging up on a message that Google is
# still working on would leave it in doubt.
SEND_TIMEOUT = (10.0, 60.0)
TOKEN_TIMEOUT = (5.0, 10.0)
# As JSON a message grows by a third, and Google takes 5 MB of that.
JSON_LIMIT = 3_500_000


def endpoint(settings: Mapping[str, Any], path: str) -> str:
    """Return the address of a page of Google's OAuth server; a stand-in's in tests."""
    base: str = settings["GOOGLE_BASE"]
    return f"{base}/oauth2{path}" if base else f"https://oauth2.googleapis.com{path}"


def renewed(
    settings: Mapping[str, Any], credentials: Mapping[str, str]
) -> dict[str, str]:
    """Return `credentials` with a fresh access token (RFC 6749, 6).

    Raises TransportError; nothing has been sent.
    """
    if not credentials.get("refresh_token"):
        raise not_renewed("invalid_grant", "there is none")
    asked = {
        "grant_type": "refresh_token",
        "refresh_token": credentials["refresh_token"],
        "client_id": settings["GOOGLE_CLIENT_ID"],
        "client_secret": settings["GOOGLE_CLIENT_SECRET"],
    }
    try:
        answer = requests.post(
            endpoint(settings, "/token"), data=asked, timeout=TOKEN_TIMEOUT
        )
        tokens = answer.json()
    except requests.RequestException as error:
        raise not_renewed("", type(error).__name__) from None
    if not (isinstance(tokens, dict) and tokens.get("access_token")):
        told = tokens if isinstance(tokens, dict) else {}
        raise not_renewed(
            str(told.get("error") or f"HTTP {answer.status_code}"),
            str(told.get("error_description") or ""),
        )
    expires_at = datetime.now(UTC) + timedelta(
        seconds=int(tokens.get("expires_in", 3600))
    )
    return {
        **credentials,
        "access_token": tokens["access_token"],
        # Google keeps it; where one comes, the old one may be good no more.
        "refresh_token": tokens.get("refresh_token") or credentials["refresh_token"],
        "expires_at": expires_at.isoformat(),
    }


def revoke(settings: Mapping[str, Any], token: str) -> None:
    try:
        requests.post(
            endpoint(settings, "/revoke"), data={"token": token}, timeout=TOKEN_TIMEOUT
        )
    except requests.RequestException as error:
        logger.warning("Google was not told of a disconnect: %s", type(error).__name__)


class GmailApi:
    """Gmail's API as far as `gmail.send` opens it; the connection is kept."""

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        self._http = _OneTryHttp(_Grant(settings, credentials))
        document = json.loads(get_static_doc("gmail", "v1"))
        if settings["GOOGLE_BASE"]:
            document["rootUrl"] = f"{settings['GOOGLE_BASE']}/"
        self._messages = (
            build_from_document(document, http=self._http).users().messages()
        )

    def send(self, content: bytes, thread: str) -> Receipt:
        """Send the message `content`, in `thread` if named; raise TransportError."""
        request = self._request(content, thread)
        try:
            return _receipt(request.execute(num_retries=0))
        except (GoogleAuthError, OSError, HTTPError, ValueError) as error:
            # requests' errors are OSErrors; an answer that is none is a ValueError.
            raise self._broken_off(error) from None

    def close(self) -> None:
        self._http.close()

    def _request(self, content: bytes, thread: str) -> Any:
        resource = {"threadId": thread} if thread else {}
        if len(content) <= JSON_LIMIT:
            raw = base64.urlsafe_b64encode(content).decode()
            return self._messages.send(userId="me", body={**resource, "raw": raw})
        media = MediaIoBaseUpload(io.BytesIO(content), mimetype="message/rfc822")
        if not content.isascii():
            # The client cannot put such bytes beside the thread's name; Gmail finds
            # the thread by References then.
            resource = {}
        return self._messages.send(userId="me", media_body=media, body=resource or None)

    def _broken_off(self, error: Exception) -> TransportError:
        if self._http.in_doubt:
            return TransportError(
                "Google had the whole message, and no proper answer came.",
                Verdict.UNKNOWN,
                remote=REMOTE,
                stage="answer",
            )
        return TransportError(
            f"Google cannot be reached ({type(error).__name__}).",
            Verdict.CHANNEL_DOWN,
            remote=REMOTE,
            stage="connection",
        )


def _receipt(answer: object) -> Receipt:
    """Read `{"id": …, "threadId": …, "labelIds": ["SENT"]}`; ValueError for less."""
    if not (isinstance(answer, dict) and answer.get("id")):
        raise ValueError("the answer names no message")
    return Receipt(
        words=f"Gmail took it as message {answer['id']}.",
        code=200,
        remote=REMOTE,
        remote_id=str(answer["id"]),
        thread=str(answer.get("threadId", "")),
    )


class _Grant(Credentials):
    """Knows no expiry of its token: that is renewed before its use, or after a 401."""

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._settings, self._credentials = settings, credentials
        self.token = credentials.get("access_token")

    def refresh(self, request: object) -> None:
        self._credentials = renewed(self._settings, self._credentials)
        self.token = self._credentials["access_token"]


class _OneTryHttp:
    """What google-api-python-client takes for an httplib2.Http."""

    def __init__(self, grant: _Grant) -> None:
        self._session = _WatchedSession(grant, max_refresh_attempts=1)

    @property
    def in_doubt(self) -> bool:
        """Whether the server may have the whole of the last request."""
        body = self._session.body
        return body is not None and body.handed_over

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **ignored: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Raises TransportError for an answer that is an error."""
        self._session.body = None
        answer = self._session.request(
            method,
            uri,
            data=body,
            headers=dict(headers or {}),
            timeout=SEND_TIMEOUT,
            allow_redirects=False,
        )
        if answer.status_code >= 300:
            read = Answer.read(answer.status_code, answer.headers, answer.content)
            raise not_accepted(read, datetime.now(UTC))
        found = {name.lower(): value for name, value in answer.headers.items()}
        return (
            httplib2.Response({**found, "status": str(answer.status_code)}),
            answer.content,
        )

    def close(self) -> None:
        self._session.close()


class _WatchedSession(AuthorizedSession):
    """Knows whether the last byte of the last request's body has been taken."""

    body: _Body | None = None

    def __init__(self, grant: _Grant, **kwargs: Any) -> None:
        super().__init__(grant, **kwargs)
        for scheme in POOLS:
            self.mount(f"{scheme}://", _OpenToBeHungUp())

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Any:
        content = request.body or b""
        assert isinstance(content, str | bytes)  # the client streams nothing
        self.body = _Body(content.encode() if isinstance(content, str) else content)
        request.body = self.body
        return super().send(request, **kwargs)


class _Body(io.BytesIO):
    @property
    def handed_over(self) -> bool:
        return self.tell() == len(self.getbuffer())


class _KnownAsALine:
    """A connection that `hang_up` ends."""

    _line: Line | None = None
    host: Any
    port: Any
    sock: Any

    def _new_conn(self) -> socket.socket:
        """Like urllib3's, which gives each of Google's many addresses all the time."""
        try:
            sock = first_to_answer([self.host], self.port, within=SEND_TIMEOUT[0])
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._line = Line(self.sock)

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._line:
            self._line.close()


class _Connection(_KnownAsALine, HTTPConnection):
    pass


class _SecureConnection(_KnownAsALine, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


POOLS = {"http": _Pool, "https": _SecurePool}


class _OpenToBeHungUp(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS
