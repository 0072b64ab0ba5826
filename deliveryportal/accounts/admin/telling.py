"""What an action says afterwards."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest


def left_alone(request: HttpRequest, number: int, why: str) -> None:
    """Say how many that were chosen were not touched: silence would seem a fault."""
    if number:
        messages.warning(request, f"Left alone: {number}. {why}")
