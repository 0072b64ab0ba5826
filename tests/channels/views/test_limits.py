from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from channels.models import SendingLimit
from channels.transports import Pace, all_transports
from deliveryportal.accounts.models import User

PAGE = "/settings/team/limits/"
DEFAULT = "25 messages every 45 seconds"
AsUser = Callable[[User], Client]
FORM = {"kind": "smtp", "messages": "10", "seconds": "60", "per_day": "200"}


def html(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


def test_every_kind_of_channel_has_its_limit(as_user: AsUser, bob: User) -> None:
    page = html(as_user(bob).get(PAGE))
    for kind, transport in all_transports().items():
        assert f'<h2 id="limit-{kind}">{transport.traits.label}</h2>' in page
        assert f'name="kind" value="{kind}"' in page
    assert "<strong>No limit.</strong>" in page
    assert f"<strong>{DEFAULT}.</strong>" in page


def test_a_manager_changes_a_limit(as_user: AsUser, bob: User) -> None:
    page = html(as_user(bob).post(PAGE, FORM, follow=True))
    assert "The limit of Custom SMTP server is saved." in page
    assert "10 messages every 60 seconds and 200 messages a day." in page
    stored = SendingLimit.objects.get()
    assert (stored.team, stored.kind) == (bob.team, "smtp")
    assert stored.pace == Pace(messages=10, seconds=60, per_day=200)


def test_empty_is_unlimited(as_user: AsUser, bob: User) -> None:
    form = {"kind": "smtp", "messages": "", "seconds": "", "per_day": ""}
    page = html(as_user(bob).post(PAGE, form, follow=True))
    assert SendingLimit.objects.get().pace == Pace()
    assert "Set by your managers" in page


def test_the_default_is_named_and_can_be_had_back(as_user: AsUser, bob: User) -> None:
    client = as_user(bob)
    assert "Use the default" not in html(client.get(PAGE))
    client.post(PAGE, FORM)
    page = html(client.get(PAGE))
    assert f'Use the default</button> <span class="muted">{DEFAULT}</span>' in page
    page = html(client.post(PAGE, {"kind": "smtp", "default": "1"}, follow=True))
    assert "Custom SMTP server has its default limit again." in page
    assert not SendingLimit.objects.exists()
    assert f"<strong>{DEFAULT}.</strong>" in page


def test_saving_what_the_page_shows_changes_nothing_that_holds(
    as_user: AsUser, bob: User
) -> None:
    for kind, transport in all_transports().items():
        pace = transport.traits.pace
        shown = {
            "messages": pace.messages or "",
            "seconds": pace.seconds,
            "per_day": pace.per_day or "",
        }
        as_user(bob).post(PAGE, {"kind": kind, **shown})
        assert SendingLimit.objects.get(kind=kind).pace == pace


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", "0"),
        ("messages", "-1"),
        ("messages", "many"),
        ("messages", "99999999999999999999"),
        ("seconds", "0"),
        ("seconds", "3601"),
        ("per_day", "0"),
        ("per_day", "1.5"),
    ],
)
def test_nonsense_is_refused_beside_its_field(
    as_user: AsUser, bob: User, field: str, value: str
) -> None:
    page = html(as_user(bob).post(PAGE, {**FORM, field: value}))
    assert f'id="id_smtp_{field}_error"' in page
    assert not SendingLimit.objects.exists()
    assert f"<strong>{DEFAULT}.</strong>" in page, "what holds is still told"


def test_there_is_no_limit_of_a_kind_that_does_not_exist(
    as_user: AsUser, bob: User
) -> None:
    for kind in ("pigeon", "", "\0"):
        assert as_user(bob).post(PAGE, {**FORM, "kind": kind}).status_code == 404


def test_a_member_reads_it_and_changes_nothing(as_user: AsUser, alice: User) -> None:
    client = as_user(alice)
    page = html(client.get(PAGE))
    assert DEFAULT in page
    assert "Save" not in page
    assert client.post(PAGE, FORM).status_code == 403
    assert not SendingLimit.objects.exists()


def test_another_teams_manager_changes_only_their_own(
    as_user: AsUser, bob: User, charlie: User
) -> None:
    as_user(bob).post(PAGE, FORM)
    as_user(charlie).post(PAGE, {**FORM, "messages": "1", "team": bob.team_id})
    as_user(charlie).post(PAGE, {"kind": "smtp", "default": "1", "team": bob.team_id})
    assert SendingLimit.objects.get().pace.messages == 10
    assert "10 messages" not in html(as_user(charlie).get(PAGE))


def test_settings_lead_there(as_user: AsUser, alice: User, bob: User) -> None:
    link = f'href="{PAGE}"'
    assert link in html(as_user(alice).get("/settings/team/"))
    assert link in html(as_user(bob).get("/settings/channel/"))
    assert link not in html(as_user(alice).get("/settings/channel/"))


def test_the_cards_tell_the_limit_in_force(
    as_user: AsUser, alice: User, bob: User, charlie: User
) -> None:
    as_user(bob).post(PAGE, FORM)
    page = html(as_user(alice).get("/settings/channel/"))
    said = "10 messages every 60 seconds and 200 messages a day: your managers decided"
    assert said in page
    assert "No limit, unless your managers decide otherwise." in page
    page = html(as_user(charlie).get("/settings/channel/"))
    assert f"{DEFAULT}, unless your managers decide otherwise. More waits." in page


def test_a_stranger_is_led_to_the_sign_in(client: Client, db: None) -> None:
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")


def test_the_wrong_method_is_refused(as_user: AsUser, bob: User) -> None:
    assert as_user(bob).put(PAGE).status_code == 405
    assert as_user(bob).delete(PAGE).status_code == 405
