"""Mail that is no bounce, in many languages: none of it may be taken for one."""

from __future__ import annotations

import pytest

from conversations.bounces.dsn import Kind, ReadReport, read_reports
from tests.conversations.bounces.conftest import mail

NINA = "From: Nina <nina@customer.test>\nTo: alice@acme.test\n"
UTF8 = "Content-Type: text/plain; charset=utf-8\n"


def read(head: str, body: str) -> list[ReadReport]:
    return read_reports(f"{head}{UTF8}\n{body}\n".encode())


# (subject, text): somebody is away and a machine says so.
AWAY = [
    ("Automatic reply: Our meeting", "I am out of the office. Mail to nina@customer.test is not read."),
    ("Out of Office: Our meeting", "I cannot be reached until Monday; otto@customer.test stands in for me."),
    ("Auto: Our meeting", "This mailbox is not monitored. Your message was not delivered to a person."),
    ("I am on vacation Re: Our meeting", "Back next week."),
    ("Vacation reply", "nina@customer.test: away until Friday"),
    ("Autoreply: Our meeting", "I have left the company. Please write to otto@customer.test."),
    ("Automatic reply: Our meeting", "This account is no longer in use. New address: nina@new.test"),
    ("Automatische Antwort: Unser Treffen", "Ich bin nicht im Büro. Ihre Mail wird nicht weitergeleitet."),
    ("Abwesenheitsnotiz: Unser Treffen", "Vertretung: otto@customer.test"),
    ("Abwesend: Urlaub", "Nachrichten an nina@customer.test werden nicht gelesen."),
    ("Réponse automatique : Notre rendez-vous", "Je suis absente. Écrivez à otto@customer.test."),
    ("Absence du bureau", "Votre message n'a pas pu être lu."),
    ("Respuesta automática: Nuestra reunión", "Estoy fuera de la oficina. Escriba a otto@customer.test"),
    ("Fuera de la oficina", "Su mensaje a nina@customer.test no será leído."),
    ("Resposta automática: Reunião", "Estou de férias."),
    ("Ausência temporária", "Em caso de urgência: otto@customer.test"),
    ("Risposta automatica: Riunione", "Sono fuori sede fino a lunedì."),
    ("Fuori ufficio", "Scrivere a otto@customer.test"),
    ("Automatisch antwoord: Afspraak", "Ik ben er niet."),
    ("Afwezig: vakantie", "Bericht aan nina@customer.test niet gelezen."),
    ("Automatiskt svar: Möte", "Jag är inte på kontoret."),
    ("Frånvaro", "Åter på måndag."),
    ("Autosvar: Møde", "Jeg er ikke på kontoret."),
    ("Automatisk svar: Møte", "Jeg er tilbake mandag."),
    ("Automaattinen vastaus: Kokous", "Olen lomalla."),
    ("Odpowiedź automatyczna: Spotkanie", "Jestem poza biurem."),
    ("Automatická odpověď: Schůzka", "Jsem mimo kancelář."),
    ("Automatikus válasz: Találkozó", "Nem vagyok az irodában."),
    ("Автоматический ответ: Встреча", "Меня нет на месте, пишите otto@customer.test"),
    ("Автоответ", "Я в отпуске."),
    ("Otomatik yanıt: Toplantı", "Ofis dışındayım."),
    ("自動返信: 打ち合わせ", "不在にしております。"),
    ("不在のお知らせ", "nina@customer.test 宛のメールは読めません。"),
    ("自动回复: 会议", "我不在办公室。"),
    ("자동 회신: 회의", "부재중입니다."),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "body"), AWAY)
@pytest.mark.parametrize("path", ["", "Return-Path: <>\n"], ids=["", "null"])
def test_somebody_away_is_an_automatic_reply(
    subject: str, body: str, path: str
) -> None:
    (report,) = read(f"{path}{NINA}Subject: {subject}\n", body)
    assert report.kind == "autoreply"


