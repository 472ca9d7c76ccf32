"""The truth of a chaos run: what the SMTP server accepted, and what happened to its clients."""

import time
from asyncio import StreamReader, StreamWriter
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.support.smtp_script import Action, Call, Cut, CutAfter, ReceivedMail, Say
from tests.support.smtp_server import SmtpServer

DELAY = 0.3
"""Seconds by which some replies come late."""

BEFORE, AFTER = DELAY + 0.3, 1.0
"""Seconds by which a blow may come before the server takes a mail whose client has gone already,
and by which a reply may be under way to its record when the blow comes."""

CLOSING = 1.0
"""Seconds from a blow to the end of its sessions, beyond a reply that is late."""

NEVER = "never"
"""Part of every address that is refused for good, every time."""


@dataclass(frozen=True)
class Acceptance:
    """One mail that was answered with 250: when, and in which session."""

    at: float
    session: int


@dataclass(frozen=True)
class Blow:
    """What may cost a reply: `kill` of a worker, or a `cut` between server and client."""

    at: float
    kind: str


class ChaoticServer(SmtpServer):
    """Refuses, delays and cuts at random in every phase, while `is_chaotic`."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.is_chaotic = True
        self.acceptances: dict[str, list[Acceptance]] = defaultdict(list)
        self.blows: list[Blow] = []
        self._ends: dict[int, float] = {}
        self.accepted: list[ReceivedMail] = _Recorded(self)
        self._random = random

    def action(self, phase: str, text: str = "") -> Action | None:
        """Most often nothing; an address of `NEVER` is refused for good."""
        if phase == "rcpt" and NEVER in text:
            return Say("550 5.1.1 no such user")
        if not self.is_chaotic or self._random.random() > 0.03:
            return None
        choices: dict[str, list[Action | None]] = {
            "connect": [Cut(), Say("421 4.3.2 busy")],
            "helo": [Cut()],
            "mail": [Cut(), Cut("421 4.4.2 bye"), Say("451 4.3.0 later")],
            "rcpt": [Cut(), Say("450 4.2.1 later"), Say("250 2.1.5 ok", delay=DELAY)],
            "data": [Cut(), Say("451 4.3.0 later")],
            "payload": [CutAfter(50), CutAfter(300)],
            "dot": [
                Cut(),
                Say("451 4.3.0 later"),
                Say("250 2.0.0 queued", delay=DELAY),
                Call(self.lose_replies, "250 2.0.0 queued"),
            ],
        }
        return self._random.choice(choices.get(phase, [None]))

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        number = len(self.sessions)
        await super()._accept(reader, writer)
        self._ends[number] = time.monotonic()

    def lose_replies(self) -> None:
        """Cut every connection: what is accepted at this moment is never told."""
        self.struck("cut")
        self.drop_connections()

    def struck(self, kind: str) -> None:
        """It happens now."""
        self.blows.append(Blow(time.monotonic(), kind))

    def sent(self) -> Counter[str]:
        """How often each id was accepted."""
        return Counter({name: len(times) for name, times in self.acceptances.items()})

    def repetitions(self) -> Iterator[tuple[str, str | None, str]]:
        """Each acceptance but one of an id, with the kind of blow that fell into its reply window
        and ended its session (None where none did), and what was seen.

        The one that is left out is the one that was recorded: any, since a server that dawdles may
        take a mail after the client, cut off, has already been served elsewhere.
        """
        for name, times in self.acceptances.items():
            told = [(self._explanation(one), one) for one in times]
            told.remove(next((each for each in told if each[0] is None), told[-1]))
            for kind, one in told:
                yield name, kind, f"{name}: {self._seen(one)}"

    def _seen(self, one: Acceptance) -> str:
        blow = min(self.blows, key=lambda b: abs(b.at - one.at), default=None)
        seen = f"accepted, session ended {self._end(one) - one.at:+.2f} s after"
        if blow is not None:
            seen += f", nearest {blow.kind} {blow.at - one.at:+.2f} s"
        return seen

    def _end(self, one: Acceptance) -> float:
        return self._ends.get(one.session, float("inf"))

    def _explanation(self, one: Acceptance) -> str | None:
        end = self._end(one)
        for blow in self.blows:
            in_window = one.at - BEFORE <= blow.at <= one.at + AFTER
            if in_window and blow.at - 0.1 <= end <= blow.at + DELAY + CLOSING:
                return blow.kind
        return None


@dataclass
class _Recorded(list[ReceivedMail]):
    server: ChaoticServer = field(repr=False)

    def append(self, mail: ReceivedMail) -> None:
        super().append(mail)
        for address in mail.recipients:
            name = f"id-{address.removeprefix('user').partition('@')[0]}"
            self.server.acceptances[name].append(Acceptance(time.monotonic(), mail.session))
