"""What `dramatiq deliveryportal.worker` loads: Django, and with it every actor."""

from __future__ import annotations

import os
import signal

import django
from django.core.management import call_command

from deliveryportal.collecting import collect_seldom
from deliveryportal.first_signal import heed_only_the_first

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")
heed_only_the_first(signal.SIGTERM)
django.setup()
call_command("check")

from conversations.sending.turns import announce_all_again  # noqa: E402 - it needs Django

announce_all_again()
collect_seldom()
