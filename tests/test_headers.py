"""What every answer tells the browser to refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.test import Client

from deliveryportal.accounts.models import User
from tests.portal import ROOT

AsUser = Callable[[User], Client]


def policy(client: Client, path: str) -> dict[str, str]:
    header = client.get(path).headers["Content-Security-Policy"]
    return {
        name: rest
        for name, _, rest in (p.strip().partition(" ") for p in header.split(";"))
    }


@pytest.mark.parametrize(
    "path",
    ["/accounts/login/", "/settings/channel/", "/nowhere/", "/conversations/new/"],
)
def test_a_page_runs_and_shows_only_what_this_server_serves(
    path: str, alice: User, as_user: AsUser
) -> None:
    found = policy(as_user(alice), path)
    assert found["default-src"] == "'self'"
    assert (
        found["frame-ancestors"] == found["object-src"] == found["base-uri"] == "'none'"
    )
    assert found["form-action"] == "'self' https://accounts.google.com"
    assert "unsafe" not in str(found)


def test_django_admin_s_is_looser_and_nobody_else_s(bob: User, as_user: AsUser) -> None:
    admin = as_user(User.objects.create_superuser("root@portal.test", "x", "Root"))
    found = policy(admin, "/admin/")
    assert "'unsafe-eval'" in found["script-src"]
    assert found["default-src"] == "'self'"
    assert "unsafe" not in str(policy(admin, "/settings/team/?next=/admin/"))


@pytest.mark.parametrize(
    "path", ["/conversations/sent/", "/nowhere/", "/settings/team/"]
)
def test_no_browser_keeps_a_page_of_whoever_is_signed_in(
    path: str, alice: User, as_user: AsUser
) -> None:
    assert "no-store" in as_user(alice).get(path).headers["Cache-Control"]


def test_a_strangers_page_may_be_kept(client: Client, db: None) -> None:
    assert "no-store" not in client.get("/nowhere/").headers.get("Cache-Control", "")


def test_nor_referrers_nor_devices_leave_it(client: Client, db: None) -> None:
    headers = client.get("/accounts/login/").headers
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_the_check_for_production_finds_nothing() -> None:
    """With HSTS, and cookies that only HTTPS carries."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": "sqlite://:memory:",
            "PORTAL_RELAY_URL": "smtp://127.0.0.1:25",
            "PORTAL_DOMAIN": "portal.example.com",
            "BASE_URL": "https://portal.example.com",
            "ALLOWED_HOSTS": "portal.example.com",
            "SECRET_KEY": "k" * 30 + "0123456789abcdefghijklmnopqrstuvwxyz",
            "CREDENTIAL_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        },
    )
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr
