"""To a provider's consent page and back, with allauth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess, ProviderException
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from requests import RequestException

from channels.transports import Transport

logger = logging.getLogger(__name__)


class ConsentError(Exception):
    """Nothing was granted; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person has granted. `tokens` is the token endpoint's whole answer."""

    login: SocialLogin
    tokens: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """The account's name at the provider, which never changes."""
        return str(self.login.account.uid)

    @property
    def claims(self) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = self.login.account.extra_data
        return claims

    @property
    def is_for_a_channel(self) -> bool:
        """Else it is a way to sign in."""
        return bool(self.login.state.get("process") == AuthProcess.CONNECT)


def ask(request: HttpRequest, transport: type[Transport]) -> HttpResponse:
    """Lead to the consent page of the transport's provider."""
    provider = get_adapter(request).get_provider(request, transport.oauth_provider)
    response: HttpResponse = provider.redirect(
        request,
        process=AuthProcess.CONNECT,
        scope=list(transport.oauth_scopes),
        auth_params=dict(transport.oauth_parameters),
    )
    return response


def receive(request: HttpRequest, provider_id: str) -> Grant:
    """Return what the person who comes back has granted; raise ConsentError."""
    provider = get_adapter(request).get_provider(request, provider_id)
    try:
        state = provider.unstash_redirect_state(request, request.GET.get("state", ""))
    except PermissionDenied:
        raise ConsentError(
            "That took too long, or it was not begun here. Please begin again."
        ) from None
    if request.GET.get("error") == "access_denied":
        raise ConsentError(f"You cancelled at {provider.name}. Nothing was connected.")
    if "code" not in request.GET:
        logger.warning("%s: %r", provider.id, request.GET.get("error", "")[:200])
        raise ConsentError(f"{provider.name} did not agree. Please try again.")
    try:
        return _exchange(request, provider, state)
    except (OAuth2Error, RequestException, ProviderException) as error:
        logger.warning("%s: %r", provider.id, str(error)[:500])
        raise ConsentError(
            f"{provider.name} did not complete it. Please try again in a moment."
        ) from None


def _exchange(request: HttpRequest, provider: Any, state: dict[str, Any]) -> Grant:
    adapter = provider.get_oauth2_adapter(request)
    client = adapter.get_client(request, provider.app)
    tokens = adapter.get_access_token_data(
        request,
        provider.app,
        client,
        pkce_code_verifier=state.get("pkce_code_verifier"),
    )
    token = adapter.parse_token(tokens)
    login = adapter.complete_login(request, provider.app, token, response=tokens)
    login.token, login.state = token, state
    return Grant(login, tokens)
