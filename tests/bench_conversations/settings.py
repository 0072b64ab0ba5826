"""The portal's, with Django's own admin beside it in Django's own templates."""

from __future__ import annotations

from pathlib import Path

import django.contrib.admin

from deliveryportal.settings import *  # noqa: F403
from deliveryportal.settings import BASE_DIR, TEMPLATES

ROOT_URLCONF = "tests.bench_conversations.stock_admin"
# Before those of the portal's theme, which have the same names.
DJANGOS_OWN = Path(django.contrib.admin.__file__).parent / "templates"
TEMPLATES = [{**TEMPLATES[0], "DIRS": [DJANGOS_OWN, BASE_DIR / "templates"]}]
