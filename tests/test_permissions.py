"""Who may what: every address of the portal and every method, for six people. Tables.

Each row says what anonymous, a member, her team mate, her manager, a manager of another
team and an admin are answered to GET, and to POST. What they ask for is alice's, of bob's
team. After a comma stands which of its rows it is, or which value, where a part of the
address has a few: each value has a row. HEAD is answered as GET. PUT, PATCH, DELETE and
OPTIONS are refused, or do no more than GET and POST. What is not in the tables fails.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from channels.transports import all_transports
from conversations.lists.folders import FOLDERS
from conversations.triage.actions import ACTIONS
from deliveryportal.accounts.models import Team
from tests.conftest import with_google
from tests.peers.google import CLIENT_ID, CLIENT_SECRET
from tests.six_people import PEOPLE, Answer, World
from tests.six_people import world as six_people
from tests.test_admin import Rows

# Answers, one for each of PEOPLE. "in" leads to the sign-in, "→" anywhere else; 405 is
# given by the method before anything is asked about the person.
Answers = tuple[Answer, ...]


def each(*answers: Answer) -> Answers:
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
MANAGERS_REFUSED_THIS = each("in", 403, 403, 403, 404, 404)
MANAGER_ALONE = each("in", 404, 404, 200, 404, 404)
MANAGER_ALONE_LED = each("in", 404, 404, "→", 404, 404)
NOT_THERE = each("in", 404, 404, 404, 404, 404)
ANYBODY = (200,) * 6
ANYBODY_NOT_SO = (405,) * 6
NEWCOMERS = each(200, "→", "→", "→", "→", "→")


def admin_alone(answer: Answer) -> Answers:
    return each("in", "in", "in", "in", "in", answer)


ADMIN = admin_alone(200)
ADMIN_NOT_SO = admin_alone(405)


@dataclass(frozen=True)
class Row:
    get: Answers
    post: Answers
    data: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""


def act(on: str, **data: str) -> Row:
    """An action on a delivery in a state that it is for; the data that it asks for."""
    query = f"delivery={{{on}}}"
    return Row(OWNER_AND_MANAGER, OWNER_AND_MANAGER_LED, data, query)


def limit(kind: str) -> Row:
    return Row(EVERYBODY, MANAGERS_LED, {"kind": kind, "default": "1"})


SAVED = Row(NOBODY, EVERYBODY_LED, {"name": "Mine"})
RELEASED = {"because": "They wrote."}
LOOKED_UP = "app_label=accounts&model_name=user&field_name=team"

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
    # Nothing is asked for the one, and the other asks at Google's.
    "settings:connect, portal": Row(NOT_THERE, NOT_THERE),
    "settings:connect, gmail": Row(NOT_THERE, NOT_THERE),
    "settings:connect, smtp": Row(EVERYBODY, EVERYBODY),
    "settings:connect, smtp for the team": Row(MANAGERS, MANAGERS, query="team=1"),
    "settings:test": Row(OWNER, NOBODY),
    "settings:test, for the team": Row(MANAGER_ALONE, NOBODY),
    "settings:keep": Row(NOBODY, OWNER_LED),
    "settings:keep, for the team": Row(NOBODY, MANAGER_ALONE_LED),
    "settings:choose": Row(NOBODY, OWNER_LED),
    "settings:choose, the team’s": Row(NOBODY, TEAM_LED),
    "settings:disconnect": Row(OWNER, OWNER_LED),
    "settings:disconnect, the team’s": Row(MANAGER_ALONE, MANAGER_ALONE_LED),
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
    # The access of admins is kept in Django admin.
    "accounts:reactivate, an admin": Row(NOBODY, MANAGERS_REFUSED_THIS),
    "accounts:deactivate": Row(MANAGER_OF_THIS, MANAGER_OF_THIS_LED, {"accepted": "0"}),
    "accounts:revoke": Row(NOBODY, MANAGER_OF_THIS_LED),
    "accounts:invitation": Row(each("→", 200, 200, 200, 200, 200), ANYBODY_NOT_SO),
    "settings:limits, of Portal servers": limit("portal"),
    "settings:limits, of Gmail": limit("gmail"),
    "settings:limits, of an SMTP server": limit("smtp"),
    "suppression:suppressions": Row(EVERYBODY, MANAGERS),
    "suppression:suppression": Row(TEAM, NOBODY),
    # A member may release what only the evidence of their own mail has made.
    "suppression:release, made by bob": Row(NOBODY, TEAM_LED, RELEASED),
    "suppression:release, made by her mail": Row(NOBODY, TEAM_LED, RELEASED),
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
    **{f"conversations:layout, {tab}": Row(NOBODY, EVERYBODY_LED) for tab in FOLDERS},
    **{f"conversations:save_search, {tab}": SAVED for tab in FOLDERS},
    "conversations:remove_search": Row(NOBODY, OWNER_LED),
    # The team sees it.
    "conversations:remove_search, shared": Row(
        NOBODY, each("in", "→", 403, "→", 404, 404)
    ),
    "conversations:act, retry": act("failed"),
    "conversations:act, again": act("accepted", anyway="on"),
    "conversations:act, other-channel": act("failed", channel="{portal}"),
    "conversations:act, correct": act("failed", **{"address-{failed}": "b@acme.test"}),
    "conversations:act, arrived": act("unconfirmed"),
    "conversations:act, not-arrived": act("unconfirmed"),
    "conversations:act, decide": act("failed", decision="waiting"),
    "conversations:act, cancel": act("waiting"),
    "conversations:act, archive": act("failed"),
    "conversations:act, unarchive": act("archived"),
    "conversations:act, delete": act("archived"),
    "conversations:export": Row(OWNER_AND_MANAGER, NOBODY, query="delivery={failed}"),
    "conversations:file": Row(OWNER_AND_MANAGER, NOBODY, query="delivery={failed}"),
    "conversations:job": Row(OWNER_AND_MANAGER, NOBODY),
    "conversations:stop": Row(NOBODY, OWNER_AND_MANAGER_LED),
    "conversations:compose": Row(EVERYBODY, EVERYBODY),
    "conversations:seen": Row(NOBODY, EVERYBODY),
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
    "conversations:attachment, of a draft": Row(OWNER, NOBODY),
    "conversations:attachment, sent": Row(OWNER_AND_MANAGER, NOBODY),
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

# allauth's pages. Only the entrance is open; the others are about who is signed in.
ALLAUTH: dict[str, Row] = {
    # --- The entrance --------------------------------------------------------
    "account_login": Row(NEWCOMERS, NEWCOMERS),
    "account_signup": Row(NEWCOMERS, NEWCOMERS),
    "account_inactive": Row(ANYBODY, ANYBODY_NOT_SO),
    "account_email_verification_sent": Row(ANYBODY, ANYBODY_NOT_SO),
    # By links out of a mail; these were never in one, and the pages say so.
    "account_confirm_email": Row(ANYBODY, (404,) * 6),
    "account_reset_password_from_key": Row(ANYBODY, ANYBODY),
    "account_reset_password": Row(ANYBODY, ANYBODY),
    "account_reset_password_done": Row(ANYBODY, ANYBODY_NOT_SO),
    "account_reset_password_from_key_done": Row(ANYBODY, ANYBODY_NOT_SO),
    "account_logout": Row(each("→", 200, 200, 200, 200, 200), ("→",) * 6),
    # Half-way through a sign-in only, which nobody here is.
    "account_confirm_login_code": Row(EVERYBODY_LED, EVERYBODY_LED),
    "mfa_authenticate": Row(EVERYBODY_LED, EVERYBODY_LED),
    "mfa_login_webauthn": Row(EVERYBODY_LED, EVERYBODY_LED),
    "socialaccount_signup": Row(("in",) * 6, ("in",) * 6),
    # --- One's own account ---------------------------------------------------
    "account_email": Row(EVERYBODY, EVERYBODY_LED),
    "account_change_password": Row(EVERYBODY, EVERYBODY),
    "account_set_password": Row(EVERYBODY_LED, EVERYBODY_LED),
    "account_reauthenticate": Row(EVERYBODY, EVERYBODY),
    "usersessions_list": Row(EVERYBODY, EVERYBODY_LED),
    "mfa_index": Row(EVERYBODY, NOBODY),
    "mfa_activate_totp": Row(EVERYBODY, EVERYBODY),
    "mfa_deactivate_totp": Row(NOT_THERE, NOT_THERE),
    "mfa_reauthenticate": Row(EVERYBODY_LED, EVERYBODY_LED),
    "mfa_view_recovery_codes": Row(NOT_THERE, NOBODY),
    "mfa_download_recovery_codes": Row(NOT_THERE, NOT_THERE),
    # The member has a passkey, and so may have codes.
    "mfa_generate_recovery_codes": Row(EVERYBODY, each("in", "→", 200, 200, 200, 200)),
    "mfa_list_webauthn": Row(EVERYBODY, NOBODY),
    "mfa_add_webauthn": Row(EVERYBODY, EVERYBODY),
    "mfa_edit_webauthn": Row(OWNER, OWNER),
    "mfa_remove_webauthn": Row(OWNER, OWNER_LED),
    # What was posted is no passkey's word.
    "mfa_reauthenticate_webauthn": Row(
        each("in", 200, "→", "→", "→", "→"), each("in", "in", "→", "→", "→", "→")
    ),
    # --- Google: to connect Gmail, and here not to sign in -------------------
    "accounts/<slug:provider>/login/, google": Row((404,) * 6, (404,) * 6),
    "accounts/<slug:provider>/login/, google to connect": Row(
        (405,) * 6, EVERYBODY_LED, query="process=connect"
    ),
    # Back from nowhere: led to Settings, and from there to the sign-in.
    "accounts/<slug:provider>/login/callback/, google": Row(("→",) * 6, ANYBODY_NOT_SO),
    "accounts/<slug:provider>/login/token/, google": Row((404,) * 6, (404,) * 6),
    "accounts/3rdparty/": Row(EVERYBODY_LED, EVERYBODY_LED),
    # These are allauth's own, at the addresses of ours, which come first.
    "google_login": Row((404,) * 6, (404,) * 6),
    "google_callback": Row(("→",) * 6, ANYBODY_NOT_SO),
    "google_login_by_token": Row((404,) * 6, (404,) * 6),
    "socialaccount_connections": Row(EVERYBODY_LED, EVERYBODY_LED),
    "socialaccount_login_cancelled": Row(ANYBODY, ANYBODY_NOT_SO),
    "socialaccount_login_error": Row(each("in", 401, 401, 401, 401, 401), NOBODY),
    "accounts/social/connections/": Row(EVERYBODY_LED, EVERYBODY_LED),
    "accounts/social/login/cancelled/": Row(EVERYBODY_LED, EVERYBODY_LED),
    "accounts/social/login/error/": Row(EVERYBODY_LED, EVERYBODY_LED),
    "accounts/social/signup/": Row(EVERYBODY_LED, EVERYBODY_LED),
}

# What the admin may do with the rows of each model, beside looking at them; all others
# are led to the sign-in. What the machine writes down is changed by nobody.
WRITTEN_DOWN = ""
ADMIN_MAY: dict[str, str] = {
    "account.emailaddress": "add change delete",
    "accounts.auditentry": WRITTEN_DOWN,
    "accounts.invitation": "delete",
    "accounts.team": "add change delete",
    "accounts.user": "add change",
    "mfa.authenticator": "delete",
    "usersessions.usersession": "delete",
    "channels.allowance": "delete",
    "channels.channel": WRITTEN_DOWN,
    "channels.channelchoice": "add change delete",
    "channels.connectiontest": "delete",
    "channels.emailidentity": "add change delete",
    "channels.farendsession": "delete",
    "channels.sendinglimit": "add change delete",
    "channels.verificationmail": "delete",
    "conversations.alert": WRITTEN_DOWN,
    "conversations.attachment": WRITTEN_DOWN,
    "conversations.bulkitem": WRITTEN_DOWN,
    "conversations.bulkjob": WRITTEN_DOWN,
    "conversations.causechange": WRITTEN_DOWN,
    "conversations.causetally": WRITTEN_DOWN,
    "conversations.conversation": WRITTEN_DOWN,
    "conversations.delivery": WRITTEN_DOWN,
    "conversations.deliveryevent": WRITTEN_DOWN,
    "conversations.digest": WRITTEN_DOWN,
    "conversations.draft": WRITTEN_DOWN,
    "conversations.evidence": WRITTEN_DOWN,
    "conversations.heartbeat": WRITTEN_DOWN,
    "conversations.hold": "add",
    "conversations.lane": WRITTEN_DOWN,
    "conversations.message": WRITTEN_DOWN,
    "conversations.report": WRITTEN_DOWN,
    "conversations.savedsearch": "delete",
    "conversations.suppression": WRITTEN_DOWN,
    "conversations.tablayout": "delete",
    "conversations.tally": WRITTEN_DOWN,
    "conversations.tallymark": WRITTEN_DOWN,
    "conversations.total": WRITTEN_DOWN,
    "practice.practicemail": WRITTEN_DOWN,
}


def rows_of_admin(may: Container[str]) -> dict[str, Row]:
    """Of the pages that Django admin has for a model."""
    looks = admin_alone(200)
    added = admin_alone(200 if "add" in may else 403)
    changed = admin_alone(200 if "change" in may else 403)
    asked, deleted = (200, "→") if "delete" in may else (403, 403)
    return {
        "changelist": Row(looks, looks),
        "add": Row(added, added),
        "change": Row(looks, changed),
        "history": Row(looks, looks),
        "delete": Row(admin_alone(asked), admin_alone(deleted), {"post": "yes"}),
        "of old": Row(admin_alone("→"), admin_alone("→")),
    }


APPS = sorted({label.partition(".")[0] for label in ADMIN_MAY})

# The pages of Django admin that are not of a model's rows.
ADMIN_PAGES: dict[str, Row] = {
    "admin:index": Row(ADMIN, ADMIN),
    **{f"admin:app_list, {app}": Row(ADMIN, ADMIN) for app in APPS},
    "admin:search": Row(ADMIN, ADMIN),
    "admin:autocomplete": Row(ADMIN, ADMIN_NOT_SO, query=LOOKED_UP),
    "admin:jsi18n": Row(ADMIN, ADMIN_NOT_SO),
    # In and out by the entrance of all.
    "admin:login": Row(
        each("in", 403, 403, 403, 403, "→"), each("in", 403, 403, 403, 403, 200)
    ),
    "admin:logout": Row(
        each("in", "→", "→", "→", "→", 405), each("in", "→", "→", "→", "→", 200)
    ),
    "admin:password_change": Row(admin_alone("→"), admin_alone("→")),
    "admin:password_change_done": Row(ADMIN, ADMIN_NOT_SO),
    "admin:auth_user_password_change": Row(ADMIN, ADMIN),
    "admin:conversations_report_download": Row(ADMIN, ADMIN),
    # No row of ours has a page of its own there.
    "admin:view_on_site": Row(admin_alone(404), admin_alone(404)),
    "admin/(?P<url>.*)$": Row(admin_alone(404), admin_alone(404)),
}

# Parts of addresses that are one of a few words: each has a row, none else is there.
GOOGLE = {each.oauth_provider for each in all_transports().values()} - {""}
VALUES: dict[str, set[str]] = {
    "settings:connect": set(all_transports()),
    "conversations:act": set(ACTIONS),
    "conversations:layout": set(FOLDERS),
    "conversations:save_search": set(FOLDERS),
    "accounts/<slug:provider>/login/": GOOGLE,
    "accounts/<slug:provider>/login/callback/": GOOGLE,
    "accounts/<slug:provider>/login/token/": GOOGLE,
    "admin:app_list": set(APPS),
}


# --- What there is -----------------------------------------------------------


def name_of(key: str) -> str:
    return key.partition(", ")[0]


def value_of(key: str) -> str:
    return key.partition(", ")[2].partition(" ")[0]


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


def of_admin(route: str) -> bool:
    return route.startswith("admin/")


def pages_of(label: str) -> dict[str, str]:
    """The addresses of a model's pages in Django admin, and which each is."""
    model, pages = label.replace(".", "_"), ("changelist", "add", *OF_A_ROW)
    return {
        **{f"admin:{model}_{page}": page for page in pages},
        f"admin/{label.replace('.', '/')}/<path:object_id>/": "of old",
    }


