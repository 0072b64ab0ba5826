from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.timezone import now

from channels.return_path import return_path
from conversations.bounces.receiver import BounceReceiver
from conversations.models import Delivery
from deliveryportal.accounts.models import User

MAILS = Path(__file__).parents[2] / "data" / "bounces"
SIZE_LIMIT = 200_000


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


@pytest.fixture
def delivery(alice: User, make_delivery: Callable[..., Delivery]) -> Delivery:
    """One that the next server has taken."""
    return make_delivery(
        alice,
        "nina@customer.test",
        state=Delivery.State.ACCEPTED,
        accepted_at=now(),
        remote_words="OK, queued",
    )


@pytest.fixture
def path(delivery: Delivery) -> str:
    """The return path of the delivery."""
    return return_path(delivery.return_token, settings.BOUNCE_DOMAIN)


@pytest.fixture
def start_receiver(transactional_db: None) -> Iterator[Callable[..., BounceReceiver]]:
    with ExitStack() as running:

        def start(protocol: str = "smtp") -> BounceReceiver:
            receiver = BounceReceiver(
                host="127.0.0.1", port=0, protocol=protocol, size_limit=SIZE_LIMIT
            )
            receiver.start()
            running.callback(receiver.stop)
            return receiver

        yield start


@pytest.fixture
def receiver(start_receiver: Callable[..., BounceReceiver]) -> BounceReceiver:
    return start_receiver()
