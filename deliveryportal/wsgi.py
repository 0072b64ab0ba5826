from __future__ import annotations

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from deliveryportal.collecting import collect_seldom

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")

application = get_wsgi_application()
# Servers load this without manage.py, which would have checked.
call_command("check")
collect_seldom()
