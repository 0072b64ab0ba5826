"""The words in a header that tell a mail server's mail from a person's."""

from __future__ import annotations

# The local part of From, in lower case.
DAEMONS = frozenset(
    {
        "mailer-daemon", "mailerdaemon", "mailer_daemon", "mail-daemon", "mail.daemon",
        "mail-deamon", "maildaemon", "mailer", "mail.delivery.system", "mdaemon",
        "mail-delivery-system", "postmaster", "post_master", "post-master", "poostmaster", "root", "uucp", "postoffice",
        "maildelivery", "mail_delivery", "bounce", "bounces", "ndr", "mta", "delivery",
        "mail-failure", "mailadmin", "mailsystem", "mail-system", "smtp",
        "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
    }
)  # fmt: skip

# In the name that From shows, in lower case.
DAEMON_NAMES = (
    "mailer-daemon", "mailer daemon", "mail delivery", "delivery subsystem", "mail deliver",
    "postmaster", "system administrator", "mail administrator", "mail system",
    "microsoft outlook", "interscan", "delivery system", "mailsystem", "jetmail system",
)  # fmt: skip

# In the subject, in lower case, and not after a "Re:".
BOUNCE_SUBJECTS = (
    "undeliver", "delivery status notification", "delivery status", "delivery notification",
    "delivery fail", "delivery has failed", "delivery report", "failure notice",
    "mail failure", "mail delivery", "returned mail", "returned to sender", "return to sender",
    "returned message", "returning message to sender", "mail system error", "mail error",
    "message delivery", "could not be delivered", "could not send", "cannot send message",
    "non-delivery", "nondelivery", "non delivery", "not delivered", "unable to deliver",
    "delayed mail", "message delayed", "delivery delayed", "warning: message", "warning: could",
    "warning - delayed", "processing error", "failed mail", "mail could not", "bounce notif",
    "bounced mail", "message status - undeliverable", "you sent blocked", "has been rejected",
    "message rejected", "failure delivery", "error sending", "not deliverable",
    "delivery problem", "delivery error", "email delivery", "mail rejected", "rejected mail",
    "permanent failure", "are not member", "not member article", "mail sending failed",
    "considered unsolicited bulk", "message you sent", "undelivery", "message not sent",
    # German, French, Spanish, Portuguese, Italian, Dutch
    "unzustellbar", "nicht zustellbar", "zustellung fehlgeschlagen", "zustellungsfehler",
    "nicht zugestellt", "unbestellbar", "rückläufer", "zurückgewiesen", "zustellproblem",
    "non remis", "non délivré", "échec de la remise", "message non distribuable",
    "echec de remise", "non distribué", "no se puede entregar", "no entregado",
    "error de entrega", "mensaje devuelto", "não entregue", "não é possível entregar",
    "falha na entrega", "mancato recapito", "impossibile recapitare", "consegna fallita",
    "niet bezorgd", "onbestelbaar", "kan niet worden bezorgd",
    # Nordic, Slavic, Turkish, Japanese, Chinese, Korean
    "gick inte att leverera", "kan inte levereras", "kan ikke leveres", "leveringsfeil",
    "nedoručiteln", "nie dostarczon", "nie można dostarczyć", "недоставлен", "не доставлен",
    "не может быть доставлено", "iletilemedi", "teslim edilemedi",
    "配信不能", "配信できません", "配送できません", "送信できません", "配達不能",
    "メール配信エラー", "メールを配信", "メールを配送", "退信", "投递失败", "发送失败",
    "投遞失敗", "無法傳遞", "无法传递", "系统退信", "전송 실패", "배달할 수 없음", "반송",
)  # fmt: skip
# The same, at the end of whatever subject.
BOUNCE_SUBJECT_ENDS = ("(delivery failed)", "(undeliverable)", "mail failure.")

# In the subject, in lower case: only a delay.
DELAY_SUBJECTS = (
    "delayed", "(delay)", "delay)", "warning: could not send", "warning--could not send",
    "warning: message", "still being retried", "verzögert", "retardé", "retrasad",
    "в очереди", "задержк", "遅延", "not yet been delivered", "not yet delivered",
)  # fmt: skip

