"""The operator's admin as a whole: every model, every page of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from channels.models import (
    Allowance,
    Channel,
    ChannelChoice,
    ConnectionTest,
    EmailIdentity,
    FarEndSession,
    SendingLimit,
    VerificationMail,
)
from channels.return_path import return_path
from conversations.models import (
    Alert,
    Attachment,
    BulkItem,
    BulkJob,
    CauseChange,
    CauseTally,
    Conversation,
    Delivery,
    DeliveryEvent,
    Digest,
    Draft,
    Evidence,
    Heartbeat,
    Hold,
    Lane,
    Message,
    Report,
    SavedSearch,
    Suppression,
    TabLayout,
    Tally,
    TallyMark,
    Total,
)
from deliveryportal.accounts.admin import AutocompleteSelectFilter, OperatorAdmin
from deliveryportal.accounts.joining import found_team
from deliveryportal.accounts.models import Invitation, Team, User
from deliveryportal.practice.models import PracticeMail
from tests.conftest import PASSWORD

SCRIPT = "<script>alert(1)</script>"
OURS = ["accounts", "channels", "conversations", "practice"]
MODELS = [
    *(model for label in OURS for model in apps.get_app_config(label).get_models()),
    EmailAddress,
    Authenticator,
    UserSession,
]
RECORDS = [
    Alert,
    Attachment,
    BulkItem,
    BulkJob,
    Conversation,
    Delivery,
    DeliveryEvent,
    Evidence,
    Digest,
    Draft,
    Heartbeat,
    Lane,
    Message,
    Report,
    Suppression,
    PracticeMail,
    Tally,
]

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
every_record = pytest.mark.parametrize("model", RECORDS, ids=lambda m: m.__name__)


@dataclass
class Rows:
    """Rows of every model, their texts hostile, and the secrets in them."""

    secrets: set[str] = field(default_factory=set)
    made: int = 0

    def add(self, number: int) -> None:
        for _ in range(number):
            self.made += 1
            self.add_one(self.made)

    def add_one(self, serial: int) -> None:
        user = User(email=f"person{serial}@acme.test", name=SCRIPT)
        user.password = f"pbkdf2_sha256$1$salt-{serial}$password-hash-{serial}="
        found_team(user)
        team = user.team
        Team.objects.filter(pk=team.pk).update(name=SCRIPT)
        EmailAddress.objects.create(user=user, email=user.email)
        invitation = Invitation(team=team, email=user.email, invited_by=user)
        token = invitation.renew()
        invitation.save()

        channel = Channel.objects.create(
            kind=Channel.objects.default().kind,
            owner=user,
            config={"host": SCRIPT},
            credentials={"password": f"channel-password-{serial}"},
            health=Channel.Health.PAUSED,
            paused_because=SCRIPT,
        )
        stored = Channel.objects.filter(pk=channel.pk).values_list(
            models.functions.Cast("credentials", models.TextField()), flat=True
        )
        ChannelChoice.objects.create(user=user, channel=channel)
        identity = EmailIdentity.objects.get(owner=user)
        EmailIdentity.objects.filter(pk=identity.pk).update(
            display_name=SCRIPT, signature=SCRIPT, channel=channel
        )
        ConnectionTest.objects.create(
            user=user,
            kind=channel.kind,
            config={"host": SCRIPT},
            credentials=channel.credentials,
            sender=user.email,
            steps=[{"words": SCRIPT}],
        )
        delivery = self.add_delivery(user, channel, identity, serial)
        address = return_path(delivery.return_token, "bounce.portal.test")
        report = Report.objects.create(
            return_token=delivery.return_token,
            digest="0" * 64,
            raw=f"To: {address}\r\nSubject: {SCRIPT}\r\n\r\n".encode() + b"\xff\x00",
            source="smtp",
            delivery=delivery,
            diagnostic=f"{SCRIPT} from <{address}>",
            final_recipient=SCRIPT,
        )
        DeliveryEvent.objects.create(
            delivery=delivery,
            kind=DeliveryEvent.Kind.BOUNCED,
            remote_words=f"{SCRIPT} from <{address}>",
            note=SCRIPT,
            report=report,
        )
        job = BulkJob.objects.create(
            by=user, team=team, action="retry", query=SCRIPT, options={"note": SCRIPT}
        )
        BulkItem.objects.create(
            job=job, delivery=delivery, recipient=SCRIPT, why=SCRIPT
        )
        said = f"{SCRIPT} from <{address}>"
        Evidence.objects.create(
            team=team,
            address=SCRIPT,
            reason="address_unknown",
            words=said,
            delivery=delivery,
            report=report,
        )
        Suppression.objects.create(
            team=team,
            address=SCRIPT,
            reason="address_unknown",
            evidence=said,
            delivery=delivery,
            report=report,
        )
        Alert.objects.create(
            team=team,
            reason="sender_blocked",
            remote=SCRIPT,
            since=now(),
            latest=now(),
            last_words=f"{SCRIPT} from <{address}>",
        )
        Attachment.objects.create(
            owner=user,
            name=SCRIPT,
            content_type=SCRIPT,
            size=1,
            digest="0" * 64,
            content=f"file-{serial}".encode(),
        )
        Draft.objects.create(owner=user, subject=SCRIPT, body=f"draft-{serial}")
        Digest.objects.create(manager=user, day=now().date())
        self.add_counts(user, channel, serial)
        self.add_of_user(user, channel, serial)
        Hold.objects.create(
            scope=Hold.Scope.SENDER, sender=user, because=SCRIPT, placed_by=user
        )
        PracticeMail.objects.create(
            envelope_sender=address,
            envelope_recipient=SCRIPT,
            return_token=delivery.return_token,
            header_from=SCRIPT,
            header_subject=SCRIPT,
            raw=f"Reset your password: link-{serial}".encode(),
        )
        self.secrets |= {
            user.password,
            user.password.rsplit("$", 1)[-1],
            token,
            invitation.token_digest,
            f"channel-password-{serial}",
            f"link-{serial}",
            f"file-{serial}",
            f"draft-{serial}",
            f"mfa-secret-{serial}",
            f"key-{serial}",
            str(stored.get()),
            delivery.return_token,
            delivery.lease,
        }

    def add_counts(self, user: User, channel: Channel, serial: int) -> None:
        team, kind = user.team, channel.kind
        Tally.objects.create(
            hour=now(),
            team=team,
            sender=user,
            channel=channel,
            kind="accepted",
            number=1,
        )
        Total.objects.create(name=f"total {serial}", label=SCRIPT, number=1)
        TallyMark.objects.create(table=f"table {serial}")
        CauseTally.objects.create(team=team, cause=f"{SCRIPT}{serial}", number=1)
        CauseChange.objects.create(team=team, cause=SCRIPT, number=1)
        Heartbeat.beat(f"role {serial}")
        Lane.objects.create(channel=channel, sender=user, waits_for=SCRIPT)
        FarEndSession.objects.create(host=SCRIPT, number=serial)
        SendingLimit.objects.create(team=team, kind=kind, messages=1, seconds=1)
        Allowance.objects.create(sender=user, channel=channel, held_because=SCRIPT)

    def add_of_user(self, user: User, channel: Channel, serial: int) -> None:
        VerificationMail.objects.create(owner=user, address=SCRIPT)
        SavedSearch.objects.create(
            owner=user, team=user.team, name=SCRIPT, tab="sent", query=SCRIPT
        )
        TabLayout.objects.create(user=user, tab="sent", columns=[SCRIPT], rows=50)
        Authenticator.objects.create(
            user=user, type="totp", data={"secret": f"mfa-secret-{serial}"}
        )
        UserSession.objects.create(
            user=user, ip="192.0.2.1", session_key=f"key-{serial}", user_agent=SCRIPT
        )

    def add_delivery(
        self, user: User, channel: Channel, identity: EmailIdentity, serial: int
    ) -> Delivery:
        conversation = Conversation.objects.create(
            owner=user, person_name=SCRIPT, person_address="anna@customer.test"
        )
        message = Message.objects.create(
            conversation=conversation,
            sender=user,
            team=user.team,
            identity=identity,
            from_name=SCRIPT,
            from_address=user.email,
            subject=SCRIPT,
            body=SCRIPT,
            message_id=f"<{serial}@portal.test>",
        )
        delivery = Delivery(
            message=message,
            recipient=SCRIPT,
            recipient_wire="anna@customer.test",
            channel=channel,
            sender=user,
            team=user.team,
            state=Delivery.State.HANDING_OVER,
            lease=uuid4().hex,
            lease_until=now() + timedelta(minutes=5),
            reason="address_unknown",
        )
        address = return_path(delivery.return_token, "bounce.portal.test")
        delivery.remote_words = f"{SCRIPT} from <{address}>"
        delivery.save()
        return delivery


@pytest.fixture
def rows(db: None) -> Rows:
    return Rows()


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


def changelist(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def change_pages(model: type[models.Model]) -> Iterator[str]:
    for pk in model._default_manager.values_list("pk", flat=True):
        yield reverse(
            f"admin:{model._meta.label_lower.replace('.', '_')}_change", args=[pk]
        )


def html(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


@every_model
def test_every_model_is_registered(model: type[models.Model]) -> None:
    assert model in admin.site._registry


@every_model
def test_pages_open_show_no_secret_and_run_no_script(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(2)
    pages = [changelist(model), *change_pages(model)]
    for address in pages:
        page = html(operator.get(address))
        shown = {secret for secret in rows.secrets if secret in page}
        assert not shown, f"{address} shows a secret"
        assert SCRIPT not in page, address


@every_model
def test_a_changelist_opens_with_a_constant_number_of_queries(
    model: type[models.Model],
    operator: Client,
    rows: Rows,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    rows.add(2)
    operator.get(changelist(model))  # fills the caches of content types
    with CaptureQueriesContext(connection) as few:
        operator.get(changelist(model))
    rows.add(10)
    with django_assert_num_queries(len(few)):
        page = html(operator.get(changelist(model)))
    assert len(set(re.findall(r'name="_selected_action" value="(\w+)"', page))) in {
        0,
        model._default_manager.count(),
    }


def test_admins_change_their_password_where_everybody_does(operator: Client) -> None:
    page = operator.get(reverse("admin:password_change"))
    assert page.headers["Location"] == reverse("account_change_password")


def test_every_page_stands_in_the_audit_log_with_what_is_done_there() -> None:
    pages = admin.site._registry.values()
    assert [each for each in pages if not isinstance(each, OperatorAdmin)] == []


@pytest.mark.parametrize(
    "model", sorted(admin.site._registry, key=str), ids=lambda m: m.__name__
)
def test_no_list_counts_or_passes_over_its_rows(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(1)
    page, table = changelist(model), f'FROM "{model._meta.db_table}"'
    operator.get(page)
    for query in ("", "p=1000", "q=anna"):
        with CaptureQueriesContext(connection) as asked:
            html(operator.get(f"{page}?{query}"))
        own = [each["sql"] for each in asked if table in each["sql"]]
        # The badges of the menu count what there is to look at, up to a hundred.
        own = [sql for sql in own if "LIMIT 100" not in sql]
        assert own
        for sql in own:
            assert not re.search(r"COUNT\(\*\)|OFFSET", sql), sql


@pytest.mark.parametrize("model", [Team, User], ids=lambda m: m.__name__)
def test_a_field_that_looks_up_rows_counts_none(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(3)
    source = {Team: ("user", "team"), User: ("emailaddress", "user")}[model]
    app = {Team: "accounts", User: "account"}[model]
    asked_for = {"app_label": app, "model_name": source[0], "field_name": source[1]}
    with CaptureQueriesContext(connection) as asked:
        answer = operator.get(reverse("admin:autocomplete"), asked_for)
    found = {each["id"] for each in answer.json()["results"]}
    assert found == {str(each.pk) for each in model._default_manager.all()}
    assert not any("COUNT(*)" in each["sql"] for each in asked)


def test_the_history_of_a_row_says_how_long_it_is(
    operator: Client, alice: User
) -> None:
    page = reverse("admin:accounts_team_change", args=[alice.team_id])
    operator.post(page, {"name": "Acme sales"})
    history = reverse("admin:accounts_team_history", args=[alice.team_id])
    assert "1 entry" in " ".join(html(operator.get(history)).split())


def test_a_team_s_row_says_how_many_people_are_in_it(
    operator: Client, alice: User, charlie: User
) -> None:
    Team.objects.create(name="Nobody's")
    shown = operator.get(changelist(Team)).context["cl"].result_list
    people = {each.name: each.people for each in shown}
    assert people["Bob Acme's team"] == 2
    assert people["Charlie Acme's team"] == 1
    assert people["Nobody's"] == 0


@every_model
def test_a_changelist_can_be_searched_for_anything(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(1)
    for words in ["anna@customer.test", SCRIPT, str(uuid4()), "%_'\"\\ 0"]:
        html(operator.get(changelist(model), {"q": words}))


@every_model
def test_a_search_that_is_too_long_is_refused_in_words(
    model: type[models.Model], operator: Client
) -> None:
    if not admin.site._registry[model].search_fields:
        return
    answer = operator.get(changelist(model), {"q": "a" * 50_001}, follow=True)
    assert "Search for 200 letters at most. This is the whole list." in html(answer)


def test_so_it_is_where_a_field_looks_up_rows(operator: Client) -> None:
    asked = {"app_label": "accounts", "model_name": "user", "field_name": "team"}
    address = reverse("admin:autocomplete")
    answer = operator.get(address, {**asked, "term": "a" * 50_001})
    assert answer.json()["results"] == []
    assert operator.get(reverse("admin:search"), {"s": "a" * 50_001}).status_code == 200


@every_model
@pytest.mark.parametrize("value", ["9" * 20, "9" * 23, "-1", "nobody", "\0"])
def test_a_field_that_looks_up_a_row_takes_no_key_that_can_be_none_s(
    model: type[models.Model], operator: Client, value: str
) -> None:
    for each in admin.site._registry[model].list_filter:
        if isinstance(each, tuple) and issubclass(each[1], AutocompleteSelectFilter):
            name = f"{each[0]}__id__exact"
            answer = operator.get(changelist(model), {name: value}, follow=True)
            assert answer.status_code == 200, name


@every_model
@pytest.mark.parametrize("value", ["9" * 20, "\0"])
def test_a_filter_that_nothing_can_match_is_no_error(
    model: type[models.Model], operator: Client, value: str
) -> None:
    page = admin.site._registry[model]
    named = [each[0] if isinstance(each, tuple) else each for each in page.list_filter]
    filters = [each for each in named if isinstance(each, str)]
    for name in ["pk__in", *filters, *(f"{each}__exact" for each in filters)]:
        answer = operator.get(changelist(model), {name: value})
        assert answer.status_code in {200, 302}, name


@every_model
def test_every_answer_of_every_filter_opens(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(1)
    address = changelist(model)
    page = operator.get(address).context["cl"]
    for spec in page.filter_specs:
        for choice in spec.choices(page):
            if "query_string" in choice:
                html(operator.get(address + choice["query_string"]))
            else:  # a field to look up a row in
                related = spec.field.remote_field.model._default_manager.first()
                html(operator.get(address, {spec.lookup_kwarg: related.pk}))


@every_record
def test_records_cannot_be_written_by_hand(
    model: type[models.Model], operator: Client, rows: Rows
) -> None:
    rows.add(1)
    name = f"admin:{model._meta.label_lower.replace('.', '_')}"
    row = model._default_manager.get()
    assert operator.get(reverse(f"{name}_add")).status_code == 403
    assert operator.post(reverse(f"{name}_add"), {}).status_code == 403
    change = reverse(f"{name}_change", args=[row.pk])
    assert operator.post(change, {}).status_code == 403
    delete = reverse(f"{name}_delete", args=[row.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@every_model
def test_an_outsider_is_led_to_the_operators_sign_in(
    model: type[models.Model], charlie: User, as_user: Callable[[User], Client]
) -> None:
    response = as_user(charlie).get(changelist(model))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))


def test_a_visitor_is_led_to_a_sign_in(db: None) -> None:
    index, pages = reverse("admin:index"), [changelist(model) for model in MODELS]
    assert Client().get(index)["Location"].startswith(reverse("admin:login"))
    for page in pages:
        assert "/login/?next=" in Client().get(page)["Location"]


def test_an_operator_signs_in_where_everybody_does(db: None) -> None:
    User.objects.create_superuser("op@portal.test", PASSWORD)
    client = Client()
    page = client.get(reverse("admin:login"), {"next": "/admin/"})
    response = client.post(
        page["Location"], {"login": "OP@Portal.test", "password": PASSWORD}
    )
    assert response.status_code == 302
    assert "Deliveries" in html(client.get(reverse("admin:index")))


def test_a_member_gets_no_further_than_the_sign_in(
    alice: User, as_user: Callable[[User], Client]
) -> None:
    client = as_user(alice)
    assert client.get(reverse("admin:login")).status_code == 403
    assert client.get(reverse("admin:index")).status_code == 302


def test_the_menu_leads_to_every_model(operator: Client) -> None:
    page = html(operator.get(reverse("admin:index")))
    missing = [m for m in MODELS if f'href="{changelist(m)}"' not in page]
    assert not missing


def test_an_empty_list_offers_only_what_can_be_done(operator: Client) -> None:
    reports, pauses = changelist(Report), changelist(Hold)
    page = html(operator.get(reports))
    assert "Nothing here yet" in page
    assert "Add report" not in page
    assert "Add pause" in html(operator.get(pauses))
    page = html(operator.get(reports, {"q": "nobody"}))
    assert "Nothing matches" in page
    assert "Show everything" in page


def test_a_deliverys_page_has_its_timeline(operator: Client, rows: Rows) -> None:
    rows.add(1)
    (address,) = change_pages(Delivery)
    page = html(operator.get(address))
    assert "Address does not exist" in page
    assert "timeline" in page.lower()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; from" in page


def test_a_raw_report_is_shown_as_text_with_its_return_path_masked(
    operator: Client, rows: Rows
) -> None:
    rows.add(1)
    (address,) = change_pages(Report)
    page = html(operator.get(address))
    assert "To: b••••••••@bounce.portal.test" in page
    assert "Subject: &lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_huge_raw_report_is_cut(operator: Client, rows: Rows) -> None:
    rows.add(1)
    Report.objects.update(raw=b"x" * 1_000_000)
    (address,) = change_pages(Report)
    page = html(operator.get(address))
    assert "[the rest is not shown]" in page
    assert len(page) < 200_000


def test_an_operator_releases_suppressions(
    operator: Client, rows: Rows, alice: User
) -> None:
    rows.add(1)
    first = Suppression.objects.get()
    second = Suppression.objects.create(team=alice.team, address="@rival.test")
    action = {
        "action": "release_these",
        "_selected_action": [str(first.pk), str(second.pk)],
    }
    for _ in range(2):
        operator.post(changelist(Suppression), action)
    assert not Suppression.objects.active().exists()
    first.refresh_from_db()
    assert first.released_by is not None
    assert first.released_because == "By the operator, in Django admin."


def test_who_may_only_look_at_suppressions_releases_none(rows: Rows, db: None) -> None:
    rows.add(1)
    looker = User.objects.create_superuser("looker@portal.test", PASSWORD)
    User.objects.filter(pk=looker.pk).update(is_superuser=False)
    looker.user_permissions.add(Permission.objects.get(codename="view_suppression"))
    client = Client()
    client.force_login(looker)
    action = {
        "action": "release_these",
        "_selected_action": [str(Suppression.objects.get().pk)],
    }
    client.post(changelist(Suppression), action)
    assert Suppression.objects.active().exists()
