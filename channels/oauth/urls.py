from __future__ import annotations

from django.urls import path

from channels.oauth.views import begin, by_token, connections, finish

# Where allauth has them too: it builds its links to these.
urlpatterns = [
    path("<slug:provider>/login/", begin),
    path("<slug:provider>/login/callback/", finish),
    path("<slug:provider>/login/token/", by_token),
    path("3rdparty/", connections),
]
