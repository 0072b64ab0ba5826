"""The audit log: every change lands in it, and nothing changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from allauth.usersessions.models import UserSession
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from channels.connecting import connected
from channels.connection_testing import begin_test
from channels.disconnecting import disconnect
from channels.models import Channel, EmailIdentity
from conversations.models import Alert, BulkJob, Delivery, SavedSearch, Suppression
from conversations.models.state import State
from conversations.suppressing import evidence_of, suppress_for
from conversations.triage.bulk import turn
from conversations.watching.alerting import Refusal, raise_alerts
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import AuditEntry, User
from deliveryportal.accounts.models.audit import UnchangeableError

AsUser = Callable[[User], Client]


def last(**narrowed: Any) -> AuditEntry:
    entry = AuditEntry.objects.filter(**narrowed).order_by("-pk").first()
    assert entry
    return entry


# --- Nobody changes it -------------------------------------------------------


def test_no_way_of_django_changes_or_deletes_an_entry(bob: User) -> None:
    entry = last(actor=bob)
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.filter(pk=entry.pk).delete,
        lambda: AuditEntry.objects.update(action="Nothing"),
        lambda: AuditEntry.objects.bulk_update([entry], ["action"]),
    ):
        with pytest.raises(UnchangeableError):
            change()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET action = 'Nothing'",
        "DELETE FROM accounts_auditentry",
        pytest.param(
            "TRUNCATE accounts_auditentry",
            marks=pytest.mark.skipif(
                connection.vendor == "sqlite", reason="It has no such statement."
            ),
        ),
    ],
)
def test_nor_does_a_statement_in_the_database(bob: User, statement: str) -> None:
    number = AuditEntry.objects.count()
    with (
        pytest.raises(DatabaseError, match="cannot be changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEntry.objects.count() == number
    assert not AuditEntry.objects.filter(action="Nothing").exists()


def test_what_is_rolled_back_is_not_in_it(bob: User) -> None:
    with transaction.atomic():
        record(Area.SETTINGS, "Did it", by=bob)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.filter(action="Did it").exists()


def test_text_from_outside_stays_one_line(bob: User) -> None:
    record(Area.SETTINGS, "Did it", "a\nb\u202ec\x00" + "x" * 400, by=bob)
    assert last(action="Did it").subject == ("a b c " + "x" * 400)[:300]


# --- What lands in it --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "action"),
    [
        ("accounts:team", {"email": "new@acme.test"}, "Invited a person"),
        (
            "accounts:profile",
            {"name": "Bob B", "time_zone": ""},
            "Changed their profile",
        ),
        (
            "settings:limits",
            {"kind": "portal", "portal-per_day": "50", "per_day": "50"},
            "Limited how fast the team sends",
        ),
        (
            "settings:limits",
            {"kind": "portal", "default": "1"},
            "Gave back the default limit",
        ),
        (
            "settings:new_identity",
            {"address": "second@acme.test", "display_name": "Bob Second"},
            "Added an email identity",
        ),
        (
            "suppression:suppressions",
            {"address": "a@customer.test", "note": "Asked"},
            "Suppressed an address",
        ),
        (
            "suppression:domains",
            {"domain": "bigco.test", "note": "Asked"},
            "Blocked a domain",
        ),
    ],
)
def test_what_a_manager_changes_in_settings_is_in_it(
    name: str, data: dict[str, str], action: str, bob: User, as_user: AsUser
) -> None:
    as_user(bob).post(reverse(name), data)
    assert last().action == action
    assert last().actor == bob
    assert last().team == bob.team


def test_a_channel_is_connected_chosen_and_disconnected_in_it(
    alice: User, as_user: AsUser
) -> None:
    channel = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "smtp.acme.test", "port": "587"},
        credentials={"password": "the-secret"},
    )
    connected(channel, by=alice)
    assert last().action == "Connected the delivery channel"
    assert "smtp.acme.test" in str(last().details)
    as_user(alice).post(reverse("settings:choose", args=[channel.uuid]))
    assert last().action == "Chose the delivery channel"
    disconnect(channel, by=alice)
    assert last().action == "Disconnected the delivery channel"
    assert last().area == Area.CREDENTIALS
    assert "the-secret" not in "".join(
        str(each.details) for each in AuditEntry.objects.all()
    )


def test_of_a_channel_with_an_account_it_names_that_alone(alice: User) -> None:
    gmail = Channel.objects.create(kind="gmail", owner=alice, address="a@acme.test")
    connected(gmail, by=alice)
    told = dict(last().facts)
    assert told == {"account": "a@acme.test", "of": "their own"}


def test_identities_are_verified_changed_and_deleted_in_it(
    alice: User, as_user: AsUser
) -> None:
    first = EmailIdentity.objects.get(owner=alice)
    EmailIdentity.objects.filter(pk=first.pk).update(verified_at=None)
    address = EmailAddress.objects.create(user=alice, email=alice.email)
    email_confirmed.send(EmailAddress, email_address=address, request=None)
    assert last().action == "Verified an email identity"
    second = EmailIdentity.objects.create(
        owner=alice,
        address="sales@acme.test",
        display_name="Sales",
        verified_at=alice.date_joined,
    )
    client = as_user(alice)
    page = reverse("settings:identity", args=[second.uuid])
    client.post(page, {"display_name": "Sales team", "signature": "", "channel": ""})
    assert last().details == {"fields": ["display_name"]}
    client.post(reverse("settings:make_default", args=[second.uuid]))
    assert last().action == "Made an email identity the default"
    client.post(reverse("settings:delete_identity", args=[first.uuid]))
    assert last().action == "Deleted an email identity"


def test_an_invitation_is_revoked_in_it(bob: User, as_user: AsUser) -> None:
    client = as_user(bob)
    client.post(reverse("accounts:team"), {"email": "new@acme.test"})
    digest = bob.team.invitations.get().token_digest
    client.post(reverse("accounts:revoke", args=[digest]))
    assert last().action == "Revoked an invitation"
    assert last().subject == "new@acme.test"


def test_a_suppression_by_evidence_is_in_it_once_and_its_release(
    alice: User, bob: User, make_delivery: Callable[..., Delivery], as_user: AsUser
) -> None:
    delivery = make_delivery(alice, state=State.FAILED, reason="address_unknown")
    for at in (delivery.state_since, delivery.state_since):
        suppress_for([evidence_of(delivery, "address_unknown", "550 no", at)])
    made = AuditEntry.objects.filter(action="Suppressed an address by evidence")
    assert [each.actor_name for each in made] == ["DeliveryPortal"]
    found = Suppression.objects.get()
    as_user(bob).post(
        reverse("suppression:release", args=[found.uuid]), {"because": "They wrote"}
    )
    assert last().action == "Released"
    assert last().details == {"because": "They wrote"}


def test_triage_is_in_it_once_and_in_words(
    alice: User, bob: User, make_delivery: Callable[..., Delivery], as_user: AsUser
) -> None:
    delivery = make_delivery(alice, state=State.FAILED, reason="address_unknown")
    page = reverse("conversations:act", args=["decide"])
    as_user(bob).post(
        f"{page}?delivery={delivery.uuid}",
        {"decision": "lost", "owner": alice.pk, "note": "Gone"},
    )
    entry = AuditEntry.objects.get(area=Area.TRIAGE)
    assert (entry.action, entry.subject) == ("Decide", delivery.recipient)
    assert dict(entry.facts) == {
        "decision": "Accepted loss",
        "looked after by": "Alice Acme",
        "note": "Gone",
        "done": "1",
    }


def test_of_work_in_the_background_its_beginning_says_what_and_its_end_how_much(
    alice: User, bob: User, make_delivery: Callable[..., Delivery], as_user: AsUser
) -> None:
    make_delivery(alice, state=State.FAILED, reason="address_unknown")
    page = reverse("conversations:act", args=["decide"])
    query = f"everything=1&tab=failed&reason=address_unknown&member={alice.pk}"
    as_user(bob).post(f"{page}?{query}", {"decision": "lost", "accepted": "1"})
    while turn(BulkJob.objects.get().pk):
        pass
    began, ended = last(action="Began: Decide"), last(action="Finished: Decide")
    assert began.subject == (
        "Everything in Failed deliveries › All, Alice Acme, Address does not exist"
    )
    assert began.facts == [("decision", "Accepted loss")]
    assert (ended.subject, ended.facts) == (began.subject, [("done", "1")])


def test_a_certificate_is_no_part_of_it(alice: User) -> None:
    begin_test(
        user=alice,
        team=None,
        kind="smtp",
        config={"host": "smtp.acme.test", "port": "25", "ca": "-----BEGIN X-----"},
        credentials={},
    )
    assert last(actor=alice).facts == [("server", "smtp.acme.test")]


def test_a_saved_search_is_in_it_while_it_is_the_team_s(
    alice: User, bob: User, as_user: AsUser
) -> None:
    client = as_user(bob)

    def save(name: str, query: str, **shared: str) -> None:
        page = reverse("conversations:save_search", args=["failed"])
        client.post(page, {"name": name, "query": query, **shared})

    before = last().pk
    save("Mine", "reason=mailbox_full")
    assert last().pk == before, "his own is his own business"
    save("Full", f"reason=mailbox_full&member={alice.pk}", shared="1")
    save("Full", "reason=mailbox_full", shared="1")  # the name is in use
    save("Full", "reason=mailbox_full")
    search = SavedSearch.objects.get(name="Full")
    client.post(reverse("conversations:remove_search", args=[search.pk]))
    noted = AuditEntry.objects.filter(pk__gt=before).order_by("pk")
    assert [(each.action, each.facts) for each in noted] == [
        (
            "Shared a saved search",
            [("shows", "Failed deliveries › All, Alice Acme, Mailbox full")],
        ),
        ("Removed a shared saved search", []),
    ]
    assert {(each.subject, each.area) for each in noted} == {("Full", Area.SETTINGS)}


def test_a_search_of_one_s_own_is_removed_without_a_word(
    bob: User, as_user: AsUser
) -> None:
    own = SavedSearch.objects.create(owner=bob, team=bob.team, name="Own", tab="sent")
    before = last().pk
    as_user(bob).post(reverse("conversations:remove_search", args=[own.pk]))
    assert not SavedSearch.objects.exists()
    assert last().pk == before


def test_sessions_that_one_ends_are_in_it_by_the_names_of_their_browsers(
    alice: User, as_user: AsUser
) -> None:
    for number, system in enumerate(("iPhone", "Windows", "Linux")):
        UserSession.objects.create(
            user=alice,
            ip="192.0.2.1",
            session_key=f"elsewhere {number}",
            user_agent=f"{system} Firefox",
        )
    client = as_user(alice)
    lost = UserSession.objects.get(user_agent__contains="iPhone")
    client.post(reverse("accounts:end_session", args=[lost.pk]))
    ended = AuditEntry.objects.filter(action="Ended a session").order_by("pk")
    assert [each.subject for each in ended] == ["Firefox on iPhone"]
    client.post(reverse("usersessions_list"))  # all others
    assert {(each.subject, each.actor, each.area) for each in ended.all()} == {
        (f"Firefox on {system}", alice, Area.CREDENTIALS)
        for system in ("iPhone", "Windows", "Linux")
    }


def test_an_alert_is_closed_in_it(
    alice: User, bob: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(alice, state=State.FAILED, reason="sender_blocked")
    raise_alerts([Refusal(delivery, "sender_blocked", "", delivery.state_since)])
    assert Alert.objects.get().close(by=bob)
    assert last().action == "Closed an alert"


def test_what_is_done_in_django_admin_is_in_it_for_the_team(
    alice: User, bob: User, as_user: AsUser
) -> None:
    admin = User.objects.create_superuser("root@portal.test", "x", "Root")
    client = as_user(admin)
    page = reverse("admin:accounts_team_change", args=[bob.team_id])
    client.post(page, {"name": "Acme sales"})
    entry = last(team=bob.team)
    assert (entry.actor, entry.area) == (admin, Area.ADMIN)
    assert entry.action == "Changed the team"
    assert entry.details == {"what": "Changed Name."}


@pytest.mark.parametrize("query", ["", "p=1000", "area__exact=admin", "q=bob"])
def test_however_long_it_is_django_admin_neither_counts_it_nor_passes_over_any(
    bob: User, as_user: AsUser, query: str
) -> None:
    admin = as_user(User.objects.create_superuser("root@portal.test", "x", "Root"))
    page = f"{reverse('admin:accounts_auditentry_changelist')}?{query}"
    with CaptureQueriesContext(connection) as asked:
        assert admin.get(page).status_code == 200
    of_it = [
        each["sql"] for each in asked if 'FROM "accounts_auditentry"' in each["sql"]
    ]
    assert of_it
    assert not any(word in sql for sql in of_it for word in ("COUNT(", "OFFSET"))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has other plans")
@pytest.mark.parametrize(
    ("whose", "index"),
    [("actor", "accounts_audit_anywhere"), ("team", "accounts_audit_team")],
)
def test_what_somebody_or_a_team_did_is_read_in_order_by_an_index(
    bob: User, whose: str, index: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # It would do for the few there are here.
        cursor.execute("SET LOCAL enable_sort = off")
    key = {"actor": bob.pk, "team": bob.team_id}[whose]
    plan = AuditEntry.objects.filter(**{whose: key}).order_by("-pk").explain()
    assert f"using {index} " in plan
    assert "Filter" not in plan


def test_an_action_on_a_list_of_django_admin_is_in_it_once(
    alice: User, bob: User, make_delivery: Callable[..., Delivery], as_user: AsUser
) -> None:
    delivery = make_delivery(alice, state=State.FAILED, reason="sender_blocked")
    raise_alerts([Refusal(delivery, "sender_blocked", "", delivery.state_since)])
    admin = User.objects.create_superuser("root@portal.test", "x", "Root")
    client = as_user(admin)
    for _ in range(2):  # what is closed already is left alone
        client.post(
            reverse("admin:conversations_alert_changelist"),
            {"action": "close", "_selected_action": [Alert.objects.get().pk]},
        )
    [told] = AuditEntry.objects.filter(team=bob.team, actor=admin)
    assert (told.actor, told.action) == (admin, "Closed an alert")


# --- Who reads it ------------------------------------------------------------


def test_a_manager_reads_the_team_s_history_and_nobody_else_s(
    alice: User, bob: User, charlie: User, as_user: AsUser
) -> None:
    record(Area.SETTINGS, "Did it", "<script>", by=alice, note="<b>")
    page = as_user(bob).get(reverse("accounts:history"))
    assert "Did it" in page.text
    assert "&lt;script&gt;" in page.text
    assert "&lt;b&gt;" in page.text
    assert "Did it" not in as_user(charlie).get(reverse("accounts:history")).text
    assert as_user(alice).get(reverse("accounts:history")).status_code == 403
    assert as_user(bob).post(reverse("accounts:history")).status_code == 405


def test_history_is_narrowed_by_area_and_member_and_goes_on_page_by_page(
    alice: User, bob: User, as_user: AsUser
) -> None:
    for number in range(60):
        record(Area.TRIAGE, f"Did {number}.", by=alice)
    record(Area.SETTINGS, "Something else", by=bob)
    client = as_user(bob)
    here = reverse("accounts:history")
    page = client.get(here, {"area": "triage", "member": str(alice.pk)})
    assert "Something else" not in page.text
    assert "Did 59." in page.text
    assert "Did 9." not in page.text
    older = page.context["older"]
    page = client.get(here, {"area": "triage", "before": older})
    assert "Did 9." in page.text
    assert "Did 10." not in page.text
    for nonsense in ("-1", "²", "9" * 30, "x\0"):
        assert client.get(here, {"member": nonsense}).status_code == 200
