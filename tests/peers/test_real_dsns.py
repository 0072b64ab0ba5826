"""Reports that real servers write about the product's own mail, and where it ends then.

Each mail is sent by the product; what the relay has to say about it comes back over
SMTP to the product's receiver.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.peers.exim import Exim, require_exim
from tests.peers.outside import DEAD_DOMAIN, LATE, LOOP, MX_DOMAIN
from tests.peers.postfix import Postfix, require_postfix
from tests.peers.production import Production, installation
from tests.portal import wait_until

pytestmark = [pytest.mark.postfix, pytest.mark.processes]

REQUIRED: dict[type, Callable[[], None]] = {
    Postfix: require_postfix,
    Exim: require_exim,
}
PATIENCE = 180.0  # seconds; a message is given up after 20 on a quiet machine
SLOW, TOLD = "slow@customer.test", "told@customer.test"


class Case(NamedTuple):
    recipient: str
    reason: str
    words: dict[type, str]  # of a server, in its report
    evidence: dict[type, str]
    suppresses: bool = False  # at once


def both(words: str) -> dict[type, str]:
    return {Postfix: words, Exim: words}


CASES = {
    "unknown user": Case(
        f"unknown@{MX_DOMAIN}",
        "Address does not exist",
        both("The account you tried to reach does not exist"),
        both("words “account you tried to reach does not exist”"),
        suppresses=True,
    ),
    "full": Case(
        f"full@{MX_DOMAIN}",
        "Mailbox full",
        both("This mailbox is full"),
        both("words “mailbox is full”"),
    ),
    "policy": Case(
        f"policy@{MX_DOMAIN}",
        "Refused as spam or by policy",
        both("Refused by our policy"),
        both("words “our policy”"),
    ),
    "late bounce": Case(
        f"{LATE}@{MX_DOMAIN}",
        "Address does not exist",
        both("No such mailbox, as it turned out"),
        both("words “no such mailbox”"),
        suppresses=True,
    ),
    "expiry": Case(
        f"nina@{DEAD_DOMAIN}",
        "Server not reachable or timed out",
        {Postfix: "Connection refused", Exim: "retry timeout exceeded"},
        {Postfix: "words “connection refused”", Exim: "words “timeout”"},
    ),
    "loop": Case(
        f"{LOOP}@{MX_DOMAIN}",
        "Server not reachable or timed out",
        {Postfix: "too many hops", Exim: ""},  # Exim says it to its log only
        {
            Postfix: "words “too many hops”",
            Exim: "31 servers on its way: it went round in a circle",
        },
    ),
}


@pytest.fixture(scope="module", params=[Postfix, Exim])
def relay(request: pytest.FixtureRequest) -> type[Postfix | Exim]:
    kind: type[Postfix | Exim] = request.param
    REQUIRED[kind]()
    return kind


@pytest.fixture(scope="module")
def production(
    relay: type[Postfix | Exim], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp(relay.name)
    with installation(folder, relay, on_the_way=ask_for_success) as running:
        running.sign_up()
        yield running
        health = json.loads(running.visitor.get("/healthz"))
        assert health["reports_without_delivery"] == health["unreadable_reports"] == 0


def ask_for_success(commands: bytes) -> bytes:
    """The product only wants to hear of failures; of one mail it is told more."""
    asked = rb"\1 NOTIFY=SUCCESS,FAILURE,DELAY\r\n"
    return re.sub(rb"(?mi)^(rcpt to:<%b>.*?)\r\n" % TOLD.encode(), asked, commands)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_failure_shows_why_in_whose_words_and_from_what(
    production: Production, relay: type, case: Case
) -> None:
    production.visitor.write(case.recipient)
    wait_until(
        lambda: production.stands_under("failed", case.recipient, "Bounced"),
        seconds=PATIENCE,
    )
    page, report = opened(production, case.recipient, "failed")
    assert f"<strong>{case.reason}</strong>" in page
    assert case.words[relay] in " ".join(words_of(page))
    (evidence,) = evidence_of(page, "failed")
    assert case.evidence[relay] in evidence
    assert ("is held back for this" in page) == case.suppresses
    assert "Action: failed" in report
    assert case.recipient in report


def test_a_delayed_mail_is_no_failure_and_arrives(
    production: Production, relay: type
) -> None:
    production.sink.not_yet.add(SLOW)
    production.visitor.write(SLOW)
    wait_until(
        lambda: production.stands_under("pending", SLOW, "Delayed"), seconds=PATIENCE
    )
    production.sink.not_yet.remove(SLOW)
    page, report = opened(production, SLOW, "pending")
    assert "Their server is still trying since" in page
    assert "Our disk is being moved, come again later" in " ".join(words_of(page))
    assert evidence_of(page, "delayed")
    assert "Action: delayed" in report
    assert SLOW not in production.visitor.get("/conversations/failed/")
    production.sink.wait_for(lambda mail: mail.recipients == (SLOW,), PATIENCE)


def test_a_confirmation_says_no_more_than_it_knows(
    production: Production, relay: type
) -> None:
    production.visitor.write(TOLD)
    told = {
        Postfix: "Passed on, arrival not confirmed",
        Exim: "Delivery confirmed",
    }
    wait_until(lambda: told[relay] in sent_to(production, TOLD), seconds=PATIENCE)
    assert production.stands_under("sent", TOLD, "Delivered")
    page, report = opened(production, TOLD, "sent")
    said = {Postfix: "250 2.0.0 kept", Exim: "250 Ok"}
    assert said[relay] in words_of(page)
    assert evidence_of(page, {Postfix: "relayed", Exim: "delivered"}[relay])
    assert TOLD in report
    assert TOLD not in production.visitor.get("/conversations/failed/")


def sent_to(production: Production, recipient: str) -> str:
    """The page of a mail to this recipient, as soon as there is one."""
    listed = production.visitor.get("/conversations/sent/")
    return production.message_to(recipient, "sent") if recipient in listed else ""


def opened(production: Production, recipient: str, folder: str) -> tuple[str, str]:
    """The page of a message without the raw reports, and the last of those."""
    page = production.message_to(recipient, folder)
    *_, link = re.findall(r'href="(/conversations/reports/[^"]+)"', page)
    without = re.sub(r'(?s)<details id="report-.*?</details>', "", page)
    return without, production.visitor.get(link)


def words_of(page: str) -> list[str]:
    """What servers said, event by event."""
    return re.findall(r'<p class="words">(.*?)</p>', page, re.DOTALL)


def evidence_of(page: str, action: str) -> list[str]:
    """What each report of this action was read from."""
    found = re.findall(r"<dt>Read from</dt>\s*<dd>\s*(.*?)\s*</dd>", page, re.DOTALL)
    return [evidence for evidence in found if f"Action: {action}" in evidence]
