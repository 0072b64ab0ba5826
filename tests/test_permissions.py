"""Who may what: every address of the portal and both methods, for six people. A table.

Each row says what anonymous, a member, her team mate, her manager, a manager of another
team and an admin are answered. All rows are alice's, of bob's team, unless said
otherwise. An address that is not in the table fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from channels.models import Channel, ConnectionTest, EmailIdentity
from channels.verifying import link_to_verify
from conversations import drafting
from conversations.blocking import block_domain, suppress_address
from conversations.digesting import link_to_switch_off
from conversations.models import (
    Alert,
    Attachment,
    BulkJob,
    Delivery,
    Draft,
    Report,
    SavedSearch,
)
from conversations.models.state import State
from deliveryportal.accounts.joining import invite
from deliveryportal.accounts.models import User
from deliveryportal.practice.models import PracticeMail
from tests.conftest import person

# Of all pages, and of Django admin's, which leads on to it or refuses.
SIGN_IN = ("/accounts/login/", "/admin/login/")
PEOPLE = ("anonymous", "member", "mate", "manager", "outsider", "admin")

# Answers, one for each of PEOPLE. "in" leads to the sign-in, "→" anywhere else; 405 is
# given by the method before anything is asked about the person.
Answers = tuple[int | str, ...]


def each(*answers: int | str) -> Answers:
    assert len(answers) == len(PEOPLE)
    return answers


EVERYBODY = each("in", 200, 200, 200, 200, 200)
EVERYBODY_LED = each("in", "→", "→", "→", "→", "→")
NOBODY = each("in", 405, 405, 405, 405, 405)
OWNER = each("in", 200, 404, 404, 404, 404)
OWNER_LED = each("in", "→", 404, 404, 404, 404)
OWNER_AND_MANAGER = each("in", 200, 404, 200, 404, 404)
OWNER_AND_MANAGER_LED = each("in", "→", 404, "→", 404, 404)
TEAM = each("in", 200, 200, 200, 404, 404)
TEAM_LED = each("in", "→", "→", "→", 404, 404)
# Of one's own team: an outsider and an admin are managers, of theirs.
MANAGERS = each("in", 403, 403, 200, 200, 200)
MANAGERS_LED = each("in", 403, 403, "→", "→", "→")
MANAGER_OF_THIS = each("in", 403, 403, 200, 404, 404)
MANAGER_OF_THIS_LED = each("in", 403, 403, "→", 404, 404)
ANYBODY = (200,) * 6
ANYBODY_NOT_SO = (405,) * 6
ADMIN = each("in", "in", "in", "in", "in", 200)


@dataclass(frozen=True)
class Row:
    get: Answers
    post: Answers
    data: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""


# name → what the six are answered. Grouped as the pages are.
TABLE: dict[str, Row] = {
    "home": Row(EVERYBODY_LED, NOBODY),
    "settings/": Row(EVERYBODY_LED, NOBODY),
    # For a monitor that knows its token, and there at all only if one is set.
    "metrics": Row((404,) * 6, ANYBODY_NOT_SO),
    # 503: in tests nothing sweeps.
    "healthz": Row((503,) * 6, ANYBODY_NOT_SO),
    # --- Settings: one's own ------------------------------------------------
    "accounts:profile": Row(EVERYBODY, EVERYBODY_LED, {"name": "A", "time_zone": ""}),
    "accounts:security": Row(EVERYBODY, NOBODY),
    "accounts:end_session": Row(NOBODY, OWNER_LED),
    "settings:channel": Row(EVERYBODY, NOBODY),
    "settings:connect": Row(EVERYBODY, EVERYBODY),
    "settings:test": Row(OWNER, NOBODY),
    "settings:keep": Row(NOBODY, OWNER_LED),
    "settings:choose": Row(NOBODY, OWNER_LED),
    "settings:disconnect": Row(OWNER, OWNER_LED),
    "settings:identities": Row(EVERYBODY, NOBODY),
    "settings:new_identity": Row(EVERYBODY, EVERYBODY),
    "settings:identity": Row(OWNER, OWNER),
    "settings:verification": Row(OWNER, OWNER_LED),
    "settings:resend": Row(NOBODY, OWNER_LED),
    "settings:make_default": Row(NOBODY, OWNER_LED),
    "settings:delete_identity": Row(OWNER, OWNER_LED),
    # --- Settings: the team's ----------------------------------------------
    "accounts:team": Row(EVERYBODY, MANAGERS),
    "accounts:rename": Row(NOBODY, MANAGERS_LED, {"name": "Sales"}),
    "accounts:history": Row(MANAGERS, each("in", 405, 405, 405, 405, 405)),
    "accounts:promote": Row(NOBODY, MANAGER_OF_THIS_LED),
    "accounts:demote": Row(NOBODY, MANAGER_OF_THIS_LED),
    "accounts:reactivate": Row(NOBODY, MANAGER_OF_THIS_LED),
    "accounts:deactivate": Row(MANAGER_OF_THIS, MANAGER_OF_THIS_LED, {"accepted": "0"}),
    "accounts:revoke": Row(NOBODY, MANAGER_OF_THIS_LED),
    "accounts:invitation": Row(each("→", 200, 200, 200, 200, 200), ANYBODY_NOT_SO),
    "settings:limits": Row(EVERYBODY, MANAGERS_LED, {"kind": "portal", "default": "1"}),
    "suppression:suppressions": Row(EVERYBODY, MANAGERS),
    "suppression:suppression": Row(TEAM, NOBODY),
    # A member may release what only evidence has made; this one bob has made.
    "suppression:release": Row(
        NOBODY, each("in", "→", "→", "→", 404, 404), {"because": "They wrote."}
    ),
    "suppression:resend": Row(NOBODY, TEAM_LED),
    "suppression:domains": Row(EVERYBODY, MANAGERS),
    "suppression:unblock": Row(NOBODY, MANAGER_OF_THIS_LED),
    # --- Conversations -------------------------------------------------------
    "conversations:sent": Row(EVERYBODY, NOBODY),
    "conversations:pending": Row(EVERYBODY, NOBODY),
    "conversations:failed": Row(EVERYBODY, NOBODY),
    "conversations:overview": Row(MANAGERS, NOBODY),
    # Whoever holds the link that was mailed to bob; it does nothing else.
    "conversations:digest-off": Row(ANYBODY, ANYBODY),
    "conversations:causes": Row(EVERYBODY, NOBODY),
    "conversations:offers": Row(EVERYBODY, NOBODY),
    "conversations:layout": Row(NOBODY, EVERYBODY_LED),
    "conversations:save_search": Row(NOBODY, EVERYBODY_LED, {"name": "Mine"}),
    "conversations:remove_search": Row(NOBODY, OWNER_LED),
    "conversations:act": Row(
        OWNER_AND_MANAGER, OWNER_AND_MANAGER_LED, query="delivery={delivery}"
    ),
    "conversations:export": Row(OWNER_AND_MANAGER, NOBODY, query="delivery={delivery}"),
    "conversations:file": Row(OWNER_AND_MANAGER, NOBODY, query="delivery={delivery}"),
    "conversations:job": Row(OWNER_AND_MANAGER, NOBODY),
    "conversations:stop": Row(NOBODY, OWNER_AND_MANAGER_LED),
    "conversations:compose": Row(EVERYBODY, EVERYBODY),
    "conversations:drafts": Row(EVERYBODY, NOBODY),
    "conversations:save_draft": Row(NOBODY, EVERYBODY),
    # What is posted there is a form of one's own, whatever the address says.
    "conversations:draft": Row(OWNER, EVERYBODY),
    "conversations:delete_draft": Row(NOBODY, OWNER_LED),
    "conversations:draft_rows": Row(NOBODY, EVERYBODY_LED),
    "conversations:delete_drafts": Row(OWNER, OWNER_LED, query="draft={draft}"),
    "conversations:restore_drafts": Row(NOBODY, OWNER_LED),
    "conversations:message": Row(OWNER_AND_MANAGER, NOBODY),
    "conversations:body": Row(OWNER_AND_MANAGER, NOBODY),
    "conversations:attachment": Row(OWNER, NOBODY),
    "conversations:take_back": Row(NOBODY, OWNER_LED),
    "conversations:rework": Row(NOBODY, OWNER_LED),
    "conversations:undo": Row(NOBODY, OWNER_LED),
    "conversations:resend": Row(NOBODY, OWNER_AND_MANAGER_LED),
    "conversations:close-alert": Row(NOBODY, MANAGER_OF_THIS_LED),
    "conversations:report": Row(OWNER_AND_MANAGER, NOBODY),
    # --- Practice mode -------------------------------------------------------
    "practice:arrived": Row(EVERYBODY, NOBODY),
    "practice:mail": Row(OWNER_AND_MANAGER, NOBODY),
    "practice:raw": Row(OWNER_AND_MANAGER, NOBODY),
    "practice:attachment": Row(OWNER_AND_MANAGER, NOBODY),
}

# Pages of allauth that are there for whoever is not signed in. All others, and those
# that a later allauth adds, lead them to the sign-in.
ENTRANCE = {
    "account_login",
    "account_signup",
    "account_inactive",
    "account_email_verification_sent",
    "account_confirm_email",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_logout",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "google_login_by_token",
    "accounts/<slug:provider>/login/token/",
    "socialaccount_login_cancelled",
    "socialaccount_login_error",
    "socialaccount_signup",
    # Ours, in the place of allauth's: to Google's consent page and back.
    "accounts/<slug:provider>/login/",
    "accounts/<slug:provider>/login/callback/",
    "google_login",
    "google_callback",
}
OPEN: set[int | str] = {200, "in", "→", 400, 401, 404, 405}
PLACES: dict[str, dict[str, Any]] = {
    "account_confirm_email": {"key": "x"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "x"},
    "mfa_remove_webauthn": {"pk": 1},
    "mfa_edit_webauthn": {"pk": 1},
}


# --- What there is -----------------------------------------------------------


def addresses(
    resolver: URLResolver | None = None, route: str = "", spaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Yield each pattern's name with its namespaces, or else its route; and the route."""
    for each in (resolver or get_resolver()).url_patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLPattern):
            yield (":".join((*spaces, each.name)) if each.name else here), here
        else:
            more = (each.namespace,) if each.namespace else ()
            yield from addresses(each, here, (*spaces, *more))