OF_A_ROW = ("change", "history", "delete")
# What a route leaves open: <int:pk>, or a group of a regular expression.
IN_ROUTES = re.compile(r"<[^>]+>|\(\?P<[^)]*\)")
ROUTES = sorted(addresses())
OURS = [each for each in ROUTES if not (of_allauth(each[1]) or of_admin(each[1]))]
ALLAUTHS = [each for each in ROUTES if of_allauth(each[1])]
ADMINS = [each for each in ROUTES if of_admin(each[1])]
# Answered alike whatever the address says: with a form of one's own, or with words on a
# link that was in no mail.
ALIKE = {
    "conversations:draft",
    "account_confirm_email",
    "account_reset_password_from_key",
}
OPEN = [
    key
    for key in TABLE | ALLAUTH
    if IN_ROUTES.search(dict(ROUTES)[name_of(key)]) and key not in ALIKE
]
OTHER_METHODS = ("put", "patch", "delete", "options")


# --- How it is asked ---------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once: what anybody does in it is undone at once."""
    google = {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "SOCIALACCOUNT_PROVIDERS": with_google(settings.SOCIALACCOUNT_PROVIDERS),
    }
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        override_settings(**google, ACCOUNT_REAUTHENTICATION_TIMEOUT=3600),
    ):
        found = six_people()
        Rows(made=1000).add(1)
        Team.objects.create(name="Nobody's")
        yield found
        transaction.set_rollback(True)


