"""What a scripted SMTP server may be told to do, and what it writes down."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Say:
    """Answer with this; `\\n` makes several lines, `\\r\\n` several replies. `delay`: seconds."""

    reply: str
    delay: float = 0.0


@dataclass(frozen=True)
class Call:
    """Call this in the server's loop, then answer."""

    function: Callable[[], object]
    reply: str


@dataclass(frozen=True)
class Hang:
    """Never answer."""


@dataclass(frozen=True)
class Cut:
    """Close the connection, after saying `reply` if there is one."""

    reply: str | None = None


@dataclass(frozen=True)
class CutAfter:
    """Close the connection after so many bytes of the mail, having called `before`."""

    size: int
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class SayEarly:
    """Answer after so many bytes of the mail, read no more, and close a moment later."""

    size: int
    reply: str


Action = Say | Call | Hang | Cut | CutAfter | SayEarly


@dataclass
class Rule:
    phase: str
    action: Action
    address: str | None
    times: int | None
    used: int = 0


@dataclass(frozen=True)
class ReceivedMail:
    """A mail answered with 2xx: `data` without dot stuffing, CRLF line ends kept."""

    sender: str
    recipients: tuple[str, ...]
    parameters: str
    data: bytes
    session: int


@dataclass
class SessionLog:
    number: int
    commands: list[str] = field(default_factory=list)
    tls: bool = False
    user: str | None = None
    payloads: int = 0
