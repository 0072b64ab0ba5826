from __future__ import annotations

from django.test.utils import override_script_prefix

from channels.transports import all_transports
from conversations.lists.folders import FOLDERS


def test_the_address_of_a_tab_is_where_the_portal_is_served() -> None:
    assert FOLDERS["sent"].url == "/conversations/sent/"
    with override_script_prefix("/portal/"):
        assert FOLDERS["sent"].url == "/portal/conversations/sent/"


def test_an_empty_list_names_the_channels_whose_bounces_stand_here_or_do_not() -> None:
    traits = [each.traits for each in all_transports().values()]
    failed, sent = FOLDERS["failed"], FOLDERS["sent"]
    tracked = [failed.everything, failed.listing("bounced"), sent.listing("delivered")]
    others = [failed.everything, sent.listing("handed-over")]
    for each in traits:
        for listing in tracked if each.records_bounces else others:
            assert listing is not None
            assert each.label in listing.when_empty


def test_what_an_empty_list_says_is_complete() -> None:
    for folder in FOLDERS.values():
        for listing in folder.all_lists:
            assert "{" not in listing.when_empty
