from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from channels.allowance import hold
from channels.models import Channel
from channels.transports import all_transports
from conversations.models import Delivery, Heartbeat, Hold, Lane, Total
from conversations.models.state import State
from conversations.sweeping import sweep
from conversations.watching.tallying import BUCKETS
from deliveryportal.accounts.models import User

TOKEN = {"Authorization": "Bearer let me in"}


@pytest.fixture
def _allowed(settings: Settings) -> None:
    settings.METRICS_TOKEN = "let me in"


def scrape(client: Client) -> dict[tuple[str, ...], float]:
    """Return the samples by name and label values."""
    answer = client.get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_metrics_are_off_unless_allowed(client: Client, db: None) -> None:
    assert client.get("/metrics", headers=TOKEN).status_code == 404


@pytest.mark.usefixtures("_allowed")
def test_metrics_are_shown_to_nobody_without_the_token(
    client: Client, alice: User
) -> None:
    client.force_login(alice)
    assert client.get("/metrics").status_code == 401
    wrong = {"Authorization": "Bearer let me im"}
    assert client.get("/metrics", headers=wrong).status_code == 401
    assert client.post("/metrics", headers=TOKEN).status_code == 405


@pytest.mark.usefixtures("_allowed")
def test_metrics_tell_what_waits_and_what_became_of_the_rest(
    client: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    make_delivery(alice, not_before=now() - timedelta(minutes=5))
    Total.add("events", "portal accepted", 3)
    Total.add("latency", "0.5", 2)
    Total.add("latency", "+Inf", 3)
    Total.add("latency_ms", "", 1500)
    found = scrape(client)
    assert found["deliveryportal_queued", "under 10 min", "portal"] == 1
    assert found["deliveryportal_oldest_due_seconds",] >= 300
    assert found["deliveryportal_events_total", "portal", "accepted"] == 3
    assert found["deliveryportal_hand_over_seconds_bucket", "0.5"] == 2
    assert found["deliveryportal_hand_over_seconds_count",] == 3
    assert found["deliveryportal_hand_over_seconds_sum",] == 1.5


@pytest.fixture
def _who_waits_for_others(alice: User, bob: User, portal_channel: Channel) -> None:
    """Two lanes for a session, one of them no more; a domain that has asked for less."""
    for sender, host in ((alice, "portal"), (bob, "")):
        Lane.objects.create(channel=portal_channel, sender=sender, waits_for=host)
    for domain, minutes in (("busy.test", 1), ("quick.test", -1)):
        Hold.objects.create(
            scope=Hold.Scope.SLOWED,
            channel=portal_channel,
            domain=domain,
            until=now() + timedelta(minutes=minutes),
        )


@pytest.mark.usefixtures("_allowed", "_who_waits_for_others")
def test_metrics_tell_who_waits_for_a_limit_for_a_server_and_for_a_domain(
    client: Client, alice: User, portal_channel: Channel
) -> None:
    hold(portal_channel, alice.pk, now() + timedelta(minutes=1), "the provider's limit")
    found = scrape(client)
    assert found["deliveryportal_throttled_lanes",] == 1
    assert found["deliveryportal_throttle_waits_total", "portal"] == 1
    assert found["deliveryportal_waiting_lanes",] == 1
    assert found["deliveryportal_slowed_domains",] == 1
    assert found["deliveryportal_pauses",] == 0


@pytest.mark.usefixtures("_allowed")
def test_what_never_happened_stands_at_nought(client: Client, db: None) -> None:
    """Prometheus sees no increase where a counter begins at 1."""
    found = scrape(client)
    for channel in all_transports():
        assert found["deliveryportal_events_total", channel, "unconfirmed"] == 0
        assert found["deliveryportal_throttle_waits_total", channel] == 0
    assert found["deliveryportal_lease_expiries_total",] == 0


@pytest.mark.usefixtures("_allowed")
def test_leases_that_ran_out_are_counted_once(
    client: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    over = {"state": State.HANDING_OVER, "lease_until": now() - timedelta(seconds=1)}
    for lease in ("50:a", "50:a", "50:b"):
        make_delivery(alice, lease=lease, **over)
    for _ in range(2):
        sweep()
    assert scrape(client)["deliveryportal_lease_expiries_total",] == 2


@pytest.mark.usefixtures("_allowed")
def test_the_alerts_of_the_readme_ask_for_metrics_that_there_are(
    client: Client, db: None
) -> None:
    readme = (settings.BASE_DIR / "README.md").read_text()
    asked = set(re.findall(r"\bdeliveryportal_\w+", readme))
    assert "deliveryportal_oldest_due_seconds" in asked
    assert asked <= {name for name, *_ in scrape(client)}


@pytest.mark.usefixtures("_allowed")
def test_metrics_cost_the_same_however_much_was_sent(
    client: Client,
    alice: User,
    make_delivery: Callable[..., Delivery],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        make_delivery(alice, state="accepted")
    with django_assert_num_queries(13):
        scrape(client)


@pytest.mark.usefixtures("_allowed")
def test_metrics_tell_which_clock_is_wrong(client: Client, db: None) -> None:
    Heartbeat.beat("sweep", clock_ahead=timedelta(seconds=-90))
    assert scrape(client)["deliveryportal_clock_skew_seconds",] == -90


@pytest.mark.usefixtures("_who_waits_for_others")
def test_the_command_prints_the_same_in_a_terminal(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    make_delivery(alice)
    Hold.objects.create(scope=Hold.Scope.EVERYTHING, because="x", placed_by=alice)
    Total.add("events", "portal bounced", 1234)
    Total.add("leases", "expired", 2)
    Total.add("waits", "portal", 3)
    for bound in BUCKETS:
        Total.add("latency", str(bound), 3 if bound < 1 else 4)
    Total.add("latency", "+Inf", 4)
    Total.add("latency_ms", "", 1500)
    out = StringIO()
    call_command("queue", stdout=out)
    rows = {
        " ".join(line.split()[:-1]): line.split()[-1]
        for line in out.getvalue().splitlines()
        if line
    }
    assert "clock ahead of the database's 0.0 s" in " ".join(out.getvalue().split())
    assert rows["events portal bounced"] == "1,234"
    assert rows["leases expired"] == "2"
    assert rows["waits portal"] == "3"
    assert rows["lanes that wait for a mail server"] == "1"
    assert rows["domains that asked us to slow down"] == "1"
    assert (rows["within 0.5 s"], rows["within 1 s"], rows["all"]) == ("3", "4", "4")
    assert "average 0.38" in rows
    assert rows["in hand"] == "0"
    assert rows["paused by an admin"] == "everything"
    assert "portal 1 0 0 0 0" in rows
