from __future__ import annotations

import re

import pytest

from channels.addresses import (
    AddressError,
    mailbox,
    parse_address,
    parse_addresses,
    shown_domain,
    wire_domain,
)


def test_a_plain_address_is_its_own_wire_form() -> None:
    address = parse_address("anna@example.com")
    assert (address.name, address.shown, address.wire) == (
        "",
        "anna@example.com",
        "anna@example.com",
    )


def test_a_display_name_is_kept_apart() -> None:
    address = parse_address('"Example, Anna" <anna@example.com>')
    assert (address.name, address.wire) == ("Example, Anna", "anna@example.com")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna", "Anna <anna@example.com>"),
        ("María 🎉", "María 🎉 <anna@example.com>"),
        ("Müller, Anna", '"Müller, Anna" <anna@example.com>'),
        ('The "Boss"', '"The \\"Boss\\"" <anna@example.com>'),
        ("", "anna@example.com"),
    ],
)
def test_people_read_names_as_they_were_typed(name: str, shown: str) -> None:
    assert mailbox(name, "anna@example.com") == shown


def test_an_internationalised_domain_goes_out_in_a_labels() -> None:
    address = parse_address("anna@bücher.example")
    assert address.shown == "anna@bücher.example"
    assert address.wire == "anna@xn--bcher-kva.example"
    assert not address.needs_smtputf8


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Example.com", "Example.com"),
        ("bücher.example", "bücher.example"),
        ("BÜCHER.example", "bücher.example"),
        ("XN--Bcher-Kva.example", "bücher.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
    ],
)
def test_an_internationalised_domain_is_shown_in_one_form_however_it_was_written(
    written: str, shown: str
) -> None:
    assert parse_address(f"anna@{written}").shown == f"anna@{shown}"


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("", ""),
        ("example.com", "example.com"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("mail.xn--bcher-kva.example", "mail.bücher.example"),
        ("xn--fa-hia.example", "faß.example"),
        ("xn--bcher-KVA.example", "xn--bcher-KVA.example"),  # not what is read back
        ("xn--i-7iq.example", "xn--i-7iq.example"),  # a picture, in no domain
        ("xn--a.example", "xn--a.example"),
        ("xn--\u202e.example", "xn--\u202e.example"),
        ("xn--..example", "xn--..example"),
    ],
)
def test_a_domain_is_shown_as_people_write_it_where_that_is_the_same(
    wire: str, shown: str
) -> None:
    assert shown_domain(wire) == shown


@pytest.mark.parametrize("text", ["", "example", "not a domain", "@", 'b"@big.example'])
def test_what_is_no_domain_is_refused_in_words_about_a_domain(text: str) -> None:
    with pytest.raises(AddressError, match="is not a domain mail can be sent to"):
        wire_domain(text)


@pytest.mark.parametrize("sign", '()>@,:;"\\')
def test_what_would_split_an_address_is_refused_in_its_quotes_too(sign: str) -> None:
    with pytest.raises(AddressError, match=f"has “{re.escape(sign)}” in the quotes"):
        parse_addresses(f'"a{sign}b"@example.com')


def test_a_quoted_local_part_that_splits_nowhere_is_an_address() -> None:
    assert parse_address('"anna..berg"@example.com').wire == '"anna..berg"@example.com'


def test_an_internationalised_local_part_needs_smtputf8() -> None:
    address = parse_address("jürgen@example.com")
    assert address.wire == "jürgen@example.com"
    assert address.needs_smtputf8


def test_commas_and_semicolons_separate_addresses() -> None:
    found = parse_addresses("a@example.com, Bert <b@example.com>; c@example.com,")
    assert [address.wire for address in found] == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna", "no domain"),
        ("anna@", "no domain"),
        ("Anna <anna>", "no domain"),
        ("@example.com", "no domain"),
        ("", "at least one"),
        (" , ", "at least one"),
        ("anna@example.com\nBcc: eve@example.com", "on one line"),
        ("anna@example.com\r\n", "on one line"),
        ("an\x00na@example.com", "on one line"),
        ("anna@example.com\u2028", "on one line"),
        ("anna@-bad-.example", "not a domain"),
        ("anna@exa mple.com", "not a domain"),
        ("anna smith@example.com", "not an email address"),
        ("anna@example.com bert@example.com", "not an email address"),
        (f"{'a' * 65}@example.com", "too long"),
        (f"{'a' * 60}@{'.'.join('b' * 50 for _ in range(4))}", "too long"),
        (f"{'Ö' * 201} <anna@example.com>", "The name of anna@example.com has 201"),
        ("anna@example", "not an email address"),
        ("a@b@example.com", "not an email address"),
        ("undisclosed-recipients:;", "no domain"),
        ("Eve <a@example.com> <b@example.com>", "cannot be read"),
        ("Anna <anna@example.com", "cannot be read"),
        ("a@example.com <b@example.com>", "cannot be read"),
        ("jü rgen@example.com", "not an email address"),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        parse_addresses(text)


def test_all_that_are_no_addresses_are_named_up_to_ten() -> None:
    with pytest.raises(AddressError) as caught:
        parse_addresses("anna, anna@customer.test, bert@")
    assert [words.partition(":")[0] for words in caught.value.args] == [
        "“anna” has no domain",
        "“bert@” has no domain",
    ]
    with pytest.raises(AddressError) as caught:
        parse_addresses(",".join(f"p{number}" for number in range(1_012)))
    assert len(caught.value.args) == 11
    assert caught.value.args[-1] == "And 1,002 more like these."