def of_allauth(route: str) -> bool:
    return route.startswith("accounts/") and not route.startswith(
        "accounts/invitations/"
    )


OURS = {
    name
    for name, route in addresses()
    if not of_allauth(route) and not route.startswith("admin/")
}
ALLAUTHS = sorted({name for name, route in addresses() if of_allauth(route)})
ADMINS = sorted({route for _, route in addresses() if route.startswith("admin/")})
# What a route leaves open: <int:pk>, or a group of a regular expression.
IN_ROUTES = re.compile(r"<[^>]+>|\(\?P<[^)]*\)|\^")
NOT_BY_HAND: set[int | str] = {403}  # records are added and changed by nobody


@dataclass
class World:
    """The six, signed in, and a row of alice's for each address that needs one."""

    clients: dict[str, Client]
    places: dict[str, list[Any]]
    chosen: dict[str, UUID]  # what a query names

    def ask(self, person: str, method: str, path: str, data: Any = None) -> int | str:
        """Return the status, or where a redirect leads; undo what it did."""
        with transaction.atomic():
            answer = getattr(self.clients[person], method)(path, data)
            transaction.set_rollback(True)
        if answer.status_code not in {301, 302}:
            return int(answer.status_code)
        return "in" if answer["Location"].startswith(SIGN_IN) else "→"


