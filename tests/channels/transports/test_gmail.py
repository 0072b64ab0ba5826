"""Gmail's transport against a Google on loopback: sent once, or known not to be."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from channels import calling
from channels.lines import hang_up, pick_up
from channels.transports import (
    OutgoingEmail,
    SettingsError,
    Transport,
    TransportError,
    Verdict,
    _google,
    transport_class,
)
from tests.peers.google import (
    ALICE,
    CLIENT_ID,
    CLIENT_SECRET,
    GMAIL_SEND,
    REVOKE,
    SEND,
    TOKEN,
    UPLOAD,
    Google,
)
from tests.peers.not_picking_up import nobody_picks_up
from tests.portal import free_port, wait_until

GMAIL = transport_class("gmail")
CONTENT = (
    b"From: Alice Acme <alice@workspace.test>\r\n"
    b"To: anna@customer.test\r\n"
    b"Subject: Hello\r\n"
    b"\r\n"
    b"From here,\r\n.and there.\r\n"
)
LARGE = (
    CONTENT
    + b"From the seventy-two characters of a line, many times over: 1234567890\r\n"
    * 60_000
)

pytestmark = pytest.mark.google


def email(content: bytes = CONTENT, *, thread: str = "") -> OutgoingEmail:
    return OutgoingEmail(
        envelope_sender=ALICE,
        recipient="anna@customer.test",
        content=content,
        thread=thread,
    )


def settings_for(base: str, **changes: str) -> dict[str, str]:
    return {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "GOOGLE_BASE": base,
        **changes,
    }


@pytest.fixture
def gmail(google: Google) -> Iterator[Transport]:
    with GMAIL(settings_for(google.url), google.grant(ALICE)) as transport:
        yield transport


def failure(
    transport: Transport, message: OutgoingEmail | None = None
) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(message or email())
    return caught.value


# --- accepted -----------------------------------------------------------------


def test_mail_lies_in_sent_byte_for_byte(google: Google, gmail: Transport) -> None:
    receipt = gmail.send(email())
    (mail,) = google.sent(ALICE)
    assert mail.content == CONTENT
    assert (receipt.remote_id, receipt.thread) == (mail.id, mail.thread)
    assert receipt.remote == "gmail.googleapis.com"
    assert receipt.code == 200


def test_a_follow_up_stays_in_its_thread(google: Google, gmail: Transport) -> None:
    first = gmail.send(email())
    second = gmail.send(email(thread=first.thread))
    assert second.thread == first.thread
    assert second.remote_id != first.remote_id


def test_a_thread_that_is_gone_does_not_keep_mail_from_leaving(
    google: Google, gmail: Transport
) -> None:
    google.error(SEND, 404, "notFound", "Requested entity was not found.")
    receipt = gmail.send(email(thread="gone"))
    (mail,) = google.sent(ALICE)
    assert mail.id == receipt.remote_id
    assert mail.thread != "gone"


def test_large_mail_goes_by_upload(google: Google, gmail: Transport) -> None:
    gmail.send(email(LARGE))
    assert google.log[-1] == UPLOAD
    assert google.sent(ALICE)[0].content == LARGE


def test_large_mail_stays_in_its_thread_too(google: Google, gmail: Transport) -> None:
    first = gmail.send(email())
    second = gmail.send(email(LARGE, thread=first.thread))
    assert google.log[-1] == UPLOAD
    assert second.thread == first.thread
    assert google.sent(ALICE)[1].content == LARGE


def test_large_mail_of_8_bit_goes_by_upload_without_naming_its_thread(
    google: Google, gmail: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_google, "JSON_LIMIT", 10)
    content = "To: ännä@customer.test\r\n\r\nText.\r\n".encode()
    gmail.send(email(content, thread="one"))
    assert google.sent(ALICE)[0].content == content


def test_one_connection_serves_many_messages(google: Google, gmail: Transport) -> None:
    ids = {gmail.send(email()).remote_id for _ in range(5)}
    assert ids == {mail.id for mail in google.sent(ALICE)}
    assert len(ids) == 5


def test_an_expired_token_is_replaced_and_the_mail_sent_once(
    google: Google, gmail: Transport
) -> None:
    google.expire_tokens()
    gmail.send(email())
    assert len(google.sent(ALICE)) == 1
    assert google.log[-3:] == [SEND, TOKEN, SEND]


# --- what Gmail's answers mean ------------------------------------------------

A_QUARTER_OF_AN_HOUR = timedelta(minutes=15)
IN_A_QUARTER = "Retry after {:%Y-%m-%dT%H:%M:%S.000Z}"


@pytest.mark.parametrize(
    ("status", "reason", "verdict", "words"),
    [
        (400, "invalidArgument", Verdict.REFUSED, "Invalid To header"),
        (400, "invalidArgument", Verdict.REFUSED, "Recipient address required"),
        (413, "uploadTooLarge", Verdict.REFUSED, "Too large"),
        (400, "failedPrecondition", Verdict.CHANNEL_BROKEN, "Mail service not enabled"),
        (403, "rateLimitExceeded", Verdict.CHANNEL_DOWN, "Rate Limit Exceeded"),
        (403, "userRateLimitExceeded", Verdict.CHANNEL_DOWN, "Quota exceeded for …"),
        (403, "dailyLimitExceeded", Verdict.CHANNEL_DOWN, "Daily Limit Exceeded"),
        (403, "insufficientPermissions", Verdict.CHANNEL_BROKEN, "tick"),
        (403, "domainPolicy", Verdict.CHANNEL_BROKEN, "company’s Google admin"),
        (403, "forbidden", Verdict.CHANNEL_BROKEN, "Delegation denied"),
        (403, "accessNotConfigured", Verdict.CHANNEL_DOWN, "Its admin has to"),
        (403, "somethingNew", Verdict.CHANNEL_DOWN, "Never heard of"),
        (404, "notFound", Verdict.CHANNEL_DOWN, "Requested entity was not found."),
        (429, "rateLimitExceeded", Verdict.CHANNEL_DOWN, "Too many requests"),
        (429, "userRateLimitExceeded", Verdict.CHANNEL_DOWN, "(Mail sending)"),
        (500, "backendError", Verdict.UNKNOWN, "Internal error"),
        (502, "", Verdict.UNKNOWN, "Bad Gateway"),
        (503, "backendError", Verdict.UNKNOWN, "Backend Error"),
        (302, "", Verdict.CHANNEL_DOWN, "Moved"),
    ],
)
def test_each_answer_has_its_meaning(
    google: Google,
    gmail: Transport,
    status: int,
    reason: str,
    verdict: Verdict,
    words: str,
) -> None:
    google.error(SEND, status, reason, words)
    error = failure(gmail)
    assert (error.verdict, error.code) == (verdict, status)
    assert words in error.words
    assert error.wait is None or reason == "dailyLimitExceeded"
    assert google.log.count(SEND) == 1
    assert google.sent(ALICE) == []
    # The channel goes on with the next message.
    assert gmail.send(email()).remote_id


def test_a_body_without_googles_shape_is_read_all_the_same(
    google: Google, gmail: Transport
) -> None:
    google.fault(SEND, status=403, body={"message": "API rate limit exceeded"})
    error = failure(gmail)
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert error.words == "API rate limit exceeded"


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        "text",
        {"error": "access_denied"},
        {"error": None},
        {"error": {"errors": {}, "details": "x", "message": None}},
        {"error": {"errors": [7, {"reason": 7}], "message": {"a": 1}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_no_body_however_odd_breaks_the_channel(
    google: Google, gmail: Transport, status: int, body: object
) -> None:
    google.fault(SEND, status=status, body=body)
    error = failure(gmail)
    assert error.code == status
    assert error.verdict in {Verdict.REFUSED, Verdict.CHANNEL_DOWN}


def test_the_time_in_the_message_is_kept(google: Google, gmail: Transport) -> None:
    until = now() + A_QUARTER_OF_AN_HOUR
    google.error(
        SEND,
        429,
        "userRateLimitExceeded",
        f"User-rate limit exceeded.  {IN_A_QUARTER.format(until)} (Mail sending)",
    )
    wait = failure(gmail).wait
    assert wait is not None
    assert timedelta(minutes=14) < wait <= A_QUARTER_OF_AN_HOUR


def test_retry_after_is_kept(google: Google, gmail: Transport) -> None:
    google.error(SEND, 429, "rateLimitExceeded", headers={"Retry-After": "120"})
    assert failure(gmail).wait == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("distance", "wait"),
    [(timedelta(hours=-1), None), (timedelta(days=400), timedelta(hours=24))],
)
def test_a_wrong_time_does_no_harm(
    google: Google, gmail: Transport, distance: timedelta, wait: timedelta | None
) -> None:
    google.error(SEND, 429, "x", IN_A_QUARTER.format(now() + distance))
    assert failure(gmail).wait == wait


def test_a_used_up_day_waits_for_the_next(google: Google, gmail: Transport) -> None:
    google.error(SEND, 403, "dailyLimitExceeded")
    error = failure(gmail)
    assert error.wait is not None
    assert (now() + error.wait).hour in {7, 8}
    assert timedelta(0) < error.wait <= timedelta(hours=24)


def test_what_is_the_operators_to_mend_is_logged_for_them(
    google: Google, gmail: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    google.error(SEND, 403, "accessNotConfigured", "API has not been used\nin project")
    failure(gmail)
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "API has not been used\\nin project" in record.getMessage()


# --- the one moment when nobody can know --------------------------------------


@pytest.mark.parametrize("match", [SEND, UPLOAD])
def test_a_lost_answer_is_unknown_and_the_mail_was_sent_once(
    google: Google, gmail: Transport, match: str
) -> None:
    google.fault(match, apply=True, hangUp=True)
    error = failure(gmail, email(LARGE if match == UPLOAD else CONTENT))
    assert error.verdict is Verdict.UNKNOWN
    assert google.log.count(match) == 1
    assert len(google.sent(ALICE)) == 1
    gmail.send(email())
    assert len(google.sent(ALICE)) == 2


def test_an_answer_that_takes_too_long_is_unknown(
    google: Google, gmail: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_google, "SEND_TIMEOUT", (5.0, 0.2))
    google.fault(SEND, apply=True, delay=2000)
    assert failure(gmail).verdict is Verdict.UNKNOWN
    assert google.log.count(SEND) == 1


@pytest.mark.parametrize("body", [{}, {"id": ""}, "taken"], ids=str)
def test_an_acceptance_that_names_no_message_is_unknown(
    google: Google, gmail: Transport, body: object
) -> None:
    google.fault(SEND, apply=True, status=200, body=body)
    assert failure(gmail).verdict is Verdict.UNKNOWN


def test_a_lost_answer_after_a_renewed_token_is_unknown(
    google: Google, gmail: Transport
) -> None:
    google.expire_tokens()
    google.fault(SEND, status=401, body={})
    google.fault(SEND, apply=True, hangUp=True)
    assert failure(gmail).verdict is Verdict.UNKNOWN
    assert len(google.sent(ALICE)) == 1


class Hangs:
    """Takes connections and reads at most so many bytes of each, then hangs up."""

    def __init__(self, reads: int, reply: bytes = b"") -> None:
        hangs = self
        self.connections = self.taken = 0

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                hangs.connections += 1
                left = reads
                while left > 0 and (got := self.request.recv(min(left, 65536))):
                    left -= len(got)
                    hangs.taken += len(got)
                self.request.sendall(reply)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


@contextmanager
def hangs(reads: int, reply: bytes = b"") -> Iterator[tuple[str, Hangs]]:
    peer = Hangs(reads, reply)
    thread = threading.Thread(target=peer.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{peer.server.server_address[1]}", peer
    finally:
        peer.server.shutdown()
        thread.join()
        peer.server.server_close()


def at(base: str) -> Transport:
    return GMAIL(settings_for(base), {"access_token": "a", "refresh_token": "r"})


@pytest.mark.parametrize("reads", [0, 1000])
def test_a_connection_lost_in_the_middle_of_a_message_means_that_it_was_not_sent(
    reads: int,
) -> None:
    with hangs(reads) as (peer, seen), at(f"http://{peer}") as gmail:
        error = failure(gmail, email(LARGE))
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert seen.connections == 1


def test_whoever_hangs_up_on_a_google_that_says_nothing_is_in_doubt() -> None:
    raised: list[TransportError] = []
    with hangs(10**9) as (peer, seen), at(f"http://{peer}") as gmail:
        waiting = threading.Thread(target=lambda: raised.append(failure(gmail)))
        waiting.start()
        wait_until(lambda: seen.taken > len(CONTENT) * 4 / 3)
        hang_up()
        try:
            waiting.join(timeout=30)
        finally:
            pick_up()
    [error] = raised
    assert error.verdict is Verdict.UNKNOWN


def test_whoever_hangs_up_on_a_google_that_does_not_pick_up_has_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connecting = threading.Event()
    connected = calling._connected

    def begin(*how: Any) -> socket.socket:
        connecting.set()
        return connected(*how)

    monkeypatch.setattr(calling, "_connected", begin)
    raised: list[TransportError] = []
    with nobody_picks_up() as peer, at(f"http://{peer}") as gmail:
        waiting = threading.Thread(target=lambda: raised.append(failure(gmail)))
        waiting.start()
        assert connecting.wait(60)
        hang_up()
        try:
            waiting.join(timeout=_google.SEND_TIMEOUT[0] / 2)
            assert not waiting.is_alive()
        finally:
            pick_up()
    [error] = raised
    assert error.verdict is Verdict.CHANNEL_DOWN


def test_nobody_there_means_that_it_was_not_sent() -> None:
    with at(f"http://127.0.0.1:{free_port()}") as gmail:
        error = failure(gmail)
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert error.stage == "connection"


def test_a_name_that_is_not_known_means_that_it_was_not_sent() -> None:
    with at("http://google.invalid:1") as gmail:
        assert failure(gmail).verdict is Verdict.CHANNEL_DOWN


def test_no_tls_means_that_it_was_not_sent() -> None:
    with hangs(10, b"220 hello\r\n") as (peer, seen), at(f"https://{peer}") as gmail:
        error = failure(gmail)
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert seen.connections == 1


# --- the grant ----------------------------------------------------------------


def test_a_revoked_grant_breaks_the_channel(google: Google, gmail: Transport) -> None:
    google.revoke_grants()
    error = failure(gmail)
    assert error.verdict is Verdict.CHANNEL_BROKEN
    assert error.words.startswith("The permission was taken back, or it has expired.")
    assert google.sent(ALICE) == []


def test_a_token_that_google_never_accepts_breaks_the_channel(
    google: Google, gmail: Transport
) -> None:
    google.fault(SEND, status=401, body={"error": {"message": "Invalid"}}, times=9)
    assert failure(gmail).verdict is Verdict.CHANNEL_BROKEN
    assert google.log.count(SEND) == 2


def test_a_grant_that_cannot_send_breaks_the_channel(google: Google) -> None:
    scope = "https://www.googleapis.com/auth/gmail.labels"
    with GMAIL(settings_for(google.url), google.grant(ALICE, scope)) as gmail:
        error = failure(gmail)
    assert error.verdict is Verdict.CHANNEL_BROKEN
    assert "“Send email on your behalf”" in error.words


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"status": 400, "body": {"error": "invalid_grant"}}, Verdict.CHANNEL_BROKEN),
        (
            {
                "status": 400,
                "body": {"error": "invalid_grant", "error_subtype": "invalid_rapt"},
            },
            Verdict.CHANNEL_BROKEN,
        ),
        (
            {"status": 400, "body": {"error": "admin_policy_enforced"}},
            Verdict.CHANNEL_BROKEN,
        ),
        ({"status": 401, "body": {"error": "invalid_client"}}, Verdict.CHANNEL_DOWN),
        ({"status": 400, "body": {"error": "something_new"}}, Verdict.CHANNEL_DOWN),
        ({"status": 404, "body": "<html>"}, Verdict.CHANNEL_DOWN),
        ({"status": 503, "body": {}}, Verdict.CHANNEL_DOWN),
        ({"status": 200, "body": {}}, Verdict.CHANNEL_DOWN),
        ({"status": 200, "body": []}, Verdict.CHANNEL_DOWN),
        ({"hangUp": True}, Verdict.CHANNEL_DOWN),
    ],
    ids=str,
)
def test_what_keeps_from_a_fresh_token_has_its_meaning(
    google: Google, fault: dict[str, Any], verdict: Verdict
) -> None:
    tokens = google.grant(ALICE)
    google.fault(TOKEN, **fault)
    with pytest.raises(TransportError) as caught:
        GMAIL.renew(settings_for(google.url), tokens)
    assert caught.value.verdict is verdict


def test_a_wrong_client_is_the_operators_to_mend(
    google: Google, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(google.url, GOOGLE_CLIENT_SECRET="wrong")
    with pytest.raises(TransportError) as caught:
        GMAIL.renew(settings, google.grant(ALICE))
    assert caught.value.verdict is Verdict.CHANNEL_DOWN
    assert "invalid_client" in caplog.text
    assert "wrong" not in caplog.text


def test_without_a_refresh_token_nobody_is_asked(google: Google) -> None:
    with pytest.raises(TransportError) as caught:
        GMAIL.renew(settings_for(google.url), {})
    assert caught.value.verdict is Verdict.CHANNEL_BROKEN
    assert google.log == []


def test_renewed_credentials_are_good_for_an_hour(google: Google) -> None:
    tokens = google.grant(ALICE)
    stored = dict(GMAIL.account(tokens, claims(), now()).credentials)
    fresh = GMAIL.renew(settings_for(google.url), stored)
    assert fresh["access_token"] != tokens["access_token"]
    assert fresh["refresh_token"] == tokens["refresh_token"]
    assert fresh["scope"] == stored["scope"]
    assert all(isinstance(each, str) for each in fresh.values())
    assert not GMAIL.needs_renewal(fresh, now())
    assert GMAIL.needs_renewal(fresh, now() + timedelta(minutes=59, seconds=30))
    assert GMAIL.needs_renewal({}, now())


def test_disconnecting_gives_the_grant_back(google: Google, gmail: Transport) -> None:
    GMAIL.disconnect(gmail.settings, gmail.credentials)
    assert google.log[-1] == REVOKE
    assert failure(gmail).verdict is Verdict.CHANNEL_BROKEN


def test_disconnecting_never_fails(google: Google) -> None:
    nobody = settings_for(f"http://127.0.0.1:{free_port()}")
    GMAIL.disconnect(nobody, {"refresh_token": "r"})
    GMAIL.disconnect(settings_for(google.url), {"refresh_token": "unknown"})
    GMAIL.disconnect(settings_for(google.url), {})
    assert google.log == [REVOKE]


# --- secrets ------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        lambda google: google.revoke_grants(),
        lambda google: google.fault(SEND, apply=True, hangUp=True),
        lambda google: google.error(SEND, 403, "forbidden"),
        lambda google: google.fault(SEND, status=200, body="nonsense"),
    ],
)
def test_no_token_is_in_an_error_or_a_log(
    google: Google,
    gmail: Transport,
    trouble: Callable[[Google], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble(google)
    with caplog.at_level("DEBUG"):
        error: BaseException | None = failure(gmail)
    said = caplog.text
    while error is not None:
        said += f"{error!r} {error} {getattr(error, '__dict__', '')}"
        assert error.__cause__ is None
        error = None if error.__suppress_context__ else error.__context__
    tokens = [gmail.credentials[name] for name in ("access_token", "refresh_token")]
    for secret in (*tokens, CLIENT_SECRET, "a+client+secret"):
        assert secret not in said


# --- what it asks of a grant --------------------------------------------------


def claims(**changes: object) -> dict[str, object]:
    return {"email": ALICE, "email_verified": True, **changes}


def grant(**changes: object) -> dict[str, object]:
    return {
        "access_token": "a",
        "refresh_token": "r",
        "expires_in": 3599,
        "scope": f"openid {GMAIL_SEND}",
        **changes,
    }


def test_a_workspace_account_is_known_by_its_domain() -> None:
    account = GMAIL.account(grant(), claims(hd="workspace.test"), now())
    assert account.config == {"hd": "workspace.test", "per_day": 2000}
    assert GMAIL.account(grant(), claims(), now()).config["per_day"] == 500


@pytest.mark.parametrize(
    ("tokens", "about", "words"),
    [
        (grant(scope="openid email"), claims(), "tick the box"),
        (grant(scope=f"{GMAIL_SEND}.more"), claims(), "tick the box"),
        ({"access_token": "a"}, claims(), "tick the box"),
        (grant(), claims(email_verified=False), "not verified"),
    ],
)
def test_a_grant_that_will_not_do_says_why(
    tokens: dict[str, object], about: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        GMAIL.account(tokens, about, now())


def test_it_is_unavailable_until_the_admin_has_set_up_google() -> None:
    assert GMAIL.unavailable(settings_for("")) == ""
    without = settings_for("", GOOGLE_CLIENT_ID="")
    assert GMAIL.unavailable(without) == "Your admin has not set up Google yet."