HEADERS = [
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-replied; owner-email=nina@customer.test",
    "X-Autoreply: yes",
    "X-Autorespond: Our meeting",
    "Precedence: auto_reply",
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_says_automatic_reply(header: str) -> None:
    text = "We have your message to nina@customer.test and could not answer it yet."
    (report,) = read(f"{NINA}Subject: Re: Our meeting\n{header}\n", text)
    assert report.kind == "autoreply"


# A person, above a bounce as mail programs quote it.
REMARKS = [
    "What is this? It came back to me.",
    "Was ist das? Kam zurück.",
    "Qu'est-ce que c'est ?",
    "¿Qué es esto?",
    "Che cos'è?",
    "O que é isto?",
    "Что это такое?",
    "これは何ですか。",
    "这是什么？",
]
SUBJECTS = [
    "Re: Undelivered Mail Returned to Sender",
    "AW: Unzustellbar: Unser Treffen",
    "RE: Undeliverable: Our meeting",
    "SV: failure notice",
]
QUOTED = """
On Monday the Mail Delivery System wrote:
> This is the mail system at host relay.portal.test.
>
> <otto@customer.test>: host mx.customer.test[192.0.2.7] said: 550 5.1.1
>     User unknown (in reply to RCPT TO command)
>
> Final-Recipient: rfc822; otto@customer.test
> Action: failed
> Status: 5.1.1
"""
OUTLOOK = """
-----Original Message-----
From: Mail Delivery System <MAILER-DAEMON@relay.portal.test>
Subject: Undeliverable: Our meeting

Delivery has failed to these recipients or groups:

otto@customer.test
User unknown

Final-Recipient: rfc822; otto@customer.test
Action: failed
Status: 5.1.1
"""


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("quoted", [QUOTED, OUTLOOK], ids=["quoted", "outlook"])
def test_a_person_who_quotes_a_bounce_is_a_person(
    remark: str, subject: str, quoted: str
) -> None:
    (report,) = read(f"{NINA}Subject: {subject}\n", remark + quoted)
    assert report.kind == "other"


FORWARDS = [
    (
        "Fwd: Undelivered Mail Returned to Sender",
        "---------- Forwarded message ---------",
    ),
    (
        "FW: Mail delivery failed: returning message to sender",
        "-----Original Message-----",
    ),
    ("WG: Unzustellbar", "-----Ursprüngliche Nachricht-----"),
    ("TR: Message non remis", "---- Message transféré ----"),
    ("RV: Mensaje devuelto", "---------- Mensaje reenviado ----------"),
    ("Fwd: failure notice", "Begin forwarded message:"),
]


@pytest.mark.parametrize(("subject", "line"), FORWARDS)
def test_a_bounce_that_a_person_passes_on_in_the_text_is_no_bounce(
    subject: str, line: str
) -> None:
    bounce = mail("unknown_user").decode()
    (report,) = read(
        f"{NINA}Subject: {subject}\n", f"Look at this.\n\n{line}\n{bounce}"
    )
    assert report.kind == "other"


@pytest.mark.parametrize("name", ["unknown_user", "mailbox_full", "still_trying"])
@pytest.mark.parametrize("remark", ["Look at this.", ""])
def test_a_bounce_that_a_person_attaches_is_no_bounce(name: str, remark: str) -> None:
    raw = (
        f"{NINA}Subject: Fwd: Undeliverable\nContent-Type: multipart/mixed; boundary=fwd\n\n"
        f"--fwd\nContent-Type: text/plain\n\n{remark}\n"
        f"--fwd\nContent-Type: message/rfc822\n\n{mail(name).decode()}\n--fwd--\n"
    )
    (report,) = read_reports(raw.encode())
    assert report.kind == "other"


# (subject, text): read receipts.
RECEIPTS = [
    ("Read: Our meeting", "Your message to nina@customer.test was displayed."),
    ("Return Receipt (displayed) - Our meeting", "Delivery of your message to nina@customer.test could be shown."),
    ("Gelesen: Unser Treffen", "Ihre Nachricht an nina@customer.test wurde gelesen."),
    ("Not read: Our meeting", "Your message to nina@customer.test was deleted unread."),
    ("Ungelesen: Unser Treffen", "Ihre Nachricht wurde nicht gelesen."),
    ("Lu : Notre rendez-vous", "Votre message a été lu."),
    ("Leído: Reunión", "Su mensaje a nina@customer.test no fue borrado."),
    ("Letto: Riunione", "Il messaggio a nina@customer.test è stato letto."),
    ("Gelezen: Afspraak", "Uw bericht is gelezen."),
    ("開封済み: 打ち合わせ", "メッセージが開封されました。"),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "text"), RECEIPTS)
