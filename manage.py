#!/usr/bin/env python
from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - Django starts here
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A wrong setting is the operator's to mend: a sentence, not a traceback.
        sys.exit(f"The configuration cannot be used: {error}")


if __name__ == "__main__":
    main()
