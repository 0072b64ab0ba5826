"""Portal servers through a real Postfix: each way PORTAL_RELAY_URL can be written."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from channels.transports import (
    OutgoingEmail,
    TransportError,
    Verdict,
    transport_class,
)
from tests.peers.outside import HOST
from tests.peers.postfix import PASSWORD, USER, Postfix
from tests.peers.sink import Sink

pytestmark = pytest.mark.postfix

EMAIL = OutgoingEmail(
    envelope_sender="b0123456789abcdef0123456789abcdef@bounce.portal.test",
    recipient="anna@customer.test",
    content=b"From: alice@acme.test\r\nSubject: Hello\r\n\r\nText.\r\n",
)


def relay_url(postfix: Postfix, way: str, password: str = PASSWORD) -> str:
    sign_in = f"{quote(USER, safe='')}:{quote(password, safe='')}@"
    ca = f"?ca={postfix.certificate}"
    return {
        "smtp": f"smtp://{HOST}:{postfix.ports.plain}",
        "starttls": f"smtp+starttls://{sign_in}{HOST}:{postfix.ports.submission}{ca}",
        "tls": f"smtps://{sign_in}{HOST}:{postfix.ports.smtps}{ca}",
    }[way]


def send(url: str) -> None:
    settings = {"PORTAL_RELAY_URL": url, "PORTAL_DOMAIN": "portal.test"}
    with transport_class("portal")(settings, {}) as transport:
        transport.send(EMAIL)
        transport.send(EMAIL)


@pytest.mark.parametrize("way", ["smtp", "starttls", "tls"])
def test_mail_leaves_each_way_over_one_connection(
    postfix: Postfix, sink: Sink, way: str
) -> None:
    send(relay_url(postfix, way))
    mail = sink.wait_for(lambda mail: mail.recipients == ("anna@customer.test",))
    assert mail.sender == EMAIL.envelope_sender


def test_a_wrong_password_of_the_relay_keeps_the_mail(postfix: Postfix) -> None:
    with pytest.raises(TransportError) as caught:
        send(relay_url(postfix, "starttls", password="wrong"))
    assert caught.value.code == 535
    assert caught.value.verdict is Verdict.CHANNEL_BROKEN


def test_a_certificate_of_another_ca_is_not_trusted(postfix: Postfix) -> None:
    url = relay_url(postfix, "tls").partition("?")[0]
    with pytest.raises(TransportError, match="certificate") as caught:
        send(url)
    assert caught.value.verdict is Verdict.CHANNEL_DOWN
