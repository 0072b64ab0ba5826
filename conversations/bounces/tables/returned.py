"""Lines, in lower case, at which a report's text goes on to the returned mail."""

from __future__ import annotations

# What such a line begins with, after dashes, stars, equals signs and blanks.
RETURNED_BELOW = (
    "this is a copy of",  # Exim, Rockliffe
    "below this line is",  # qmail
    "below is a copy of the original message",  # OpenSMTPD
    "below the next line is a copy",
    "enclosed is a copy of the message",  # qmail in MIME
    "enclosed are the original headers",
    "original message",  # Gmail, Yahoo, SMTP32, LSMTP; "original message headers" Exchange
    "old message:",
    "original mail",  # m-FILTER
    "originalnachricht",
    "ursprüngliche nachricht",
    "the original message follows",
    "the original message headers",
    "the original message was",  # not "was received at": Sendmail begins so
    "the header of the original message",  # 1&1, GMX
    "header of the source mail",  # JetMail
    "header of the original",
    "original headers",
    "unsent message",  # Sendmail 5, phquery
    "message headers follow",  # dma
    "message header follows",
    "message follows",
    "message text follows",  # Smail
    "message body follows",
    "message contents",
    "included is a copy of the message header",  # MX Logic
    "returned message",  # Notes
    "returned mail follows",  # USA.NET
    "returned text follows",
    "return message follows",
    "undelivered message",
    "undeliverable message",
    "non-delivered message",
    "bounced e-mail",
    "failed message follows",
    "forwarded message",  # Gmail, when a person passes it on
    "begin forwarded message",
    "weitergeleitete nachricht",
    "message transféré",
    "mensaje reenviado",
    "the text of your message follows",
    "text of the message",
    "your original message",
    "your message reads",
    "your message follows",
    "start of returned message",
    "start of original message",
    "begin of returned message",
    "headers of the original message",
    "the following is the original message",
    "first 10 lines of",
    "copy of the original message",
    "copy of your message",
    "content-type: message/rfc822",  # where the parts are not told apart
    "content-type: text/rfc822-headers",
    "content-type: message/global",
    "received: from",
    "received: by",
    "received: (",
    "received:from",
    "x-received: by",
    "return-path: <",
    "dkim-signature: ",
    "arc-seal: ",
    "x-originating-ip: ",
)
# Those of the above that go on to mean something else.
NOT_THESE = (
    "the original message was received",  # Sendmail, before its list
    "original message sent",
    "original message size",
    "original message subject",
    "undeliverable message id",
    "the original message was sent",
    "original message id",
)
