from __future__ import annotations

import pytest

from channels.imitation import imitated, skeletons
from channels.models import EmailIdentity
from deliveryportal.accounts.models import User
from tests.conftest import person


def seems(display_name: str, owner: User, address: str = "new@acme.test") -> str:
    return imitated(display_name, owner=owner, address=address)


@pytest.mark.parametrize(
    "name",
    [
        "Bob Acme",
        "bob  ACME",
        "Bob\N{NO-BREAK SPACE}Acme",
        "BobAcme",
        "B.o.b A.c.m.e",
        "Acme, Bob",
        "Bób Acmé",
        "Bob Acme ✓",
        "Bob\N{ZERO WIDTH SPACE} Ac\N{SOFT HYPHEN}me",
        "Bob\N{VARIATION SELECTOR-16} Acme\N{HANGUL FILLER}",
        "B\N{COMBINING LONG SOLIDUS OVERLAY}ob Acme",
        "\N{CYRILLIC CAPITAL LETTER VE}ob Acme",
        "Bob \N{CYRILLIC CAPITAL LETTER A}\N{CYRILLIC SMALL LETTER ES}me",
        "B\N{GREEK SMALL LETTER OMICRON}b Acme",
        "\N{GREEK CAPITAL LETTER BETA}ob Acme",
        "B0b Acme",
        "𝐁𝐨𝐛 𝐀𝐜𝐦𝐞",
        "Ｂｏｂ Ａｃｍｅ",
        "Bob Acrne",
        "Łob Acme".replace("Ł", "ʙ"),
    ],
)
def test_what_reads_like_a_team_mates_name_is_found(alice: User, name: str) -> None:
    assert seems(name, alice) == "Bob Acme"


@pytest.mark.parametrize(
    ("name", "looks_like"),
    [
        ("Lilli", "1i|Ii"),
        ("Νίκος", "ΝΙΚΟΣ"),
        ("Иван Петров", "ИВАН  ПЕТРОВ"),
        ("राम", "राम\N{ZERO WIDTH JOINER}"),
    ],
)
def test_names_that_look_the_same_share_a_skeleton(name: str, looks_like: str) -> None:
    assert skeletons(name) & skeletons(looks_like)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Anna", "Anne"),
        ("राम", "रमा"),
        ("Иван", "Ивана"),
        ("Νίκος", "Νίκη"),
        ("王伟", "王芳"),
        ("✓", "★"),
        ("", ""),
    ],
)
def test_different_names_do_not(name: str, other: str) -> None:
    assert not skeletons(name) & skeletons(other)


def test_longer_names_are_names_of_their_own(alice: User) -> None:
    assert not seems("Office of Bob Acme", alice)


def test_what_a_mate_writes_as_is_theirs_too(alice: User, bob: User) -> None:
    EmailIdentity.objects.create(
        owner=bob, address="ceo@acme.test", display_name="The Boss"
    )
    assert seems("THE B0SS", alice) == "The Boss"


def test_ones_own_names_are_fine_even_if_a_mate_has_them_too(
    alice: User, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(name=alice.name)
    assert not seems("alice acme", alice)
    EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )
    EmailIdentity.objects.create(
        owner=bob, address="sales2@acme.test", display_name="Sales"
    )
    assert not seems("Sales", alice)


def test_people_who_share_an_address_may_share_its_name(alice: User, bob: User) -> None:
    EmailIdentity.objects.create(
        owner=bob, address="sales@acme.test", display_name="Sales"
    )
    assert seems("Sales", alice, "other@acme.test") == "Sales"
    assert not seems("Sales", alice, "SALES@acme.test")


def test_other_teams_have_their_own_names(charlie: User, bob: User) -> None:
    assert not seems(bob.name, charlie)


def test_a_newcomer_called_like_a_team_mate_gets_another_display_name(
    bob: User,
) -> None:
    newcomer = person("Bob", team_of=bob, email="bob2@acme.test")
    identity = EmailIdentity.objects.get(owner=newcomer)
    assert identity.display_name == "bob2"
