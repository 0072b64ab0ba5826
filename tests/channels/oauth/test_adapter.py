from __future__ import annotations

import json

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin


def test_a_parked_token_is_unreadable_and_comes_back(db: None) -> None:
    adapter = get_adapter()
    parked = adapter.serialize_instance(
        SocialToken(token="ya29.a", token_secret="1//r")
    )
    assert "ya29.a" not in json.dumps(parked)
    assert "1//r" not in json.dumps(parked)
    back = adapter.deserialize_instance(SocialToken, parked)
    assert (back.token, back.token_secret) == ("ya29.a", "1//r")


def test_a_token_without_a_secret_can_be_parked_too(db: None) -> None:
    adapter = get_adapter()
    parked = adapter.serialize_instance(SocialToken(token="ya29.a"))
    assert adapter.deserialize_instance(SocialToken, parked).token_secret == ""


def test_what_is_no_token_is_parked_as_allauth_does_it(db: None) -> None:
    adapter = get_adapter()
    parked = adapter.serialize_instance(SocialAccount(uid="17", provider="google"))
    assert parked["uid"] == "17"
    assert adapter.deserialize_instance(SocialAccount, parked).uid == "17"


def test_admin_shows_no_tokens_and_no_client_secret() -> None:
    for model in (SocialAccount, SocialApp, SocialToken):
        assert not admin.site.is_registered(model)