@pytest.fixture
def world(
    alice: User,
    bob: User,
    charlie: User,
    as_user: Callable[[User], Client],
    make_delivery: Callable[..., Delivery],
) -> World:
    failed = make_delivery(alice, state=State.FAILED, reason="address_unknown")
    waiting = make_delivery(alice, "ben@customer.test")
    submission = uuid4()
    type(waiting.message).objects.filter(pk=waiting.message_id).update(
        submission=submission
    )
    channel = Channel.objects.create(
        kind="smtp", owner=alice, config={"host": "smtp.acme.test", "port": "587"}
    )
    tested = ConnectionTest.objects.create(
        user=alice,
        kind="smtp",
        sender=alice.email,
        state=ConnectionTest.State.PASSED,
        config=channel.config,
    )
    identity = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Alice"
    )
    token = invite(manager=bob, email="new@acme.test")
    draft = Draft.objects.create(owner=alice, subject="Half")
    deleted = Draft.objects.create(owner=alice, subject="Deleted")
    file = Attachment.objects.create(
        owner=alice,
        name="a.txt",
        content_type="text/plain",
        size=1,
        digest="0" * 64,
        content=b"a",
    )
    mail = PracticeMail.objects.create(
        envelope_recipient=failed.recipient,
        return_token=failed.return_token,
        raw=WITH_A_FILE,
    )
    search = SavedSearch.objects.create(
        owner=alice, team=alice.team, name="Hers", tab="sent"
    )
    job = BulkJob.objects.create(by=alice, team=alice.team, action="archive")
    alert = Alert.objects.create(
        team=bob.team,
        reason="sender_blocked",
        remote="bigco.test",
        since=failed.state_since,
        latest=failed.state_since,
    )
    report = Report.objects.create(
        return_token=failed.return_token,
        digest="0" * 64,
        raw=b"Subject: x\r\n\r\n",
        source="smtp",
        delivery=failed,
    )
    suppression = suppress_address("x@customer.test", by=bob, note="")
    domain = block_domain("bigco.test", by=bob, note="")
    elsewhere = UserSession.objects.create(
        user=alice, ip="192.0.2.1", session_key="elsewhere", user_agent="Firefox"
    )
    of_identity: list[Any] = [identity.uuid]
    places: dict[str, list[Any]] = {
        "settings:connect": ["smtp"],
        "settings:test": [tested.uuid],
        "settings:keep": [tested.uuid],
        "settings:choose": [channel.uuid],
        "settings:disconnect": [channel.uuid],
        "settings:identity": of_identity,
        "settings:resend": of_identity,
        "settings:make_default": of_identity,
        "settings:delete_identity": of_identity,
        "settings:verification": [link_to_verify(identity).rstrip("/").split("/")[-1]],
        **{
            f"accounts:{name}": [alice.pk]
            for name in ("promote", "demote", "deactivate", "reactivate")
        },
        "accounts:end_session": [elsewhere.pk],
        "accounts:revoke": [bob.team.invitations.get().token_digest],
        "accounts:invitation": [token],
        "suppression:suppression": [suppression.uuid],
        "suppression:release": [suppression.uuid],
        "suppression:resend": [suppression.uuid],
        "suppression:unblock": [domain.uuid],
        "conversations:digest-off": [
            link_to_switch_off(bob).rstrip("/").split("/")[-1]
        ],
        "conversations:layout": ["failed"],
        "conversations:save_search": ["failed"],
        "conversations:remove_search": [search.pk],
        "conversations:act": ["archive"],
        "conversations:job": [job.uuid],
        "conversations:stop": [job.uuid],
        "conversations:draft": [draft.uuid],
        "conversations:delete_draft": [draft.uuid],
        "conversations:restore_drafts": [
            drafting.delete(Draft.objects.filter(pk=deleted.pk)).mark
        ],
        "conversations:message": [failed.message.uuid],
        "conversations:body": [failed.message.uuid],
        "conversations:attachment": [file.uuid],
        "conversations:take_back": [waiting.message.uuid],
        "conversations:rework": [failed.uuid],
        "conversations:undo": [submission],
        "conversations:resend": [failed.channel.uuid],
        "conversations:close-alert": [alert.uuid],
        "conversations:report": [report.uuid],
        "practice:mail": [mail.uuid],
        "practice:raw": [mail.uuid],
        "practice:attachment": [mail.uuid, 0],
    }
    people = {
        "member": alice,
        "mate": person("Dana", team_of=bob),
        "manager": bob,
        "outsider": charlie,
        "admin": User.objects.create_superuser("root@portal.test", "x", "Root"),
    }
    clients = {name: as_user(user) for name, user in people.items()}
    chosen = {"delivery": failed.uuid, "draft": draft.uuid}
    return World({"anonymous": Client(), **clients}, places, chosen)


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


