from __future__ import annotations

from django.test.utils import override_script_prefix

from conversations.lists.folders import FOLDERS


def test_the_address_of_a_tab_is_where_the_portal_is_served() -> None:
    assert FOLDERS["sent"].url == "/conversations/sent/"
    with override_script_prefix("/portal/"):
        assert FOLDERS["sent"].url == "/portal/conversations/sent/"
