from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

from channels.transports._base import (
    Input,
    OutgoingEmail,
    Pace,
    Preset,
    Receipt,
    Scope,
    Setting,
    SettingsError,
    Step,
    Traits,
    Transport,
    TransportError,
    Verdict,
    VisibleSender,
)

# What the weather, written on a slate in the loft, means for a pigeon.
WEATHER = {
    "fog": Verdict.NOT_NOW,
    "storm": Verdict.CHANNEL_DOWN,
    "no such house": Verdict.REFUSED,
}


class PigeonTransport(Transport):
    """Letters by bird: put into a loft, from where they fly."""

    traits = Traits(
        label="Pigeon post",
        icon="paper-airplane",
        scope=Scope.PERSON_OR_TEAM,
        visible_sender=VisibleSender.IDENTITY,
        adds_via=False,
        records_bounces=False,
        pace=Pace(messages=7, seconds=60),
        accepted_label="Took wing",
        when_to_pick="You keep pigeons.",
        set_up="A loft, and a whistle that its birds know.",
        address_seen="The address on the letter.",
        via="No.",
        dmarc="Pigeons have none.",
        sent_copy="None: the bird has it.",
        bounces="No: a bird that comes back tells nobody.",
        limits="One letter a bird.",
        remedy="For anything urgent, use Portal servers.",
    )
    presets = (
        Preset(label="My roof", values={"loft": "/roof"}, advice="Whistle softly."),
    )
    settings_asked = (
        Setting(name="loft", label="Loft", help="A folder.", guarded=True),
        Setting(name="birds", label="Birds", input=Input.NUMBER, initial="3"),
        Setting(name="whistle", label="Whistle", input=Input.PASSWORD, secret=True),
    )

    @classmethod
    def check_settings(cls, settings: Mapping[str, str]) -> None:
        if int(settings["birds"]) < 1:
            raise SettingsError("Without a bird nothing flies.", field="birds")

    @classmethod
    def summary(cls, config: Mapping[str, str]) -> str:
        return f"{config['birds']} birds at {config['loft']}"

    def probe(self, sender: str) -> Iterator[Step]:
        there = self._loft.is_dir()
        yield Step(label="Loft found", done=there, advice="" if there else "Build one.")
        if there:
            yield Step(label="Whistle known", done=self._whistle_known)

    def send(self, email: OutgoingEmail) -> Receipt:
        if not self._whistle_known:
            raise TransportError("They do not come.", Verdict.CHANNEL_BROKEN)
        weather = (self._loft / "slate").read_text()
        if weather in WEATHER:
            raise TransportError(f"There is {weather}.", WEATHER[weather])
        (self._loft / f"{uuid4()}.letter").write_bytes(email.content)
        if weather == "hawk":
            raise TransportError("It was not seen again.", Verdict.UNKNOWN)
        return Receipt(words="Coo.", remote=str(self._loft))

    @property
    def _loft(self) -> Path:
        return Path(self.settings["loft"])

    @property
    def _whistle_known(self) -> bool:
        known = (self._loft / "whistle").read_text()
        return known == self.credentials["whistle"]


TRANSPORT = PigeonTransport