# --- Who is answered what ----------------------------------------------------


def test_every_address_is_in_the_table_and_nothing_else() -> None:
    assert TABLE.keys() == OURS


@pytest.mark.parametrize("name", TABLE)
def test_each_of_six_people_is_answered_as_the_table_says(
    name: str, world: World
) -> None:
    row = TABLE[name]
    path = f"/{name}" if "/" in name else reverse(name, args=world.places.get(name))
    path += f"?{row.query.format(**world.chosen)}" if row.query else ""
    got = tuple(world.ask(who, "get", path) for who in PEOPLE)
    posted = tuple(world.ask(who, "post", path, dict(row.data)) for who in PEOPLE)
    assert (got, posted) == (row.get, row.post)
    for method in ("put", "patch", "delete"):
        for who in PEOPLE:
            assert world.ask(who, method, path) in {"in", 405}, (method, who)


@pytest.mark.parametrize("name", ALLAUTHS)
def test_of_allauth_s_pages_only_the_entrance_is_open(name: str, world: World) -> None:
    path = (
        "/" + name.replace("<slug:provider>", "google")
        if "/" in name
        else reverse(name, kwargs=PLACES.get(name))
    )
    for method in ("get", "post"):
        answer = world.ask("anonymous", method, path)
        if name in ENTRANCE:
            assert answer in OPEN, (method, answer)
        else:
            assert answer == "in", method
        assert world.ask("member", method, path) in OPEN


@pytest.mark.parametrize("route", ADMINS)
def test_django_admin_is_the_admin_s_alone(route: str, world: World) -> None:
    path = "/" + IN_ROUTES.sub("1", route).rstrip("$")
    for method in ("get", "post"):
        answers = {world.ask(who, method, path) for who in PEOPLE[:-1]}
        # Signing out leads to the admin's first page, as for whoever has no session.
        assert answers <= {"in", 403} | ({"→"} if "logout" in route else set()), method
    assert world.ask("admin", "get", path) in {200, "→", 404, 405} | NOT_BY_HAND
