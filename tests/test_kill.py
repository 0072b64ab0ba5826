"""A power cut in the middle of sending: nothing lost, nothing sent twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.portal import Portal, wait_until

MAILS = 200
IN_HAND = 5
WORKERS = 4
UNDER_WAY = ("queued", "handing_over")


@pytest.mark.parametrize("killed_after", [10, 60, 130])
def test_kill_9_in_the_middle_of_200_mails_loses_none_and_doubles_none(
    tmp_path: Path, killed_after: int
) -> None:
    portal = Portal(
        tmp_path, IN_HAND=str(IN_HAND), LANE_BATCH="20", WORKER_THREADS=str(WORKERS)
    )
    portal.start()
    try:
        portal.sign_up()
        portal.write(f"p{number}@customer.test" for number in range(MAILS))
        wait_until(lambda: portal.count("accepted") >= killed_after)
        portal.kill()
        left = portal.count(*UNDER_WAY)
        in_hand = portal.count("handing_over")
        assert left > 0, "it was killed too late to mean anything"

        portal.start()
        wait_until(lambda: portal.count(*UNDER_WAY) == 0, seconds=120)
    finally:
        portal.stop()

    arrived = portal.rows(
        """
        SELECT delivery.state, count(mail.id)
        FROM conversations_delivery delivery
        LEFT JOIN practice_practicemail mail
               ON mail.return_token = delivery.return_token
        GROUP BY delivery.id
        """
    )
    assert len(arrived) == MAILS
    assert all(times == 1 for state, times in arrived if state == "accepted"), "doubled"
    unconfirmed = [times for state, times in arrived if state == "unconfirmed"]
    assert all(times in {0, 1} for times in unconfirmed), "doubled"
    # Of what was claimed, only the handful of each worker: the rest has been sent.
    assert bool(unconfirmed) == bool(in_hand)
    assert len(unconfirmed) <= min(in_hand, IN_HAND * WORKERS)
    assert portal.count("accepted") + len(unconfirmed) == MAILS, "lost"
