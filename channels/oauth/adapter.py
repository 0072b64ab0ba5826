from __future__ import annotations

from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base import Provider
from django.conf import settings
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import redirect

from channels.secrets import decrypt, encrypt


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """A provider connects channels; it is a way to sign in only where that is on."""

    def list_providers(self, request: HttpRequest) -> list[Provider]:
        """The ways to sign in, as the sign-in page offers them."""
        return [
            provider
            for provider in super().list_providers(request)
            if provider.id in settings.SIGN_IN_PROVIDERS
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if sociallogin.account.provider not in settings.SIGN_IN_PROVIDERS:
            self._turn_away(request, "Sign in with your email address and password.")

    def is_open_for_signup(
        self, request: HttpRequest, sociallogin: SocialLogin
    ) -> bool:
        """Nobody: to found a team or join one takes more than a Google account."""
        return False

    def on_authentication_error(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> None:
        self._turn_away(request, "That sign-in did not work. Please try again.")

    def _turn_away(self, request: HttpRequest, words: str) -> NoReturn:
        messages.error(request, words)
        raise ImmediateHttpResponse(redirect("account_login"))

    # allauth parks a whole sign-in, its tokens too, in the session while a person
    # confirms who they are.

    def serialize_instance(self, instance: Model) -> dict[str, Any]:
        data: dict[str, Any] = super().serialize_instance(instance)
        if isinstance(instance, SocialToken):
            data |= {name: encrypt(data[name] or "") for name in TOKEN_FIELDS}
        return data

    def deserialize_instance(self, model: type[Model], data: dict[str, Any]) -> Model:
        if model is SocialToken:
            data = data | {name: decrypt(data[name]) for name in TOKEN_FIELDS}
        found: Model = super().deserialize_instance(model, data)
        return found


TOKEN_FIELDS = ("token", "token_secret")
