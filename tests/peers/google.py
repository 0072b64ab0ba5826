"""Google's sign-in and Gmail API on loopback; see `google/emulator.mjs`.

Driven like a person's browser (`consent`), looked into like the person's own mailbox
(`sent`), and ordered to misbehave (`fault`, `expire_tokens`, `revoke_grants`).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import googleapiclient.discovery_cache
import requests

from tests.parts import require_part

FOLDER = Path(__file__).parent / "google"
GMAIL = (
    Path(googleapiclient.discovery_cache.__file__).parent / "documents/gmail.v1.json"
)
SEED = json.loads((FOLDER / "seed.json").read_text())
CLIENT_ID: str = SEED["oauth_clients"][0]["client_id"]
CLIENT_SECRET: str = SEED["oauth_clients"][0]["client_secret"]

# The seed's people.
ALICE_PRIVATE = "alice.acme@gmail.com"
ALICE = "alice@workspace.test"
BOB = "bob@workspace.test"
UNVERIFIED = "unverified@elsewhere.test"

GMAIL_SEND = "https://www.googleapis.com/auth/gmail.send"
SEND = "POST /gmail/v1/users/me/messages/send"
UPLOAD = "POST /upload/gmail/v1/users/me/messages/send"
TOKEN = "POST /oauth2/token"
REVOKE = "POST /oauth2/revoke"


def require_google() -> None:
    """Skip the test where the emulator cannot run; see `require_part`."""
    try:
        install_google()
    except GoogleMissingError as error:
        require_part(None, str(error))


class GoogleMissingError(Exception):
    """The emulator cannot run on this machine."""


def install_google() -> None:
    """Install what package-lock.json pins, once, whoever comes first.

    Raise GoogleMissingError with what is missing.
    """
    if not shutil.which("node"):
        raise GoogleMissingError("node is not installed: the Google emulator needs it.")
    with (FOLDER / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (FOLDER / "node_modules/@emulators/google").is_dir():
            return
        if not shutil.which("npm"):
            raise GoogleMissingError(
                "npm is not installed: it installs the Google emulator."
            )
        command = ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"]
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=300
        )
    if done.returncode:
        raise GoogleMissingError(
            f"npm cannot install the Google emulator: {done.stderr.strip()}"
        )


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail in somebody's Sent folder; `content` is what was handed over."""

    id: str
    thread: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


class Google:
    """Used as a context manager; up in a fraction of a second."""

    url: str

    def __init__(self) -> None:
        self._known: dict[str, SentMail] = {}  # by id

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", "emulator.mjs"],
            cwd=FOLDER,
            env={"PATH": os.environ["PATH"], "SEED": "seed.json", "GMAIL": str(GMAIL)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the Google emulator did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=20)  # closes its input: it ends

    # --- what it shall do ---------------------------------------------------

    def reset(self) -> None:
        self._order("reset")
        self._known.clear()

    def fault(self, match: str, **how: Any) -> None:
        """Answer the next request (`times`) that matches `METHOD path` otherwise.

        With `status`, `body` and `headers`; after `delay` milliseconds; by closing
        the connection (`hangUp`); with `apply` although it has been carried out.
        """
        self._order("fault", match=f"^{match}$", **how)

    def reset_faults(self) -> None:
        """Forget the misbehaviour ordered and not yet shown."""
        self._order("resetFaults")

    def error(
        self, match: str, status: int, reason: str, message: str = "", **how: Any
    ) -> None:
        """Answer the next request that matches with an error of Google's shape."""
        error = {
            "code": status,
            "message": message or reason,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }
        self.fault(match, status=status, body={"error": error}, **how)

    def allow_redirect(self, uri: str) -> None:
        self._order("redirect", uri=uri)

    def expire_tokens(self) -> None:
        """Let every access token expire; the grants stay."""
        self._order("expire")

    def revoke_grants(self) -> None:
        """Do what a person does at myaccount.google.com."""
        self._order("revokeGrants")

    def deny_consent(self) -> None:
        self._order("consent", deny=True)

    def untick(self, *scopes: str) -> None:
        """On the next consent page leave these boxes empty."""
        self._order("consent", untick=scopes)

    def withhold_refresh_token(self) -> None:
        """On the next consent give an access token only."""
        self._order("consent", withhold=True)

    # --- what a person does and sees ----------------------------------------

    def consent(self, page: str, address: str) -> str:
        """Open the consent page as `address` and agree; return where that leads."""
        shown = requests.get(page, timeout=20)
        assert shown.status_code == 200, shown.text
        assert address in shown.text
        agreed = requests.post(
            f"{self.url}/o/oauth2/v2/auth/callback",
            # The page's hidden fields are what it was asked with.
            data={"email": address, **dict(parse_qsl(urlsplit(page).query))},
            allow_redirects=False,
            timeout=20,
        )
        return agreed.headers["Location"]

    def grant(self, address: str, *scopes: str) -> dict[str, str]:
        """Return the token endpoint's answer for `address`, who has agreed to all."""
        asked = {
            "client_id": CLIENT_ID,
            "redirect_uri": SEED["oauth_clients"][0]["redirect_uris"][0],
            "scope": " ".join(("openid", "email", *(scopes or (GMAIL_SEND,)))),
            "state": "any",
        }
        back = self.consent(f"{self.url}/o/oauth2/v2/auth?{urlencode(asked)}", address)
        exchange = {
            "grant_type": "authorization_code",
            "code": dict(parse_qsl(urlsplit(back).query))["code"],
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        answer = requests.post(f"{self.url}/oauth2/token", exchange, timeout=20)
        tokens: dict[str, str] = answer.json()
        return tokens

    def sent(self, address: str) -> list[SentMail]:
        """Return what lies in the Sent folder of `address`, as it came."""
        return [
            self._mail(address, each) for each in self._order("sent", email=address)
        ]

    def withheld(self) -> list[EmailMessage]:
        """Return what came and was not clearly answered: by a hang-up, or a 5xx."""
        return [
            message_from_bytes(each.encode("latin-1"), policy=policy.default)
            for each in self._order("withheld")
        ]

    def refused(self) -> list[EmailMessage]:
        """Return what came and was refused for good: by a 400 that was ordered."""
        return [
            message_from_bytes(each.encode("latin-1"), policy=policy.default)
            for each in self._order("refused")
        ]

    @property
    def log(self) -> list[str]:
        """`METHOD path` of every request so far, the tests' own left out."""
        log: list[str] = self._order("log")
        return [line for line in log if not line.startswith("GET /gmail/")]

    def _mail(self, address: str, number: str) -> SentMail:
        # What is sent stays as it is, and only so many requests an hour are answered.
        if number not in self._known:
            self._known[number] = self._fetched(address, number)
        return self._known[number]

    def _fetched(self, address: str, number: str) -> SentMail:
        found = requests.get(
            f"{self.url}/gmail/v1/users/me/messages/{number}?format=raw",
            headers={"Authorization": f"Bearer inspector:{address}"},
            timeout=20,
        ).json()
        content = base64.urlsafe_b64decode(found["raw"] + "==")
        return SentMail(found["id"], found["threadId"], content)

    def _order(self, name: str, **details: Any) -> Any:
        answer = requests.post(f"{self.url}/__test/{name}", json=details, timeout=20)
        answer.raise_for_status()
        return answer.json().get("result")