@pytest.mark.parametrize("disposition", ["displayed", "deleted", "failed"])
def test_a_read_receipt_is_no_bounce(subject: str, text: str, disposition: str) -> None:
    raw = (
        f"Return-Path: <>\n{NINA}Subject: {subject}\n"
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=mdn\n\n"
        f"--mdn\n{UTF8}\n{text}\n"
        "--mdn\nContent-Type: message/disposition-notification\n\n"
        "Reporting-UA: mail.customer.test; Reader\nFinal-Recipient: rfc822; nina@customer.test\n"
        f"Disposition: automatic-action/MDN-sent-automatically; {disposition}\n\n--mdn--\n"
    )
    (report,) = read_reports(raw.encode())
    assert report.kind == "other"


ANSWERS = ["Accepted: Demo", "Declined: Demo", "Tentative: Demo", "Zugesagt: Demo",
           "Abgelehnt: Demo", "Accepté : Démo", "Refusé : Démo", "Aceptado: Demo",
           "Rechazado: Demo", "Accettato: Demo", "Canceled: Demo", "Updated invitation: Demo"]  # fmt: skip


@pytest.mark.parametrize("subject", ANSWERS)
def test_an_answer_of_a_calendar_is_no_bounce(subject: str) -> None:
    raw = (
        f"{NINA}Subject: {subject}\nContent-Type: multipart/alternative; boundary=cal\n\n"
        f"--cal\n{UTF8}\nnina@customer.test cannot come: mailbox of the room rejected it.\n"
        "--cal\nContent-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\n"
        "ATTENDEE;PARTSTAT=DECLINED:mailto:nina@customer.test\nEND:VCALENDAR\n--cal--\n"
    )
    (report,) = read_reports(raw.encode())
    assert report.kind == "other"


# (sender, subject, text)
ORDINARY = [
    ("News <news@shop.test>", "Ten reasons why your mail bounces", "550 User unknown: what to do about it"),
    ("News <news@shop.test>", "How not to be rejected as spam", "Write to nina@customer.test"),
    ("News <news@shop.test>", "Rabatt: bis zu 50 %", "Abmelden: nina@customer.test"),
    ("News <news@shop.test>", "Notre lettre", "Pour ne plus recevoir ce message à nina@customer.test"),
    ("Otto <otto@customer.test>", "Our meeting", "I could not deliver the parcel to nina@customer.test."),
    ("Otto <otto@customer.test>", "Mailbox full again", "My mailbox is full, write to nina@customer.test"),
    ("Otto <otto@customer.test>", "Unser Treffen", "Die Adresse nina@customer.test ist falsch."),
    ("Otto <otto@customer.test>", "Address change", "nina@customer.test does not exist any more."),
    ("Otto <otto@customer.test>", "", ""),
    ("Otto <otto@customer.test>", "Your delivery report", "The following recipients failed:\n\nnina@customer.test"),
    ("Otto <otto@customer.test>", "Question about undeliverable mail", "It has not yet been delivered to\n\nnina@customer.test"),
    ("Otto <otto@customer.test>", "A bounce: failure notice", "<nina@customer.test>:\nno such user"),
    ("Otto <otto@customer.test>", "Mail delivery problem", "Our mailbox is full, your mail to nina@customer.test was rejected with 552."),
    ("Otto <otto@customer.test>", "Undeliverable parcels", "We could not deliver to nina@customer.test."),
    ("Parcels <delivery@parcels.test>", "Delivery notification", "We could not deliver your parcel. Write to service@parcels.test."),
    ("Anti-Spam <challenge@customer.test>", "Please confirm your message", "Your message to nina@customer.test is held until you confirm that you are human."),
    ("Nina <nina@customer.test>", "[confirm] Our meeting", "Click to let your mail to nina@customer.test through."),
    ("Spamschutz <challenge@customer.test>", "Bitte bestätigen Sie Ihre Nachricht", "Ihre Nachricht an nina@customer.test wartet."),
    ("Boxbe <notify@boxes.test>", "Our meeting (Action Required)", "Your message to nina@customer.test is waiting. It was not delivered yet."),
    ("List <list-bounces@lists.test>", "Your message to Sales awaits moderator approval", "Your mail to 'Sales' is being held."),
    ("List <list-owner@lists.test>", "Welcome to Sales", "Send mail to sales@lists.test"),
    ("Support <support@customer.test>", "[#4711] We have your request", "Your mail to support@customer.test has been received."),
    ("Support <support@customer.test>", "Ticket 4711 geschlossen", "Antworten an support@customer.test nicht möglich."),
    ("Shop <orders@shop.test>", "Your parcel could not be brought", "Delivery failed, we try again. nina@customer.test"),
    ("Bank <service@bank.test>", "Payment returned", "The payment to nina@customer.test failed."),
    ("Postmaster <postmaster@customer.test>", "Welcome to your new mailbox", "Your address: nina@customer.test"),
    ("Postmaster <postmaster@customer.test>", "Maintenance on Sunday", "There will be no mail for an hour."),
    ("root <root@host.test>", "Cron <root@host> backup", "backup of nina@customer.test done"),
    ("Calendar <noreply@calendar.test>", "Reminder: Our meeting", "with nina@customer.test"),
]  # fmt: skip


