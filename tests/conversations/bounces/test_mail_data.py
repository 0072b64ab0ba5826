from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversations.bounces.mail_data import MailData

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"x", b"\0"]))


@given(OCTETS.map(b"".join), st.lists(st.integers(1, 7), min_size=1))
def test_however_the_network_cuts_it_the_mail_and_what_follows_are_the_same(
    octets: bytes, cuts: list[int]
) -> None:
    sent = octets.replace(b"\r\n.\r\n", b"") + b"\r\n.\r\nNOOP\r\n"
    whole, pieces = MailData(10_000), MailData(10_000)
    after = whole.feed(sent)
    rest = None
    while rest is None:
        size = cuts[0]
        cuts = cuts[1:] + cuts[:1]
        rest, sent = pieces.feed(sent[:size]), sent[size:]
    assert rest + sent == after
    assert pieces.content() == whole.content()


@given(st.binary(max_size=200))
def test_what_a_client_makes_transparent_arrives_as_it_was(raw: bytes) -> None:
    lines = raw.split(b"\r\n")
    sent = b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines)
    mail = MailData(10_000)
    assert mail.feed(sent + b"\r\n.\r\n") == b""
    assert mail.content() == raw + b"\r\n"


def test_of_a_mail_that_is_too_big_nothing_is_held() -> None:
    mail = MailData(1000)
    for _ in range(100):
        assert mail.feed(b"x" * 1000) is None
        assert len(mail._octets) <= 1002
    assert mail.feed(b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
    assert mail.too_big


def test_a_mail_may_be_as_big_as_the_limit_and_no_bigger() -> None:
    for size, too_big in ((998, False), (999, True)):
        mail = MailData(1000)
        mail.feed(b"x" * size + b"\r\n.\r\n")
        assert mail.too_big is too_big
