from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.bounces.classify import (
    classify,
    enhanced_in,
    reply_code_in,
)
from conversations.bounces.reasons import REASONS
from conversations.bounces.tables.codes import CODES, REPLY_CODES
from conversations.bounces.tables.phrases import PHRASES, PROVIDERS, VAGUE, WEAK


@pytest.mark.parametrize(
    ("code", "enhanced", "words", "reason"),
    [
        # As the practice relay says it.
        (550, "5.1.1", "550 5.1.1 <a@b.test>: User unknown", "address_unknown"),
        (552, "5.2.2", "552 5.2.2 Mailbox full: user is over quota", "mailbox_full"),
        (550, "5.7.1", "client host blocked using a block list", "sender_blocked"),
        # By the code alone.
        (550, "5.1.1", "Go away", "address_unknown"),
        (550, "5.1.2", "", "domain_unknown"),
        (450, "4.2.2", "", "mailbox_full"),
        (550, "5.2.3", "", "message_too_big"),
        (550, "5.4.4", "", "domain_unknown"),
        (450, "4.4.4", "", "server_unreachable"),
        (550, "5.4.6", "", "server_unreachable"),
        (550, "5.7.26", "", "auth_failed"),
        (550, "5.7.606", "", "sender_blocked"),
        (451, "4.7.650", "", "rate_limited"),
        (550, "5.6.99", "", "content_rejected"),
        (550, "5.7.1", "", "spam_policy"),
        # The code stands only in the words.
        (None, "", "550 5.1.1 no", "address_unknown"),
        (None, "", "host mx.b.test said: 550-5.2.2 sorry", "mailbox_full"),
        (None, "", "552 sorry", "mailbox_full"),
        # Words against the code: the words.
        (550, "5.1.1", "Rejected: 192.0.2.1 is listed at Spamhaus", "sender_blocked"),
        (550, "5.2.1", "The account has been disabled", "mailbox_disabled"),
        (550, "5.1.10", "RESOLVER.ADR.RecipientNotFound", "address_unknown"),
        (550, "5.4.1", "Recipient address rejected: Access denied", "address_unknown"),
        (550, "5.7.1", "Unable to relay", "sender_setup"),
        (550, "5.7.1", "rejected as spam", "spam_policy"),
        (550, "5.7.1", "You are not a member of this group", "recipient_refused"),
        (550, "5.7.1", "message failed DMARC policy", "auth_failed"),
        (554, "5.7.1", "This message contains a virus", "content_rejected"),
        (553, "5.1.8", "Domain of sender address does not exist", "sender_blocked"),
        (552, "5.3.4", "Message size exceeds fixed limit", "message_too_big"),
        (421, "4.7.0", "Too many connections from your host", "rate_limited"),
        (450, "4.7.1", "Greylisted, please come back", "rate_limited"),
        # Codes that only Microsoft has.
        (550, "5.7.124", "No", "recipient_refused"),
        (550, "5.7.508", "No", "sender_blocked"),
        (550, "5.1.90", "No", "rate_limited"),
        # What a part of a mail calls itself, where parts cannot be told apart.
        (None, "", "Content-Transfer-Encoding: 8bit Bad luck", "unknown"),
        # What an address is called says nothing.
        (550, "5.1.1", "<spam@b.test> is nobody here", "address_unknown"),
        (550, "5.0.0", "<mailbox-full@blocked.test>", "unknown"),
        # These say nothing.
        (550, "", "550 Requested action not taken", "unknown"),
        (554, "5.0.0", "Transaction failed", "unknown"),
        (550, "5.2.1", "No", "unknown"),
        (550, "5.1.10", "No", "unknown"),
        (None, "", "", "unknown"),
        (None, "nonsense", "\0\ud800", "unknown"),
    ],
)
def test_the_reason_follows_from_the_evidence(
    code: int | None, enhanced: str, words: str, reason: str
) -> None:
    assert classify(code=code, enhanced=enhanced, words=words).reason == reason


def test_it_says_what_decided() -> None:
    by_words = classify(code=550, enhanced="5.7.1", words="Mailbox is FULL")
    by_code = classify(code=550, enhanced="5.1.1", words="")
    by_reply = classify(code=530, enhanced="", words="")

    assert by_words.evidence == "words “mailbox is full”"
    assert by_code.evidence == "code 5.1.1"
    assert by_reply.evidence == "reply 530"


def test_every_reason_in_the_tables_is_a_reason() -> None:
    named = {row.reason for row in PROVIDERS + PHRASES + WEAK + VAGUE}
    assert named | set(CODES.values()) | set(REPLY_CODES.values()) <= REASONS.keys()


def test_every_phrase_can_be_found() -> None:
    for row in PROVIDERS + PHRASES + WEAK + VAGUE:
        for phrase in row.phrases:
            pieces = phrase.removesuffix("|").split("…")
            assert phrase == phrase.lower()
            assert all(piece.strip() for piece in pieces), phrase


def test_two_chinese_characters_are_words() -> None:
    assert (
        classify(code=None, enhanced="", words="帐号已停用").reason
        == "mailbox_disabled"
    )


@pytest.mark.parametrize(
    ("words", "enhanced", "reply"),
    [
        ("550 5.1.1 No", "5.1.1", 550),
        ("550-5.7.26 No", "5.7.26", 550),
        ("said: 421 4.7.0 Later", "4.7.0", 421),
        ("#5.1.1 No", "5.1.1", None),
        ("connect to 5.1.1.9 failed", "", None),
        ("see 4.4.1.2.3", "", None),
        ("version 15.1.1", "", None),
        ("after 550 tries", "", None),
        ("5501 5.11111.1", "", None),
        ("550", "", 550),
        ("", "", None),
    ],
)
def test_codes_are_told_from_other_numbers(
    words: str, enhanced: str, reply: int | None
) -> None:
    assert enhanced_in(words) == enhanced
    assert reply_code_in(words) == reply


@settings(deadline=None)
@given(st.integers() | st.none(), st.text(), st.text())
def test_nothing_anybody_says_makes_it_raise(
    code: int | None, enhanced: str, words: str
) -> None:
    assert classify(code=code, enhanced=enhanced, words=words).reason in REASONS


@pytest.mark.parametrize(
    "piece",
    ["mailbox ", "user", "5.1.", "a@", "not ", "exceed ", "address", " ", "x", "5"],
)
def test_no_words_keep_it_busy(piece: str) -> None:
    began = time.perf_counter()
    classify(code=None, enhanced="", words=piece * 200_000)
    assert time.perf_counter() - began < 1
