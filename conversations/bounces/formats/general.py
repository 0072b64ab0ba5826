"""Wordings that many servers share. Last, because they say least about who wrote them."""

from __future__ import annotations

from conversations.bounces.formats.layout import ALONE, NEXT, Layout
from conversations.bounces.opened import ADDRESS

# Words that an address follows directly.
_NAMED = (
    "wasn't delivered to", "was not delivered to", "couldn't be delivered to",
    "could not be delivered to the following address:", "could not be delivered to the following user:",
    "could not be delivered to the following recipient:", "could not be delivered to",
    "cannot be delivered to", "can not be delivered to", "can't be delivered to",
    "unable to deliver message to:", "unable to deliver message to", "unable to deliver to",
    "unable to deliver your message to", "unable to deliver mail to", "unable to send to",
    "could not deliver your message to", "could not deliver message to", "could not deliver mail to",
    "couldn't deliver your message to", "failed to deliver to", "failed to deliver your message to",
    "problem delivering your message to", "problems delivering mail to", "undeliverable mail to",
    "undeliverable address:", "undelivered to", "message to", "your email to", "your e-mail to",
    "mail to", "did not reach the following recipient:", "intended recipient:",
    "failed recipient:", "failed address:", "failed recipients:", "bounced address:",
    "target mail address:", "recipient address:", "recipient:", "recipients:", "the address",
    "the recipient", "mailbox is full:", "mailbox full:", "user's mailbox is full:",
    "the user", "user:", "envelope-to:", "destination:", "destination address:",
    "permanent error:", "delivery failed to:", "delivery failed:", "failed to:",
    "following message to", "invalid receiver address:", "invalid recipient:", "no such user:",
    "user unknown:", "quota exceeded:", "unknown host:", "host unknown:", "unknown address:", "unknown recipient:", "bad address:", "sent to",
    "rcpt to:", "nicht zugestellt werden an", "konnte nicht zugestellt werden:",
    "an die adresse", "empfänger:", "destinataire :", "destinataire:", "destinatario:",
    "destinatário:", "être délivré à", "etre delivre a", "odbiorca:", "получатель:", "收件人",
    "받는사람", "받는 사람", "수신자", "수신인", "宛先", "送信先", "ontvanger:", "mottagare:", "modtager:",
    "příjemce:", "alıcı:",
)  # fmt: skip
# Words that a list of addresses follows, one a line.
_LISTED = (
    "to the following address(es)", "to the following addresses", "to the following recipients",
    "to the following recipient(s)", "to the following recipient", "to the following address",
    "following addresses", "following address", "following recipients", "following recipient",
    "addresses failed", "following user", "list of failed recipients", "not delivered to",
    "following e-mail address", "following email address", "following destination",
    "these recipients", "not delivered to the following", "quickmail recipient(s):", "did not receive your message", "exceeded their mailbox", "this recipient", "failed recipients", "address(es):",
    "folgende empfänger", "folgenden empfänger", "folgende adresse", "folgenden adresse",
    "folgender empfänger", "destinataires suivants", "destinataire suivant", "adresse suivante",
    "adresses suivantes", "následujícím příjemcům", "následující příjemci", "şu alıcılara", "seuraaville vastaanottajille", "következő címzett", "siguientes destinatarios", "siguiente destinatario",
    "siguiente dirección", "siguientes direcciones", "seguintes destinatários",
    "seguinte destinatário", "seguinte endereço", "seguenti destinatari", "seguente destinatario",
    "seguente indirizzo", "seguenti indirizzi", "volgende ontvanger", "volgende adres",
    "följande mottagare", "følgende modtager", "følgende mottaker", "następujących odbiorców",
    "następujący adres", "следующим адресатам", "следующим получателям", "следующему адресу",
    "以下收件人", "以下地址", "下列收件人",
)  # fmt: skip

# A summary of the header of the returned mail.
_TOLD = rf"^[ \t]{{0,8}}(?:RCPT[ \t])?To:[ \t]{{0,8}}[<\"']?(?P<address>{ADDRESS})"

LAYOUTS = (
    Layout("a server, delayed", "many", ("has been delayed", "will be retried", "not yet been delivered", "keep trying", "still trying", "continue trying", "warning message only", "warning only"), entry=ALONE, kind="delay"),
    Layout("a server, listed", "many", _LISTED, entry=ALONE, doubtful=True),
    Layout("a server", "many", _NAMED, entry=NEXT, each=True, doubtful=True),
    Layout("a server, header", "Verizon", ("",), entry=_TOLD, doubtful=True),
    Layout("a server, RCPT", "many", ("rcpt to:",), entry=NEXT, doubtful=True),
)  # fmt: skip
