"""What every delivery channel can do and says about itself.

A transport is pure: settings and an `OutgoingEmail` in, a `Receipt` or a
`TransportError` out. It knows no models, no request and no queue.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from types import TracebackType
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingEmail:
    """One message to one recipient, ready for the wire.

    Both addresses are in their wire form: the domain in A-labels, the local part
    as it is, which asks for SMTPUTF8 if it is not ASCII. `content` is the whole
    RFC 5322 message with CRLF line ends.
    """

    envelope_sender: str
    recipient: str
    content: bytes
    thread: str = ""  # the provider's own id of the thread it belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The next server has taken responsibility for the message (RFC 5321, 4.2.5)."""

    words: str  # the remote server's own, decoded, not trusted
    code: int | None = None
    remote: str = ""  # host it was handed to
    remote_id: str = ""  # the provider's own id of the message, if it has one
    thread: str = ""  # and of its thread


class Verdict(Enum):
    """What the caller must do about a message that was not accepted."""

    REFUSED = auto()  # certainly not sent, and never will be like this
    NOT_NOW = auto()  # certainly not sent; try this message again later
    CHANNEL_DOWN = auto()  # certainly not sent; nor will the next on this channel
    CHANNEL_BROKEN = auto()  # the same, until a person has mended the channel
    UNKNOWN = auto()  # may have been sent: never again without a person's word


class TransportError(Exception):
    """A message was not accepted. `verdict` is the fact to act on.

    `words` are the remote server's own where it said any (hostile text), `code`
    its SMTP or HTTP status, `enhanced` its enhanced status code (RFC 3463),
    `wait` the pause it asked for, `stage` how far the conversation had come.
    """

    def __init__(
        self,
        words: str,
        verdict: Verdict,
        *,
        code: int | None = None,
        enhanced: str = "",
        remote: str = "",
        wait: timedelta | None = None,
        stage: str = "",
    ) -> None:
        super().__init__(words)
        self.words = words
        self.verdict = verdict
        self.code = code
        self.enhanced = enhanced
        self.remote = remote
        self.wait = wait
        self.stage = stage


class Scope(Enum):
    """Whose a channel of this kind is."""

    INSTALLATION = auto()  # one for everybody, nothing to connect
    PERSON = auto()  # one per user
    PERSON_OR_TEAM = auto()


class VisibleSender(Enum):
    """Which address the recipient sees in From."""

    IDENTITY = auto()
    CONNECTED_ACCOUNT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one user may send on one channel, unless the team says otherwise.

    At most `messages` every `seconds`, and `per_day` in 24 hours; None is unlimited.
    """

    messages: int | None = None
    seconds: int = 45
    per_day: int | None = None

    @property
    def unlimited(self) -> bool:
        return self.messages is None and self.per_day is None

    @property
    def words(self) -> str:
        """All of it, as people read it."""
        return " and ".join(filter(None, (self.burst, self.day))) or "No limit"

    @property
    def burst(self) -> str:
        """As in "25 messages every 45 seconds"; empty if unlimited."""
        if self.messages is None:
            return ""
        every = "second" if self.seconds == 1 else f"{self.seconds:,} seconds"
        return f"{_messages(self.messages)} every {every}"

    @property
    def day(self) -> str:
        """As in "500 messages a day"; empty if unlimited."""
        return "" if self.per_day is None else f"{_messages(self.per_day)} a day"


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What people are told about a kind of channel, and what the code asks of it.

    Every text is a plain sentence for a salesperson; `{portal_domain}` stands for
    the portal's own domain.
    """

    label: str
    icon: str  # of the heroicons package
    scope: Scope
    visible_sender: VisibleSender
    # The identity's domain has not authorised these servers, so mail programs
    # may add "via <portal domain>".
    adds_via: bool
    records_bounces: bool
    pace: Pace = Pace()
    accepted_label: str  # what an accepted message is called in Conversations

    when_to_pick: str
    set_up: str
    address_seen: str
    via: str
    dmarc: str
    sent_copy: str
    bounces: str
    limits: str = ""  # of the provider's; ours are told from `pace`
    remedy: str  # the one thing to do when it is not what a person wants


class Input(Enum):
    """How a setting is asked for."""

    TEXT = auto()
    NUMBER = auto()
    CHOICE = auto()
    PASSWORD = auto()  # write-only
    BLOCK = auto()  # several lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing a person fills in to connect a channel; Settings makes a form of them.

    A `secret` one is encrypted at rest and never shown; a `guarded` one cannot be
    changed without giving the secrets again, lest they be sent somewhere else.
    """

    name: str
    label: str
    help: str = ""
    input: Input = Input.TEXT
    choices: tuple[tuple[str, str], ...] = ()
    initial: str = ""
    required: bool = True
    secret: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A common provider: `values` by setting name, and where its credentials come from."""

    label: str
    values: Mapping[str, str]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a connection test that has been made."""

    label: str
    done: bool
    words: str = ""  # what the other side said: hostile text
    advice: str = ""  # what to try, where it failed


class SettingsError(ValueError):
    """These settings cannot work; the message says why, for people. `field` names one."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that a person lets us send from, as its OAuth provider tells of it."""

    address: str
    credentials: Mapping[str, str]
    config: Mapping[str, Any]


class Transport(ABC):
    """One open way out. Used as a context manager; not shared between threads.

    `settings` are the installation's settings that the class names, joined with
    the channel's own config; `credentials` are the channel's decrypted secrets.
    """

    # Pages read the class; a template would make an instance of it instead.
    do_not_call_in_templates: ClassVar[bool] = True

    traits: ClassVar[Traits]
    # Names of Django settings this kind needs, passed to it under their own names.
    installation_settings: ClassVar[tuple[str, ...]] = ()
    # How it is connected: by filling in `settings_asked`, or by the consent page of
    # an OAuth provider of allauth's. Neither: nothing to connect.
    settings_asked: ClassVar[tuple[Setting, ...]] = ()
    presets: ClassVar[tuple[Preset, ...]] = ()
    oauth_provider: ClassVar[str] = ""
    oauth_scopes: ClassVar[tuple[str, ...]] = ()
    # Of the consent page, beyond what every provider is asked with.
    oauth_parameters: ClassVar[Mapping[str, str]] = {}
    # The longest that one `send` may take, all its waiting included.
    patience: ClassVar[timedelta] = timedelta(minutes=6)

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.credentials = credentials

    @abstractmethod
    def send(self, email: OutgoingEmail) -> Receipt:
        """Hand `email` over; raise `TransportError` if it was not accepted.

        Connections are opened on first use and kept. Never sends twice: whatever
        happens after the first byte that could deliver is `Verdict.UNKNOWN`.
        """

    def send_all(
        self, emails: Iterable[OutgoingEmail]
    ) -> Generator[Receipt | TransportError]:
        """Hand over one after the other; yield what came of each, in their order.

        May take the next one before it yields, and may end early: what it has taken
        then and not told of has certainly not been sent.
        """
        for email in emails:
            try:
                yield self.send(email)
            except TransportError as error:
                yield error

    @classmethod
    def from_installation(cls, settings: object) -> dict[str, Any]:
        """Return the installation's settings this kind names, by name."""
        return {name: getattr(settings, name) for name in cls.installation_settings}

    @classmethod
    def far_end(cls, settings: Mapping[str, Any]) -> str:
        """Name the host it connects to; empty if it is the same for the whole kind.

        The sessions of all channels that lead to one host are counted together.
        """
        return str(settings.get("host", "")).strip().rstrip(".").casefold()

    @classmethod
    def check_settings(cls, settings: Mapping[str, str]) -> None:
        """Raise SettingsError for settings that cannot work, before anything connects."""
        return

    @classmethod
    def unavailable(cls, settings: Mapping[str, Any]) -> str:
        """Say why nobody can connect this kind in this installation; empty: anybody can."""
        return ""

    @classmethod
    def summary(cls, config: Mapping[str, str]) -> str:
        """What tells this channel from others of its kind, without its secrets."""
        return ""

    def probe(self, sender: str) -> Iterator[Step]:
        """Test the connection step by step, sending nothing; stop at a failing one."""
        yield from ()

    @classmethod
    def account(
        cls, grant: Mapping[str, Any], claims: Mapping[str, Any], at: datetime
    ) -> Account:
        """Read what an OAuth provider has granted `at` this moment.

        `grant` is its token endpoint's answer (RFC 6749, 5.1), `claims` say whose
        account it is. Raises SettingsError if no mail can be sent with it.
        """
        raise NotImplementedError

    @classmethod
    def needs_renewal(cls, credentials: Mapping[str, str], at: datetime) -> bool:
        """Whether `credentials` must be renewed before they are used."""
        return False

    @classmethod
    def renew(
        cls, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> dict[str, str]:
        """Return fresh credentials; raise TransportError, CHANNEL_BROKEN if the grant is gone."""
        return dict(credentials)

    @classmethod
    def disconnect(
        cls, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Give the grant back where there is one. Never raises: it is gone for us.

        A fresh grant that nobody has stored may be given back too: an OAuth
        provider's tokens have the same names there and in `credentials`.
        """
        return

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Let go of connections. Never raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
