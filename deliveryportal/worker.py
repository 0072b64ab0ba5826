"""What `dramatiq deliveryportal.worker` loads: Django, and with it every actor."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import django
from django.core.management import call_command
from django.db import DatabaseError

from deliveryportal.collecting import collect_seldom
from deliveryportal.first_signal import heed_only_the_first

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")
heed_only_the_first(signal.SIGTERM)
django.setup()

# They need Django.
from channels.database.clock import clock_ahead  # noqa: E402
from conversations.sending.turns import announce_all_again  # noqa: E402
from deliveryportal.checks import queue_of_a_worker  # noqa: E402

call_command("check")
if wrong := queue_of_a_worker():
    raise SystemExit("\n".join(map(str, wrong)))
with suppress(DatabaseError):  # it may come later
    clock_ahead()  # tells if it is wrong
announce_all_again()
collect_seldom()
