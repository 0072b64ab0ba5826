from __future__ import annotations

import ssl
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from channels.egress import parse_networks, vetted_addresses
from channels.looking_up import numbers_of
from channels.smtp.answers import Stage
from channels.smtp.server import Security, SmtpServer
from channels.smtp.session import CONNECT_TIMEOUT, PATIENCE, SmtpSession
from channels.transports._base import (
    Input,
    OutgoingEmail,
    Pace,
    Preset,
    Receipt,
    Scope,
    Setting,
    SettingsError,
    Step,
    Traits,
    Transport,
    TransportError,
    VisibleSender,
)

# A person is watching the test, so a server that is slow at every step is given up
# sooner than when it has a mail to take.
PROBED_WITHIN = 45.0  # seconds
GMAIL_HOSTS = {"smtp.gmail.com", "smtp.googlemail.com", "smtp-relay.gmail.com"}


def _preset(
    label: str, host: str, port: int, security: Security, advice: str
) -> Preset:
    return Preset(
        label=label,
        values={"host": host, "port": str(port), "security": security.value},
        advice=advice,
    )


PRESETS = (
    _preset(
        "Microsoft 365",
        "smtp.office365.com",
        587,
        Security.STARTTLS,
        "User name is your full address. Your admin must allow “Authenticated SMTP” "
        "for your mailbox; with two-step sign-in you need an app password.",
    ),
    _preset(
        "Exchange on premises",
        "",
        587,
        Security.STARTTLS,
        "Ask your admin for the host of the client receive connector. The user name "
        "is your address or DOMAIN\\name.",
    ),
    _preset(
        "Amazon SES",
        "email-smtp.eu-west-1.amazonaws.com",
        587,
        Security.STARTTLS,
        "Put your region into the host. User name and password are SMTP credentials "
        "made in the SES console, not your AWS keys.",
    ),
    _preset(
        "SendGrid",
        "smtp.sendgrid.net",
        587,
        Security.STARTTLS,
        "The user name is the word apikey; the password is an API key that may send.",
    ),
    _preset(
        "Mailgun",
        "smtp.mailgun.org",
        587,
        Security.STARTTLS,
        "Use the SMTP credentials of your sending domain; in the EU the host is "
        "smtp.eu.mailgun.org.",
    ),
    _preset(
        "Postmark",
        "smtp.postmarkapp.com",
        587,
        Security.STARTTLS,
        "User name and password are both your server’s API token.",
    ),
    _preset(
        "Another server",
        "",
        587,
        Security.STARTTLS,
        "Your mail provider’s help page names host, port and security under “SMTP” "
        "or “outgoing mail”.",
    ),
)


class SmtpTransport(Transport):
    """A person's or a team's own mail server."""

    installation_settings = ("PORTAL_DOMAIN", "SMTP_ALLOWED_NETWORKS")
    patience = PATIENCE
    presets = PRESETS
    settings_asked = (
        Setting(
            name="host",
            label="Host",
            help="As in smtp.example.com.",
            guarded=True,
        ),
        Setting(
            name="port",
            label="Port",
            input=Input.NUMBER,
            initial="587",
            guarded=True,
        ),
        Setting(
            name="security",
            label="Security",
            input=Input.CHOICE,
            choices=(
                (Security.STARTTLS, "STARTTLS (usual with port 587)"),
                (Security.TLS, "TLS from the start (usual with port 465)"),
                (Security.NONE, "None: only for a server that asks for no password"),
            ),
            initial=Security.STARTTLS,
            guarded=True,
        ),
        Setting(name="user", label="User name", required=False, guarded=True),
        Setting(
            name="password",
            label="Password",
            input=Input.PASSWORD,
            required=False,
            secret=True,
        ),
        Setting(
            name="ca_text",
            label="Certificate authority",
            help="Only for a server with a private certificate: paste its CA in PEM form.",
            input=Input.BLOCK,
            required=False,
        ),
    )
    traits = Traits(
        label="Custom SMTP server",
        icon="server",
        scope=Scope.PERSON_OR_TEAM,
        visible_sender=VisibleSender.IDENTITY,
        adds_via=False,
        records_bounces=False,
        pace=Pace(messages=25, seconds=45),
        accepted_label="Handed over, not tracked",
        when_to_pick=(
            "You pay for your own server, run Microsoft Exchange, or use a bulk provider."
        ),
        set_up="Host, port, security, user name and password; yours or your team’s.",
        address_seen="The address of your email identity, if that server lets it.",
        via="No.",
        dmarc="Your server’s own: it can be on your domain’s allow-list.",
        sent_copy="Depends on the server.",
        bounces=(
            "No: only what that server refuses on the spot appears here. Later bounces "
            "go to the mailbox of your identity’s address."
        ),
        remedy="To see here what bounces later, use Portal servers.",
    )

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        super().__init__(settings, credentials)
        allowed = parse_networks(settings["SMTP_ALLOWED_NETWORKS"])
        self._session = SmtpSession(
            SmtpServer(
                host=settings["host"],
                port=int(settings["port"]),
                security=Security(settings["security"]),
                user=settings.get("user", ""),
                password=credentials.get("password", ""),
                ca_text=settings.get("ca_text", ""),
            ),
            helo=settings["PORTAL_DOMAIN"],
            look_up=lambda host, port: vetted_addresses(
                host, port, allowed, look_up=partial(numbers_of, within=CONNECT_TIMEOUT)
            ),
        )

    @classmethod
    def summary(cls, config: Mapping[str, str]) -> str:
        user = config.get("user", "")
        return f"{user or 'without sign-in'} at {config['host']}:{config['port']}"

    @classmethod
    def check_settings(cls, settings: Mapping[str, str]) -> None:
        host = settings["host"].strip().rstrip(".").casefold()
        if host in GMAIL_HOSTS:
            raise SettingsError(
                "For Gmail, connect Gmail instead: no password is stored, and a copy "
                "of each mail lies in your Sent folder.",
                field="host",
            )
        if not host or not all(c.isalnum() or c in ".-:" for c in host):
            raise SettingsError("This is not the name of a server.", field="host")
        if not 1 <= int(settings["port"]) <= 65535:
            raise SettingsError("A port is a number from 1 to 65535.", field="port")
        if settings.get("user") and settings["security"] == Security.NONE:
            raise SettingsError(
                "A password is never sent in clear: choose STARTTLS or TLS, or leave "
                "the user name empty if the server lets you in without.",
                field="security",
            )
        _check_ca(settings.get("ca_text", ""))

    def send(self, email: OutgoingEmail) -> Receipt:
        return self._session.send(email)

    def send_all(
        self, emails: Iterable[OutgoingEmail]
    ) -> Generator[Receipt | TransportError]:
        return self._session.send_all(emails)

    def probe(self, sender: str) -> Iterator[Step]:
        self._session.ends = time.monotonic() + PROBED_WITHIN
        stages = self._session.connect()
        asked = [
            stage
            for stage in LABELS
            if (stage is not Stage.TLS or self._encrypted)
            and (stage is not Stage.SIGN_IN or self._session.server.user)
        ]
        for stage in asked:
            try:
                if stage is Stage.SENDER:
                    words = self._session.try_sender(sender)
                else:
                    _, words = next(stages)
            except TransportError as error:
                # With TLS from the start the greeting belongs to an earlier stage.
                failed = Stage[error.stage.upper()]
                yield Step(
                    label=LABELS[failed],
                    done=False,
                    words=error.words,
                    advice=ADVICE[failed].format(sender=sender),
                )
                return
            yield Step(label=LABELS[stage], done=True, words=words)

    @property
    def _encrypted(self) -> bool:
        return self._session.server.security is not Security.NONE

    def close(self) -> None:
        self._session.close()


def _check_ca(text: str) -> None:
    """Raise SettingsError for what has been pasted and is no certificate."""
    if not text:
        return
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError, TypeError):
        raise SettingsError(
            "This is not a certificate in PEM form: it begins with "
            "-----BEGIN CERTIFICATE----- and has to be whole.",
            field="ca_text",
        ) from None


LABELS = {
    Stage.NAME: "Name resolved",
    Stage.CONNECTION: "Connected",
    Stage.TLS: "Encrypted, certificate verified",
    Stage.SIGN_IN: "Signed in",
    Stage.SENDER: "Sender accepted",
}
ADVICE = {
    Stage.NAME: "Check the host. A server inside your own network has to be allowed by "
    "the operator of this portal first.",
    Stage.CONNECTION: "Check host, port and security: STARTTLS goes with port 587, TLS "
    "from the start with 465. Some networks close port 25.",
    Stage.TLS: "Check the security setting: STARTTLS goes with port 587, TLS from the "
    "start with 465. The host must be a name that the certificate is for; for a private "
    "certificate paste its CA.",
    Stage.SIGN_IN: "Check user name and password. Some providers want an app password or "
    "must be told to allow SMTP.",
    Stage.SENDER: "This server does not let you send as {sender}. Allow the address "
    "there, or write as an identity it knows.",
}

TRANSPORT = SmtpTransport
