"""What an action says afterwards."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest


def left_alone(request: HttpRequest, number: int, why: str) -> None:
    """Of what was chosen and not touched; an action that says nothing seems broken."""
    if number:
        messages.warning(request, f"Left alone: {number}. {why}")
