"""From what a server said to why the mail did not arrive: evidence → a key of REASONS.

Pure. Used for the diagnostics of bounces and for refusals on the spot alike.
Words come first, because codes say too little: 550 says nothing at all, and 5.7.1
stands for seven different reasons.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LOOKED_AT = 2_000  # characters of a reply; what matters comes early


class Classified(NamedTuple):
    reason: str  # a key of REASONS
    evidence: str  # what decided, for people: 'words "user unknown"', 'code 5.1.1'


# Phrases → reason. The first that occurs decides, so the narrow stand before the wide.
# `.{0,n}` and no nested repetition: none can backtrack its way into a long wait.
PHRASES: tuple[tuple[str, str], ...] = (
    ("auth_failed", r"\b(dmarc|dkim|spf)\b|unauthenticated (e-?mail|sender|mail)"),
    ("recipient_refused", r"authrequired|permission to post|not a member"),
    ("recipient_refused", r"only accepts? (e-?mail|mail|messages) from"),
    ("recipient_refused", r"not authori[sz]ed to (post|send to this)"),
    ("sender_refused", r"not owned by user|send ?as ?denied|verified sender identity"),
    ("sender_refused", r"(permissions?|allowed|authori[sz]ed) to send (as|from)\b"),
    ("sender_setup", r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))"),
    ("sender_setup", r"(unable|not (permitted|allowed)|refuse) to relay"),
    ("sender_setup", r"authentication (is )?required|must authenticate|address is not verified"),
    ("sender_blocked", r"spamhaus|spamcop|barracudacentral|\b(dns|rh|sbl|r)bl\b"),
    ("sender_blocked", r"black ?list|block ?list|reputation|banned (sending )?ip"),
    ("sender_blocked", r"reverse (dns|lookup|hostname)|\bptr\b|blocked (using|by)"),
    ("sender_blocked", r"sender (address )?(rejected|denied|verify failed)"),
    ("sender_blocked", r"domain of sender|sender.s? domain|client host rejected"),
    ("rate_limited", r"too many (connections|messages|recipients|mails?|e-?mails|requests|errors)"),
    ("rate_limited", r"rate.?limit|throttl|too (fast|quickly)|\btss0\d|gr[ea]y.?list"),
    ("rate_limited", r"(daily|hourly|sending) (user )?(sending )?(limit|quota)"),
    ("content_rejected", r"\bvirus|malware|attachment|rfc ?5322|rfc ?2822"),
    ("message_too_big", r"\bmessage (file )?size|(message|mail) (is )?too (big|large)"),
    ("message_too_big", r"maximum (message )?size|size exceeds"),
    ("mailbox_full", r"over ?quota|quota (is )?exceeded|exceed(s|ed|ing).{0,30}quota"),
    ("mailbox_full", r"(mailbox|inbox|user|account|recipient).{0,30}\bfull\b"),
    ("mailbox_full", r"mailbox size limit|out of (storage )?space|\bquota\b"),
    ("mailbox_disabled", r"(mailbox|account|user|recipient|address).{0,30}(disabled|suspended|inactive|deactivated|locked|discontinued)"),
    ("address_unknown", r"user unknown|unknown user|recip(ient)?notfound|no mailbox here"),
    ("address_unknown", r"no such (user|mailbox|recipient|address|person|account)"),
    ("address_unknown", r"(invalid|unknown|nonexistent) (recipient|mailbox|address|account)"),
    ("address_unknown", r"(mailbox|user|recipient|address|account)\b.{0,40}(does(n.t| not) exist|not found|no longer exist|not known|unknown)"),
    ("address_unknown", r"recipient address rejected: access denied"),
    ("domain_unknown", r"(host|domain)( name)?( is)? (not found|unknown|does not exist)"),
    ("domain_unknown", r"unknown (host|domain)|nxdomain|null ?mx|does not accept (e-?mail|mail)"),
    ("domain_unknown", r"name or service not known|no (valid )?mx\b"),
    ("spam_policy", r"\bspam\b|unsolicited|\bu[bc]e\b|\bjunk\b"),
    ("sender_blocked", r"\bblocked\b"),
    ("spam_policy", r"(local|security|content|by|against) policy|policy (reasons?|violation)"),
    ("server_unreachable", r"timed? ?out|connection (refused|reset|lost)|lost connection"),
    ("server_unreachable", r"no route to host|unreachable|mail loop|too many hops"),
    ("server_unreachable", r"giving up|delivery (time )?expired|message expired"),
    ("server_error", r"(system|internal|configuration|server) (server )?(error|failure)"),
    ("server_error", r"insufficient (system )?(storage|resources|disk)|disk full"),
    ("address_unknown", r"mailbox unavailable"),
)  # fmt: skip

# Enhanced codes (RFC 3463 and its registry; three digits of detail are Microsoft's).
# Looked up from the exact one to its subject; x is any class. Left out on purpose:
# x.0.0 and x.2.0 say nothing, 5.2.1 and 5.1.10 are used for too many things.
CODES: dict[str, str] = {
    "x.1.1": "address_unknown",
    "x.1.2": "domain_unknown",
    "x.1.3": "address_unknown",
    "x.1.4": "address_unknown",
    "x.1.6": "address_unknown",
    "x.1.7": "sender_blocked",
    "x.1.8": "sender_blocked",
    "5.1.351": "address_unknown",
    "x.2.2": "mailbox_full",
    "x.2.3": "message_too_big",
    "x.2.4": "recipient_refused",
    "x.3.4": "message_too_big",
    "x.3.x": "server_error",
    "5.4.4": "domain_unknown",
    "5.4.310": "domain_unknown",
    "x.4.x": "server_unreachable",
    "x.5.3": "rate_limited",
    "x.5.x": "server_error",
    "x.6.x": "content_rejected",
    "x.7.0": "spam_policy",
    "x.7.1": "spam_policy",
    "x.7.2": "recipient_refused",
    "x.7.7": "spam_policy",
    "x.7.8": "sender_setup",
    "x.7.9": "spam_policy",
    "x.7.13": "mailbox_disabled",
    "x.7.17": "address_unknown",
    "x.7.18": "domain_unknown",
    "x.7.20": "auth_failed",
    "x.7.21": "auth_failed",
    "x.7.22": "auth_failed",
    "x.7.23": "auth_failed",
    "x.7.24": "auth_failed",
    "x.7.25": "sender_blocked",
    "x.7.26": "auth_failed",
    "x.7.27": "sender_blocked",
    "x.7.28": "rate_limited",
    "x.7.54": "sender_setup",
    "x.7.509": "auth_failed",
    "x.7.515": "auth_failed",
    "x.7.606": "sender_blocked",
    "4.7.650": "rate_limited",
}

# The reply code alone, where it says anything. 550 and 554 do not.
REPLY_CODES: dict[int, str] = {
    421: "server_unreachable",
    451: "server_error",
    452: "server_error",
    521: "domain_unknown",
    530: "sender_setup",
    535: "sender_setup",
    552: "mailbox_full",
    556: "domain_unknown",
}

_PHRASES = tuple((reason, re.compile(phrase)) for reason, phrase in PHRASES)
# An address may say anything: full@, blocked@, spam@.
_ADDRESS = re.compile(r"[^\s<>()\"',;:]{0,64}@[^\s<>()\"',;:]{0,255}")
# Not within an IP address or a version number.
_ENHANCED = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)", re.ASCII)
# At the beginning, or before an enhanced code: elsewhere it is some other number.
_REPLY_CODE = re.compile(
    r"\A\W{0,5}([245]\d\d)(?=[ \-]|$)|\b([245]\d\d)[ \-]#?(?=[245]\.\d)", re.ASCII
)


def classify(*, code: int | None, enhanced: str, words: str) -> Classified:
    """Say why, from a reply code, an enhanced code and a server's words.

    Each may be missing; codes that stand only in the words are found there.
    """
    words = words[:LOOKED_AT]
    return (
        _by_words(words)
        or _by_enhanced(enhanced)
        or _by_enhanced(enhanced_in(words))
        or _by_reply_code(code or reply_code_in(words))
        or Classified("unknown", "nothing that tells a reason")
    )


def enhanced_in(words: str) -> str:
    """Return the first enhanced status code in `words`, or nothing."""
    found = _ENHANCED.search(words[:LOOKED_AT])
    return found[1] if found else ""


def reply_code_in(words: str) -> int | None:
    """Return the SMTP reply code that `words` begin with or name, or None."""
    found = _REPLY_CODE.search(words[:LOOKED_AT])
    return int(found[1] or found[2]) if found else None


def says_something(enhanced: str) -> bool:
    """Tell codes that lead to a reason from those, as 5.0.0, that do not."""
    return _by_enhanced(enhanced) is not None


def _by_words(words: str) -> Classified | None:
    text = " ".join(_ADDRESS.sub(" ", words.lower()).split())
    for reason, phrase in _PHRASES:
        if found := phrase.search(text):
            return Classified(reason, f"words “{found[0]}”")
    return None


def _by_enhanced(enhanced: str) -> Classified | None:
    if not _ENHANCED.fullmatch(enhanced):
        return None
    _digit, subject, detail = enhanced.split(".")
    for key in (enhanced, f"x.{subject}.{detail}", f"x.{subject}.x"):
        if reason := CODES.get(key):
            return Classified(reason, f"code {enhanced}")
    return None


def _by_reply_code(code: int | None) -> Classified | None:
    reason = REPLY_CODES.get(code or 0)
    return Classified(reason, f"reply {code}") if reason else None
