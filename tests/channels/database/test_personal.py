from __future__ import annotations

from django.db.models import QuerySet

from channels.database.personal import found_for
from channels.models import Channel
from deliveryportal.accounts.models import User


def test_what_was_put_into_words_for_one_is_asked_for_the_next(
    alice: User, bob: User, charlie: User
) -> None:
    channels = {
        user.pk: Channel.objects.create(
            kind="smtp", owner=user, health=Channel.Health.PAUSED
        )
        for user in (alice, bob, charlie)
    }
    for user in (alice, bob, charlie, alice):
        assert found_for(user, Channel.objects.broken_for) == [channels[user.pk]]


def test_what_is_found_is_what_django_finds(alice: User, bob: User) -> None:
    Channel.objects.create(
        kind="smtp",
        team=alice.team,
        config={"host": "smtp.acme.test"},
        credentials={"password": "secret"},
        health=Channel.Health.PAUSED,
        paused_because="535 refused",
    )
    [found] = found_for(alice, Channel.objects.broken_for)
    [known] = Channel.objects.broken_for(alice)
    for field in Channel._meta.concrete_fields:
        read, expected = (getattr(each, field.attname) for each in (found, known))
        assert (dict(read) if field.name == "credentials" else read) == (
            dict(expected) if field.name == "credentials" else expected
        )


def test_a_query_is_put_into_words_once_for_each_role(alice: User, bob: User) -> None:
    asked = []

    def mates(user: User) -> QuerySet[User]:
        asked.append(user.role)
        mine = User.objects.filter(team=user.team_id)
        return mine.order_by("pk") if user.is_manager else mine.none()

    for _ in range(2):
        assert found_for(alice, mates) == []
        assert found_for(bob, mates) == [bob, alice]
    assert asked == [alice.role, bob.role]


def test_fields_that_were_left_out_are_read_when_asked_for(alice: User) -> None:
    def names(user: User) -> QuerySet[User]:
        return User.objects.filter(pk=user.pk).only("name")

    [found] = found_for(alice, names)
    assert found.get_deferred_fields() >= {"email", "password"}
    assert found.email == alice.email
