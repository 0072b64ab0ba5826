from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.transports._base import (
    Account,
    OutgoingEmail,
    Pace,
    Receipt,
    Scope,
    SettingsError,
    Traits,
    Transport,
    TransportError,
    VisibleSender,
)

if TYPE_CHECKING:
    from channels.transports._google import GmailApi

# Google's libraries are imported where they are used: that takes a third of a second,
# for which nobody should wait who sends no mail by Gmail.

GMAIL_SEND = "https://www.googleapis.com/auth/gmail.send"
RENEW_BEFORE = timedelta(seconds=60)
# In 24 hours, mail that is written in Gmail itself included.
PER_DAY_WORKSPACE = 2000
PER_DAY_PERSONAL = 500


class GmailTransport(Transport):
    """A person's Google account, by its API: Gmail itself sends and files the mail."""

    installation_settings = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_BASE")
    oauth_provider = "google"
    oauth_scopes = ("openid", "email", "profile", GMAIL_SEND)
    # Offline and consent: the only way to be given a refresh token every time.
    oauth_parameters = {"access_type": "offline", "prompt": "select_account consent"}
    traits = Traits(
        label="Gmail",
        icon="envelope",
        scope=Scope.PERSON,
        visible_sender=VisibleSender.CONNECTED_ACCOUNT,
        adds_via=False,
        records_bounces=False,
        pace=Pace(messages=25, seconds=45),
        accepted_label="Handed over, not tracked",
        when_to_pick=(
            "Your company’s mail is at Google, and you want no “via” and your company’s "
            "own reputation."
        ),
        set_up="Connect Gmail: you agree at Google. Exactly one account per person.",
        address_seen=(
            "The connected account’s address, whatever your email identity says. The "
            "identity’s name is kept, and here you still see the identity."
        ),
        via="No.",
        dmarc="Your company’s own: Google signs the mail for your domain.",
        sent_copy="Yes: Gmail files it in the account’s Sent folder by itself.",
        bounces=(
            "No: only what Google refuses on the spot appears here. Bounces land in the "
            "mailbox of the connected account."
        ),
        limits=(
            f"Google allows {PER_DAY_WORKSPACE:,} in 24 hours with Workspace and "
            f"{PER_DAY_PERSONAL} with gmail.com, mail written in Gmail included."
        ),
        remedy=(
            "To be seen with another address, connect that account instead, or use a "
            "custom SMTP server. To see here what bounces, use Portal servers."
        ),
    )

    @classmethod
    def unavailable(cls, settings: Mapping[str, Any]) -> str:
        if settings["GOOGLE_CLIENT_ID"]:
            return ""
        return "Your admin has not set up Google yet."

    # --- the grant ----------------------------------------------------------

    @classmethod
    def account(
        cls, grant: Mapping[str, Any], claims: Mapping[str, Any], at: datetime
    ) -> Account:
        if GMAIL_SEND not in grant.get("scope", "").split():
            raise SettingsError(
                "Nothing was connected, because sending was not allowed. Connect again "
                "and tick the box “Send email on your behalf” at Google."
            )
        if not claims.get("email_verified"):
            raise SettingsError(
                "Nothing was connected, because Google has not verified the address of "
                "this account."
            )
        expires_at = at + timedelta(seconds=int(grant.get("expires_in", 0)))
        credentials = {
            "access_token": grant["access_token"],
            "refresh_token": grant.get("refresh_token", ""),
            "expires_at": expires_at.isoformat(),
            "scope": grant["scope"],
        }
        domain = claims.get("hd", "")  # of a company at Google Workspace
        return Account(
            address=claims["email"],
            # Google sends a refresh token only if it has made a new one.
            credentials={name: each for name, each in credentials.items() if each},
            config={
                "hd": domain,
                "per_day": PER_DAY_WORKSPACE if domain else PER_DAY_PERSONAL,
            },
        )

    @classmethod
    def needs_renewal(cls, credentials: Mapping[str, str], at: datetime) -> bool:
        expires_at = credentials.get("expires_at")
        if not (expires_at and credentials.get("access_token")):
            return True
        return datetime.fromisoformat(expires_at) - at < RENEW_BEFORE

    @classmethod
    def renew(
        cls, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> dict[str, str]:
        from channels.transports._google import renewed  # noqa: PLC0415 - slow

        return renewed(settings, credentials)

    @classmethod
    def disconnect(
        cls, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        from channels.transports._google import revoke  # noqa: PLC0415 - slow

        token = credentials.get("refresh_token") or credentials.get("access_token")
        if token:
            revoke(settings, token)

    # --- sending ------------------------------------------------------------

    def send(self, email: OutgoingEmail) -> Receipt:
        try:
            return self._api.send(email.content, email.thread)
        except TransportError as error:
            # The thread was deleted, or was another account's. Not found is a plain
            # no: nothing has been sent.
            if error.code != 404 or not email.thread:
                raise
        return self._api.send(email.content, "")

    @cached_property
    def _api(self) -> GmailApi:
        from channels.transports._google import GmailApi  # noqa: PLC0415 - slow

        return GmailApi(self.settings, self.credentials)

    def close(self) -> None:
        if "_api" in self.__dict__:
            self._api.close()


TRANSPORT = GmailTransport
