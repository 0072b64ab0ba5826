from __future__ import annotations

import gc
import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")

application = get_wsgi_application()
# Servers load this without manage.py, which would have checked.
call_command("check")
# What is loaded by now stays: looking through it for garbage again and again would hold
# up one page in thirty for a tenth of a second.
gc.collect()
gc.freeze()
# A list of 50 rows makes some thousands of objects: looked at once, not ten times.
gc.set_threshold(20_000)
