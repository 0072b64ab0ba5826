"""The six who knock at every address, and rows of alice's for them to ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import transaction
from django.template.backends.django import Template
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AuthenticatorData, CollectedClientData

from channels.models import Channel, ConnectionTest, EmailIdentity
from channels.verifying import link_to_verify
from conversations.blocking import block_domain, suppress_address
from conversations.models import (
    Alert,
    Attachment,
    BulkJob,
    Delivery,
    Draft,
    Message,
    Report,
    SavedSearch,
    Suppression,
)
from conversations.models.state import State
from conversations.watching.digesting import link_to_switch_off
from conversations.writing import drafting
from deliveryportal.accounts.inviting import invite
from deliveryportal.accounts.models import Team, User
from deliveryportal.practice.models import PracticeMail
from tests.conftest import PASSWORD, delivery_by, person

# The member is alice, bob manages her team, and the outsider manages another.
PEOPLE = ("anonymous", "member", "mate", "manager", "outsider", "admin")
# Of all pages, and of Django admin's, which leads on to it or refuses.
SIGN_IN = ("/accounts/login/", "/admin/login/")

# A status, or where a redirect leads: "in" is the sign-in, "→" anywhere else.
Answer = int | str

WITH_A_FILE = b"""From: a@portal.test
Subject: With a file
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Text.
--b
Content-Type: text/plain; name=a.txt
Content-Disposition: attachment; filename=a.txt

a
--b--
""".replace(b"\n", b"\r\n")


@dataclass
class World:
    """The six, signed in; and what the table names, where it stands in the address."""

    clients: Mapping[str, Client]
    rows: Mapping[str, Any]
    places: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        self._signed_in = {
            who: {name: each.value for name, each in client.cookies.items()}
            for who, client in self.clients.items()
        }

    def ask(self, who: str, method: str, path: str, data: Any = None) -> Answer:
        """Return what is answered; undo what that did.

        No page is drawn, which takes longest: what is answered is decided before.
        """
        client = self.clients[who]
        with (
            transaction.atomic(),
            patch.object(Template, "render", lambda *_, **__: ""),
        ):
            answer = getattr(client, method)(path, data)
            transaction.set_rollback(True)
        client.cookies.clear()
        client.cookies.load(self._signed_in[who])
        cache.clear()  # nobody has tried too often
        if answer.status_code not in {301, 302}:
            return int(answer.status_code)
        return "in" if answer["Location"].startswith(SIGN_IN) else "→"

    def ask_each(self, method: str, path: str, data: Any = None) -> tuple[Answer, ...]:
        return tuple(self.ask(who, method, path, data) for who in PEOPLE)

    def filled(self, text: str) -> str:
        """Put the rows' ids where the table names them."""
        return text.format(**self.rows)


def world() -> World:
    bob = person("Bob")
    alice = person("Alice", team_of=bob)
    people = {
        "member": alice,
        "mate": person("Dana", team_of=bob),
        "manager": bob,
        "outsider": person("Charlie"),
        "admin": User.objects.create_superuser("root@portal.test", PASSWORD, "Root"),
    }
    clients = {"anonymous": Client()}
    for name, user in people.items():
        clients[name] = Client()
        clients[name].force_login(user)
        # Whoever has just said it once more is not asked for the password.
        clients[name].post(reverse("account_reauthenticate"), {"password": PASSWORD})
    mail = _mail_of(alice)
    rows = {name: each.uuid for name, each in mail.items()}
    rows["portal"] = mail["failed"].channel.uuid
    places = {
        **_of_mail(mail),
        **_of_channels(alice, bob),
        **_of_identity(alice),
        **_of_writing(alice, mail["failed"].message),
        **_of_account(alice, bob),
        **_of_team(alice, bob, mail["failed"], mail["archived"]),
    }
    rows["draft"] = places["conversations:draft"][0]
    return World(clients, rows, places)


def _mail_of(alice: User) -> dict[str, Delivery]:
    make = partial(delivery_by, Channel.objects.default(), alice)
    at = now()
    return {
        "failed": make(state=State.FAILED, reason="unknown"),
        "unconfirmed": make(state=State.UNCONFIRMED, reason="unconfirmed"),
        "accepted": make(state=State.ACCEPTED, accepted_at=at),
        "archived": make(state=State.ACCEPTED, accepted_at=at, archived_at=at),
        "waiting": make("ben@customer.test"),
    }


def _of_mail(mail: Mapping[str, Delivery]) -> dict[str, Sequence[Any]]:
    failed, waiting = mail["failed"], mail["waiting"].message
    waiting.submission = uuid4()
    waiting.save(update_fields=["submission"])
    report = Report.objects.create(
        return_token=failed.return_token,
        digest="0" * 64,
        raw=b"Subject: x\r\n\r\n",
        source="smtp",
        delivery=failed,
    )
    arrived = PracticeMail.objects.create(
        envelope_recipient=failed.recipient,
        return_token=failed.return_token,
        raw=WITH_A_FILE,
    )
    return {
        "conversations:message": [failed.message.uuid],
        "conversations:body": [failed.message.uuid],
        "conversations:rework": [failed.uuid],
        "conversations:resend": [failed.channel.uuid],
        "conversations:take_back": [waiting.uuid],
        "conversations:undo": [waiting.submission],
        "conversations:report": [report.uuid],
        "admin:conversations_report_download": [report.pk],
        "practice:mail": [arrived.uuid],
        "practice:raw": [arrived.uuid],
        "practice:attachment": [arrived.uuid, 0],
    }