# In the subject, in lower case, at its beginning: a machine answers for a person.
AUTOREPLY_SUBJECTS = (
    "automatic reply", "auto reply", "auto-reply", "autoreply", "auto:", "auto response",
    "auto-response", "autoresponse", "automated reply", "automated response",
    "out of office", "out of the office", "out-of-office", "vacation", "away from",
    "on vacation", "i am on vacation", "i'm on vacation", "i am out", "i'm out of", "currently away", "currently out", "on leave", "i am away", "i'm away", "away message",
    "automatische antwort", "abwesenheit", "abwesend", "nicht im büro", "urlaub",
    "réponse automatique", "absence du bureau", "absent du bureau", "message d'absence",
    "respuesta automática", "fuera de la oficina", "ausente", "resposta automática",
    "fora do escritório", "ausência", "risposta automatica", "fuori sede", "fuori ufficio",
    "automatisch antwoord", "automatisch bericht", "afwezig", "autosvar", "automatiskt svar",
    "automatisk svar", "automatisk svar:", "frånvaro", "fravær", "automaattinen vastaus",
    "poissa", "odpowiedź automatyczna", "automatyczna odpowiedź", "nieobecn",
    "automatická odpověď", "nepřítomn", "automatikus válasz", "автоматический ответ",
    "автоответ", "нет на месте", "otomatik yanıt", "ofis dışında", "自動返信", "自動応答",
    "不在", "自动回复", "自動回覆", "자동 회신", "부재중", "răspuns automat", "αυτόματη απάντηση",
    "מענה אוטומטי", "رد تلقائي",
)  # fmt: skip

# At the beginning of a subject, in lower case: a person answers or passes on.
REPLY_PREFIXES = (
    "re:", "re :", "re[", "aw:", "antw:", "antwort:", "sv:", "vs:", "ref:", "rif:", "r:",
    "odp:", "ynt:", "回复:", "回覆:", "答复:", "fw:", "fwd:", "wg:", "tr:", "rv:", "enc:",
    "i:", "doorst:", "vb:", "vl:", "pd:", "转发:", "轉寄:", "res:", "fs:", "trs:", "yt:",
)  # fmt: skip

# In the subject, in lower case: success, receipts, calendars, challenges.
HARMLESS_SUBJECTS = (
    "read:", "read receipt", "return receipt", "gelesen:", "lu :", "lu:", "leído:", "lido:",
    "letto:", "gelezen:", "disposition notification", "accepted:", "declined:", "tentative:",
    "zugesagt:", "abgelehnt:", "mit vorbehalt:", "accepté", "refusé", "aceptado:",
    "rechazado:", "accettato:", "rifiutato:", "delivered:", "relayed:", "zugestellt:",
    "successful mail delivery", "delivery confirmation", "開封", "已读:", "not read:",
    "ungelesen", "deleted:", "canceled:", "cancelled:", "abgesagt:", "updated invitation",
    "invitation:", "einladung:",
)  # fmt: skip

# Somewhere in the text of a report, in lower case: it speaks of failure.
FAILURE_WORDS = (
    "deliver", "undeliver", "fail", "could not", "couldn't", "cannot", "can't", "unable",
    "reject", "refus", "error", "unknown", "return", "permanent", "not exist", "mailbox",
    "quota", "bounce", "non-delivery", "no such", "disabled", "expired", "delay",
    "unzustellbar", "nicht", "fehler", "pas pu", "échec", "echec", "impossible", "non remis",
    "no se pudo", "no pudo", "não", "impossibile", "niet", "nie ", "inte", "ikke", "не ",
    "できません", "失敗", "エラー", "失败", "退信", "无法", "無法", "실패",
    "edilemedi", "nebyl", "nedoruč", "epäonnist", "ei voitu", "sikertelen", "nem sikerült",
    "ไม่สามารถ", "không", "tidak dapat", "δεν ",
)  # fmt: skip
# The same, of success.
SUCCESS_WORDS = (
    "was successfully delivered", "been successfully delivered", "successfully relayed",
    "was successfully received", "delivery was successful", "were successfully delivered",
    "wurde erfolgreich zugestellt", "a été remis correctement", "se ha entregado correctamente",
    "successfully delivered to", "has been delivered to", "was delivered to the following",
)  # fmt: skip
# With one of these, it was passed on, and nobody will tell whether it arrived.
RELAYED_WORDS = (
    "successfully relayed", "otherwise you may still receive notifications",
    "delivery notification was not sent by the destination",
    "does not support delivery notifications", "may not be notified", "relayed to",
)  # fmt: skip
# With one of these, some of it was none.
NO_SUCCESS = (
    "not be delivered", "could not", "couldn't", "fail", "unable", "rejected", "not deliver",
    "undeliver", "nicht zugestellt", "konnte nicht",
)  # fmt: skip
# Somewhere in the subject, in lower case: a list's server refuses (fml).
LIST_SUBJECTS = ("are not member (", "not member article from", "you are not member")
