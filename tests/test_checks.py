from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from deliveryportal.checks import queue_of_a_worker

ROOT = Path(__file__).parent.parent


def ids() -> set[str]:
    return {str(message.id) for message in run_checks() if message.is_serious()}


def test_practice_mode_needs_no_configuration() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"PRACTICE": True, "PORTAL_RELAY_URL": "smtp://mail.test"}, "E001"),
        ({"PORTAL_RELAY_URL": ""}, "E002"),
        ({"PORTAL_RELAY_URL": "nonsense"}, "E003"),
        ({"PORTAL_RELAY_URL": "smtp://mail.test:port"}, "E003"),
        ({"PORTAL_RELAY_URL": "smtps://mail.test?ca=/no/such/file"}, "E004"),
        ({"PORTAL_RELAY_URL": "smtp://me:secret@mail.test"}, "E005"),
        ({"SECRET_KEY_GIVEN": False}, "E006"),
        ({"PORTAL_DOMAIN": ""}, "E010"),
        ({"BOUNCE_DOMAIN": ""}, "E011"),
        ({"ALLOWED_HOSTS": []}, "E012"),
        ({"BASE_URL": ""}, "E013"),
        ({"PORTAL_RELAY_URL": "smtp://ho st"}, "E003"),
        ({"PORTAL_RELAY_URL": "smtp://mail.test:0"}, "E003"),
        ({"PORTAL_RELAY_URL": f"smtps://mail.test?ca={__file__}"}, "E004"),
        ({"BOUNCE_LISTEN": "2525"}, "E015"),
        ({"BOUNCE_TLS_CERT": __file__}, "E017"),
        ({"BOUNCE_TLS_CERT": __file__, "BOUNCE_TLS_KEY": __file__}, "E017"),
        ({"BOUNCE_TLS_CERT": "/no/such", "BOUNCE_TLS_KEY": "/no/such"}, "E017"),
        ({"BOUNCE_TLS_REQUIRED": True}, "E018"),
        ({"SMTP_ALLOWED_NETWORKS": ["10.0.0.1/8"]}, "E016"),
        ({"CREDENTIAL_KEYS": []}, "W020"),
        ({"CREDENTIAL_KEYS": ["short"]}, "E021"),
        ({"LEASE_SECONDS": 5}, "E030"),
        ({"GOOGLE_CLIENT_ID": "portal"}, "E040"),
        ({"GOOGLE_CLIENT_SECRET": "hush"}, "E040"),
        ({"GOOGLE_SIGN_IN": True}, "E041"),
        ({"GOOGLE_BASE": "http://google.example.com"}, "E042"),
    ],
)
def test_each_wrong_setting_has_a_check_with_a_hint(
    settings: Settings, changes: dict[str, object], check: str
) -> None:
    settings.PRACTICE = False
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:25"
    for name, value in changes.items():
        setattr(settings, name, value)
    found = [m for m in run_checks() if m.id == f"deliveryportal.{check}"]
    assert found
    assert all(message.hint for message in found)
    assert "me:secret" not in str(found)


def test_a_worker_of_its_own_needs_a_queue_that_others_share(
    settings: Settings,
) -> None:
    settings.BROKER_URL = ""
    (found,) = queue_of_a_worker()
    assert (found.id, bool(found.hint)) == ("deliveryportal.E031", True)
    settings.BROKER_URL = "redis://127.0.0.1"
    assert queue_of_a_worker() == []


def test_a_worker_without_such_a_queue_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dramatiq"), "deliveryportal.worker"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite:///{tmp_path}/p.sqlite3",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "deliveryportal.E031" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("level", ["debug", "Warning", "INFO"])
def test_a_level_of_the_log_is_read_however_it_is_written(level: str) -> None:
    done = shown("settings.LOGGING", LOG_LEVEL=level)
    assert f"'channels': {{'level': '{level.upper()}'}}" in done.stdout, done.stderr


VANISHING = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}


@pytest.mark.parametrize(
    ("asked_for", "changes"),
    [
        ("", {}),
        ("?tcp_user_timeout=90000", {"tcp_user_timeout": 90_000}),
    ],
)
def test_a_database_that_vanishes_is_waited_for_as_long_as_its_url_says(
    asked_for: str, changes: dict[str, int]
) -> None:
    """By default for seconds. Nothing listens here, so only the settings are read."""
    done = shown(
        "json.dumps(settings.DATABASES['default']['OPTIONS'])",
        DATABASE_URL=f"postgres://127.0.0.1:9/portal{asked_for}",
    )
    assert done.returncode == 0, done.stderr
    options = json.loads(done.stdout.splitlines()[-1])
    wanted = VANISHING | changes
    assert {name: int(options[name]) for name in wanted} == wanted


def shown(expression: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Print what an expression over the settings is in this environment."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json; from django.conf import settings; print({expression})",
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "deliveryportal.settings",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def start(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "runportal"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_relay_url_of_nonsense_stops_the_start_with_an_id_and_a_hint(
    tmp_path: Path,
) -> None:
    done = start(
        PORTAL_RELAY_URL="nonsense",
        PORTAL_DOMAIN="portal.example.com",
        ALLOWED_HOSTS="localhost",
        DATABASE_URL=f"sqlite:///{tmp_path}/p.sqlite3",
    )
    assert done.returncode == 1
    assert "deliveryportal.E003" in done.stderr
    assert "deliveryportal.E006" in done.stderr
    assert "HINT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PORT": "eighty"}, "PORT must be a whole number"),
        ({"IN_HAND": "0"}, "IN_HAND must be a whole number, 1 or more"),
        ({"DEBUG": "maybe"}, "DEBUG must be True or False"),
        ({"PORTAL_MODE": "prodution"}, "PORTAL_MODE must be one of"),
        ({"BROKER_URL": "kafka://x"}, "BROKER_URL must be empty"),
        ({"BROKER_URL": "127.0.0.1:6379"}, "BROKER_URL must be empty"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be one of"),
    ],
)
def test_a_setting_that_cannot_be_read_is_one_sentence(
    env: dict[str, str], words: str
) -> None:
    done = start(**env)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