def _of_channels(alice: User, bob: User) -> dict[str, Sequence[Any]]:
    config = {"host": "smtp.acme.test", "port": "587"}
    hers = Channel.objects.create(kind="smtp", owner=alice, config=config)
    team_s = Channel.objects.create(kind="smtp", team=bob.team, config=config)
    passed = partial(
        ConnectionTest.objects.create,
        kind="smtp",
        state=ConnectionTest.State.PASSED,
        config=config,
    )
    tested = passed(user=alice, sender=alice.email)
    for_team = passed(user=bob, sender=bob.email, team=bob.team)
    return {
        "settings:test": [tested.uuid],
        "settings:test, for the team": [for_team.uuid],
        "settings:keep": [tested.uuid],
        "settings:keep, for the team": [for_team.uuid],
        "settings:choose": [hers.uuid],
        "settings:choose, the team’s": [team_s.uuid],
        "settings:disconnect": [hers.uuid],
        "settings:disconnect, the team’s": [team_s.uuid],
    }


def _of_identity(alice: User) -> dict[str, Sequence[Any]]:
    identity = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Alice"
    )
    names = ("identity", "resend", "make_default", "delete_identity")
    return {
        **{f"settings:{name}": [identity.uuid] for name in names},
        "settings:verification": [_token_of(link_to_verify(identity))],
    }


def _of_writing(alice: User, sent: Message) -> dict[str, Sequence[Any]]:
    draft = Draft.objects.create(owner=alice, subject="Half")
    deleted = Draft.objects.create(owner=alice, subject="Half")
    chosen = Draft.objects.filter(pk=deleted.pk)
    with_file = partial(
        Attachment.objects.create,
        owner=alice,
        content_type="text/plain",
        size=1,
        digest="0" * 64,
        content=b"a",
    )
    sent_file = with_file(name="sent.txt")
    sent.attachments.add(sent_file)
    search = SavedSearch.objects.create(
        owner=alice, team=alice.team, name="Hers", tab="sent"
    )
    shared = SavedSearch.objects.create(
        owner=alice, team=alice.team, name="Ours", tab="sent", shared=True
    )
    return {
        "conversations:draft": [draft.uuid],
        "conversations:delete_draft": [draft.uuid],
        "conversations:restore_drafts": [drafting.delete(chosen).mark],
        "conversations:attachment, of a draft": [with_file(name="draft.txt").uuid],
        "conversations:attachment, sent": [sent_file.uuid],
        "conversations:remove_search": [search.pk],
        "conversations:remove_search, shared": [shared.pk],
    }


def _of_account(alice: User, bob: User) -> dict[str, Sequence[Any]]:
    elsewhere = UserSession.objects.create(
        user=alice, ip="192.0.2.1", session_key="elsewhere", user_agent="Firefox"
    )
    passkey = Authenticator.objects.create(
        user=alice,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Key", "credential": _passkey()},
    )
    token = invite(manager=bob, email="new@acme.test")
    names = ("promote", "demote", "deactivate", "reactivate")
    locked_out = person("Eve", team_of=bob)
    locked_out.is_staff, locked_out.is_active = True, False
    locked_out.save()
    return {
        **{f"accounts:{name}": [alice.pk] for name in names},
        "accounts:reactivate, an admin": [locked_out.pk],
        "mfa_edit_webauthn": [passkey.pk],
        "mfa_remove_webauthn": [passkey.pk],
        "account_confirm_email": ["x"],
        "account_reset_password_from_key": ["1", "x"],
        "admin:auth_user_password_change": [alice.pk],
        "accounts:end_session": [elsewhere.pk],
        "accounts:revoke": [bob.team.invitations.get().token_digest],
        "accounts:invitation": [token],
        "conversations:digest-off": [_token_of(link_to_switch_off(bob))],
    }


def _of_team(
    alice: User, bob: User, failed: Delivery, archived: Delivery
) -> dict[str, Sequence[Any]]:
    job = BulkJob.objects.create(by=alice, team=alice.team, action="archive")
    alert = Alert.objects.create(
        team=bob.team,
        reason="sender_blocked",
        remote="bigco.test",
        since=failed.state_since,
        latest=failed.state_since,
    )
    by_bob = suppress_address("x@customer.test", by=bob, note="")
    by_evidence = Suppression.objects.create(
        team=bob.team,
        address="y@customer.test",
        reason="address_unknown",
        delivery=archived,
    )
    domain = block_domain("bigco.test", by=bob, note="")
    teams = ContentType.objects.get_for_model(Team)
    return {
        "admin:view_on_site": [teams.pk, bob.team_id],
        "admin/(?P<url>.*)$": ["nonsense/"],
        "conversations:job": [job.uuid],
        "conversations:stop": [job.uuid],
        "conversations:close-alert": [alert.uuid],
        "suppression:suppression": [by_bob.uuid],
        "suppression:release, made by bob": [by_bob.uuid],
        "suppression:release, made by her mail": [by_evidence.uuid],
        "suppression:resend": [by_bob.uuid],
        "suppression:unblock": [domain.uuid],
    }


def _passkey() -> dict[str, Any]:
    """What a browser says of a new one, as far as allauth reads it again."""
    found = AuthenticatorData.create(bytes(32), AuthenticatorData.FLAG.UP, 0)
    made = AttestationObject.create("none", found, {})
    client = CollectedClientData.create("webauthn.create", b"", "https://portal.test")
    return {
        "id": "a2V5",
        "rawId": "a2V5",
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(made),
        },
    }


def _token_of(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]
