"""Dates and times where no template says how: in Django admin.

Django finds these names by FORMAT_MODULE_PATH. To the second, since an operator compares
them with logs.
"""

from __future__ import annotations

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