def path_of(key: str, world: World, query: str = "", *, nobodys: bool = False) -> str:
    places = places_of(key, world)
    if nobodys:
        places = [nobodys_instead_of(each) for each in places]
    path = path_to(name_of(key), places)
    return f"{path}?{world.filled(query)}" if query else path


def path_to(name: str, places: Sequence[Any]) -> str:
    if "/" not in name:
        return reverse(name, args=places)
    return "/" + IN_ROUTES.sub(lambda _: str(places[0]), name).rstrip("$")


def places_of(key: str, world: World) -> Sequence[Any]:
    if name_of(key) in VALUES:
        return [value_of(key)]
    return world.places.get(key) or world.places.get(name_of(key), [])


def nobodys_instead_of(place: Any) -> Any:
    if isinstance(place, UUID):
        return uuid4()
    return 987_654_321 if isinstance(place, int) else "nonsense"


def assert_as_in(row: Row, path: str, world: World) -> None:
    data = {world.filled(name): world.filled(to) for name, to in row.data.items()}
    got, posted = world.ask_each("get", path), world.ask_each("post", path, data)
    assert (got, posted) == (row.get, row.post)


def assert_no_more_than_in(row: Row, path: str, world: World) -> None:
    for method in ("head", *OTHER_METHODS):
        # PUT is read as a POST without a form, OPTIONS answered by what there is.
        more = {405, 200} if method == "options" else {405}
        for who, got, posted in zip(PEOPLE, row.get, row.post, strict=True):
            assert world.ask(who, method, path) in {got, posted, *more}, (method, who)


