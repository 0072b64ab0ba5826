from __future__ import annotations

import logging
import smtplib
import socket
import threading
from contextlib import suppress
from datetime import timedelta

from django import db
from django.utils.timezone import now

from deliveryportal.practice.answers import ANSWERS, TakenMail
from deliveryportal.practice.models import PracticeMail

logger = logging.getLogger("deliveryportal.practice")

LOOK_EVERY = 0.3  # seconds
TRY_AGAIN_AFTER = timedelta(seconds=2)
PATIENCE = 15  # seconds for one reply of the receiver
AT_A_TIME = 20


class Answering(threading.Thread):
    """Sends the answers the outside world owes, to `bounces_to`, until stopped."""

    def __init__(self, bounces_to: tuple[str, int]) -> None:
        super().__init__(name="practice-answering", daemon=True)
        self._bounces_to = bounces_to
        self._stopping = threading.Event()
        self._connection: smtplib.SMTP | None = None

    def run(self) -> None:
        try:
            while not self._stopping.wait(LOOK_EVERY):
                self._send_what_is_due()
        finally:
            db.connections.close_all()

    def stop(self) -> None:
        """Stop at once: what was not sent stays owed."""
        self._stopping.set()
        while self.is_alive():
            # Again and again: it may be just about to dial.
            self._hang_up()
            self.join(timeout=0.05)

    def _hang_up(self) -> None:
        """Wake the thread out of waiting for a reply."""
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _send_what_is_due(self) -> None:
        try:
            for mail in PracticeMail.objects.answer_due_by(now())[:AT_A_TIME]:
                if self._stopping.is_set():
                    return
                self._answer(mail)
        except db.Error as error:
            logger.warning("The practice relay cannot look for answers: %r", error)
            db.connections.close_all()  # a broken one would stay broken

    def _answer(self, mail: PracticeMail) -> None:
        report = ANSWERS[mail.answer](
            TakenMail(
                id=mail.uuid.hex,
                return_path=mail.envelope_sender,
                recipient=mail.envelope_recipient,
                content=bytes(mail.raw),
                at=mail.received_at,
            )
        )
        try:
            self._send(report, to=mail.envelope_sender)
        except (smtplib.SMTPException, OSError) as error:
            if not refused_for_good(error):
                mail.answer_again(after=TRY_AGAIN_AFTER)
                return
            logger.info("A practice answer was refused: %r", error)
        mail.answered()

    def _send(self, report: bytes, *, to: str) -> None:
        with smtplib.SMTP(local_hostname="practice.test", timeout=PATIENCE) as smtp:
            self._connection = smtp
            smtp.connect(*self._bounces_to)
            # From the null sender: nobody answers an answer.
            smtp.sendmail("", [to], report, mail_options=["BODY=8BITMIME"])


def refused_for_good(error: smtplib.SMTPException | OSError) -> bool:
    """Tell a 5xx reply from one that says "later" and from no reply at all."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=replies):
            return all(code >= 500 for code, _words in replies.values())
        case smtplib.SMTPResponseException(smtp_code=code):
            return code >= 500
    return False
