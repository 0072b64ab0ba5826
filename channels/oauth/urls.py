from __future__ import annotations

from django.urls import path

from channels.oauth.views import begin, connections, finish

# Where allauth has them too: it builds its links to these.
urlpatterns = [
    path("<slug:provider>/login/", begin),
    path("<slug:provider>/login/callback/", finish),
    path("3rdparty/", connections),
]