# --- The tables are whole ----------------------------------------------------


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert {name_of(key) for key in TABLE} == {name for name, _ in OURS}
    assert {name_of(key) for key in ALLAUTH} == {name for name, _ in ALLAUTHS}
    of_models = {name for label in ADMIN_MAY for name in pages_of(label)}
    others = {name_of(key) for key in ADMIN_PAGES}
    assert of_models | others == {name for name, _ in ADMINS}


def test_no_two_addresses_share_a_row() -> None:
    names = [name for name, _ in ROUTES]
    assert sorted(set(names)) == names


def test_every_word_that_an_address_may_hold_has_a_row() -> None:
    for name, words in VALUES.items():
        rows = [key for key in (TABLE | ALLAUTH | ADMIN_PAGES) if name_of(key) == name]
        assert {value_of(key) for key in rows} == words, name


def test_whatever_else_an_address_leaves_open_is_a_row_s(world: World) -> None:
    """Of a new address with a word in it, one has to say which words there are."""
    rows_of = {name_of(key) for key in world.places}
    for name, route in [*OURS, *ALLAUTHS]:
        assert not IN_ROUTES.search(route) or name in rows_of or name in VALUES, name


# --- Who is answered what ----------------------------------------------------


@pytest.mark.parametrize("key", TABLE)
def test_each_of_six_people_is_answered_as_the_table_says(
    key: str, world: World
) -> None:
    row = TABLE[key]
    path = path_of(key, world, row.query)
    assert_as_in(row, path, world)
    assert world.ask_each("head", path) == row.get
    for method in OTHER_METHODS:
        anonymous, *others = world.ask_each(method, path)
        assert anonymous in {"in", 405}, method
        assert set(others) == {405}, method


