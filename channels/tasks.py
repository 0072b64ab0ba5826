from __future__ import annotations

import dramatiq

from channels.connection_testing import run_test


@dramatiq.actor(queue_name="tests")
def run_connection_test(test_id: int) -> None:
    """Test a connection that somebody is watching."""
    run_test(test_id)
