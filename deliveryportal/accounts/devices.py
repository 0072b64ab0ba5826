"""What a browser says of itself, in words that its owner knows it by."""

from __future__ import annotations

# The first that is found names it: most call themselves by the names of others too.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}
UNKNOWN = "A program that does not say which"


def device_of(user_agent: str) -> str:
    """“Firefox on Linux”, or what it says, where it is none of these."""
    browser, system = (
        next((name for mark, name in known.items() if mark in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    found = " on ".join(filter(None, (browser, system)))
    return found or user_agent[:60] or UNKNOWN
