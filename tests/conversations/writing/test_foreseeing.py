from __future__ import annotations

from channels.models import EmailIdentity
from conversations.blocking import suppress_address
from conversations.forms import ComposeForm
from conversations.writing.foreseeing import everybody_named, foresee
from deliveryportal.accounts.models import User


def form(user: User, **fields: str) -> ComposeForm:
    return ComposeForm(user, initial=fields)


def test_of_an_unfinished_form_everybody_who_can_be_read_is_named(alice: User) -> None:
    half = form(alice, to="Anna <anna@x.test>, bert@", cc="c@x.test", people="d@x.test")
    named = [each.shown for each in everybody_named(half)]
    assert named == ["anna@x.test", "c@x.test", "d@x.test"]


def test_the_identity_in_the_form_comes_first_else_the_default(alice: User) -> None:
    other = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Acme Sales"
    )
    chosen = foresee(form(alice, identity=str(other.pk))).chosen
    assert chosen is not None
    assert chosen[0] == other
    chosen = foresee(form(alice)).chosen
    assert chosen is not None
    assert chosen[0].is_default


def test_without_an_identity_nothing_is_seen(alice: User) -> None:
    EmailIdentity.objects.all().delete()
    found = foresee(form(alice, to="anna@x.test"))
    assert (found.chosen, found.others, found.holds) == (None, [], [])


def test_who_will_not_get_it_is_told_with_how_many_will(alice: User, bob: User) -> None:
    suppression = suppress_address("nina@x.test", by=bob, note="")
    to = "nina@x.test, anna@x.test, ANNA@x.test"
    stopped = foresee(form(alice, to=to)).stopped
    assert [address.shown for address, _ in stopped.people] == ["nina@x.test"]
    assert stopped.reached == 1
    assert stopped.told_of == str(suppression.uuid)
