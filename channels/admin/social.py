from __future__ import annotations

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin

# allauth shows tokens and the client's secret there. Tokens are the channel's, the
# client is the environment's; neither has rows of these.
HIDDEN = (SocialAccount, SocialApp, SocialToken)

admin.site.unregister(HIDDEN)