@pytest.mark.parametrize("key", ALLAUTH)
def test_of_allauth_s_pages_only_the_entrance_is_open(key: str, world: World) -> None:
    row = ALLAUTH[key]
    path = path_of(key, world, row.query)
    assert_as_in(row, path, world)
    assert_no_more_than_in(row, path, world)


@pytest.mark.parametrize("label", ADMIN_MAY)
def test_the_rows_of_a_model_are_the_admin_s_to_look_at_or_change(
    label: str, world: World
) -> None:
    latest = apps.get_model(label)._default_manager.order_by("-pk")[0]
    rows = rows_of_admin(ADMIN_MAY[label].split())
    for name, page in pages_of(label).items():
        places = [] if page in {"changelist", "add"} else [latest.pk]
        path = path_to(name, places)
        assert_as_in(rows[page], path, world)
        for method in ("head", *OTHER_METHODS):
            assert world.ask_each(method, path) == rows[page].get, (page, method)


@pytest.mark.parametrize("key", ADMIN_PAGES)
def test_django_admin_is_the_admin_s_alone(key: str, world: World) -> None:
    path = path_of(key, world, ADMIN_PAGES[key].query)
    assert_as_in(ADMIN_PAGES[key], path, world)
    assert_no_more_than_in(ADMIN_PAGES[key], path, world)


@pytest.mark.parametrize("key", OPEN)
def test_what_there_is_not_is_not_told_from_what_is_somebody_else_s(
    key: str, world: World
) -> None:
    row = (TABLE | ALLAUTH)[key]
    path = path_of(key, world, row.query, nobodys=True)
    for method, answers in {"get": row.get, "post": row.post}.items():
        of_alice = answers[PEOPLE.index("outsider")]
        answer = world.ask("outsider", method, path, dict(row.data))
        assert answer in {404, 410} | ({of_alice} & {403, 405}), method
