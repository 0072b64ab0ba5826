"""Pages of Settings that conversations bring: channels know nothing of them."""

from __future__ import annotations

from django.urls import path

from conversations.views.blocked_domains import blocked_domains, unblock
from conversations.views.suppression import (
    release_suppression,
    resend_what_it_stopped,
    suppression,
)
from conversations.views.suppressions import suppressions

app_name = "suppression"
urlpatterns = [
    path("suppressed/", suppressions, name="suppressions"),
    path("suppressed/<uuid:uuid>/", suppression, name="suppression"),
    path("suppressed/<uuid:uuid>/release/", release_suppression, name="release"),
    path("suppressed/<uuid:uuid>/resend/", resend_what_it_stopped, name="resend"),
    path("team/blocked-domains/", blocked_domains, name="domains"),
    path("team/blocked-domains/<uuid:uuid>/remove/", unblock, name="unblock"),
]
