"""What codes say, where they say anything: 550 does not, and 5.7.1 has seven meanings."""

from __future__ import annotations

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
    "x.3.1": "mailbox_full",
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
    "x.7.57": "sender_setup",
    "x.7.64": "sender_setup",
    "x.7.509": "auth_failed",
    "x.7.515": "auth_failed",
    "x.7.511": "sender_blocked",
    "x.7.606": "sender_blocked",
    "4.7.650": "rate_limited",
}

# The reply code alone, where it says anything. 550 and 554 do not.
REPLY_CODES: dict[int, str] = {
    421: "server_unreachable",
    451: "server_error",
    452: "server_error",
    521: "domain_unknown",
    525: "mailbox_disabled",
    530: "sender_setup",
    535: "sender_setup",
    551: "address_unknown",
    552: "mailbox_full",
    556: "domain_unknown",
}