@pytest.mark.parametrize(("sender", "subject", "text"), ORDINARY)
def test_ordinary_mail_is_no_bounce(sender: str, subject: str, text: str) -> None:
    (report,) = read(f"From: {sender}\nTo: alice@acme.test\nSubject: {subject}\n", text)
    assert report.kind == "other"


# (subject, text): mail servers that tell of success.
DELIVERED = [
    ("Successful Mail Delivery Report", "Your message was successfully delivered to nina@customer.test"),
    ("Mail Delivery Status Report", "<nina@customer.test>: delivery via mx.customer.test: 250 Ok\nYour message was successfully delivered."),
    ("Delivery Status Notification (Success)", "Your message has been delivered to\n  nina@customer.test"),
    ("Delivered: Our meeting", "Your message has been delivered to the following recipients:\n\nnina@customer.test"),
    ("Relayed: Our meeting", "Delivery to these recipients is complete, but no notification was sent:\n\nnina@customer.test"),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "text"), DELIVERED)
def test_success_is_no_bounce(subject: str, text: str) -> None:
    head = f"Return-Path: <>\nFrom: MAILER-DAEMON@customer.test\nSubject: {subject}\n"
    assert all(report.kind in {"delivered", "other"} for report in read(head, text))


# (head, kind): providers' forms and reports.
FEEDBACK: list[tuple[str, Kind]] = [
    ("From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\n", "complaint"),
    ("From: feedback@apple.com\nSubject: Email Feedback Report for IP 192.0.2.1\n", "complaint"),
    ("From: dmarc@provider.test\nSubject: DMARC Failure Report for acme.test\n", "auth_report"),
    ("From: dmarc@provider.test\nSubject: Report Domain: acme.test Submitter: provider.test\n", "auth_report"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "kind"), FEEDBACK)
def test_feedback_without_a_report_is_known_by_its_form(head: str, kind: Kind) -> None:
    raw = (
        f"{head}Content-Type: multipart/mixed; boundary=form\n\n--form\n"
        "Content-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: nina@customer.test\n"
        "To: nina@customer.test\nSubject: Our meeting\n\nShall we meet?\n--form--\n"
    )
    (report,) = read_reports(raw.encode())
    assert report.kind == kind
    if kind == "complaint":
        assert report.final_recipient == "nina@customer.test"
