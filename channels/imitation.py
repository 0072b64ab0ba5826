"""Names that read like a team mate's, though their characters may differ.

A name is compared by its skeletons: what is left when everything is taken away that
a reader does not see or does not mind. Only letters that look like Latin ones are
unified, the few that imitations are made of.
"""

from __future__ import annotations

import unicodedata

from channels.models import EmailIdentity
from channels.models.identity import EmailIdentityQuerySet
from deliveryportal.accounts.models import User

# Each letter stands above the Latin one it looks like.
LOOKALIKES = str.maketrans(
    # Cyrillic
    "АВЕЅІЈКМНОРСТУХҮӀԚԜаеѕіјорсухһԁԛԝүӏвкмнтгь"
    # Greek
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικνορστυχω"
    # Latin with a stroke, without a dot, or small where a capital is meant
    "ŁłØøĐđĦħŦŧıɑɡɩʏᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ",
    "ABESIJKMHOPCTYXYIQWaesijopcyxhdqwylbkmhtrb"
    "ABEZHIKMNOPTYXabyenikvopotuxw"
    "LlOoDdHhTtiagiyabcdefghijklmnoprstuvwz",
)
# After folding the case: characters and pairs that are one in many typefaces.
SAME_SHAPES = {"i": "l", "1": "l", "|": "l", "0": "o", "rn": "m", "vv": "w"}

# Drawn as nothing, though Unicode calls them letters or marks.
UNSEEN = {
    *"\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0",  # joiners and fillers
    *map(chr, range(0x180B, 0x1810)),  # variation selectors
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0100, 0xE01F0)),
}
# Combining classes of marks above, below and through any letter.
OVERLAY, FIRST_GENERIC = 1, 200


def imitated(display_name: str, *, owner: User, address: str) -> str:
    """Return the name of a team mate that `display_name` reads like; empty if none.

    Names the owner has already are theirs. Who writes from the same address as a
    mate is the same sender, and may be called the same.
    """
    own = {owner.name, *_names(EmailIdentity.objects.filter(owner=owner))}
    looks = skeletons(display_name)
    if any(looks & skeletons(name) for name in own):
        return ""
    return mate_called(display_name, owner=owner, address=address)


def mate_called(name: str, *, owner: User, address: str) -> str:
    """Return the name of a team mate that `name` reads like, whoever has it first."""
    mates = User.objects.filter(team=owner.team_id).exclude(pk=owner.pk)
    of_mates = EmailIdentity.objects.filter(owner__in=mates).exclude(
        address__iexact=address
    )
    looks = skeletons(name)
    theirs = [*mates.values_list("name", flat=True), *_names(of_mates)]
    return next((each for each in theirs if looks & skeletons(each)), "")


def skeletons(name: str) -> frozenset[str]:
    """Return what `name` looks like: its words in their order, and in any order."""
    seen = _seen(name)
    # Twice, since some Greek letters look like others when their case changes.
    spellings = [_words(seen), _words(seen.casefold())]
    arranged = [words for each in spellings for words in (each, sorted(each))]
    return frozenset("".join(words) for words in arranged if words)


def _words(text: str) -> list[str]:
    text = text.translate(LOOKALIKES).casefold()
    for shape, same in SAME_SHAPES.items():
        text = text.replace(shape, same)
    return "".join(c if _is_letter(c) else " " for c in text).split()


def _names(identities: EmailIdentityQuerySet) -> list[str]:
    return list(identities.values_list("display_name", flat=True))


def _seen(name: str) -> str:
    return "".join(
        c
        for c in unicodedata.normalize("NFKD", name)
        if c not in UNSEEN
        and unicodedata.category(c) != "Cf"
        and unicodedata.combining(c) != OVERLAY
        and unicodedata.combining(c) < FIRST_GENERIC
    )


def _is_letter(c: str) -> bool:
    return c.isalnum() or unicodedata.category(c).startswith("M")
