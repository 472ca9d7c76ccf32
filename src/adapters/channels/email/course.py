"""How far one letter has come, over one connection after another, before any of it is sent."""

from collections.abc import Sequence

from adapters.channels.email.endings import LostBeforePayload, NothingSent, PipeliningBroken
from adapters.channels.email.limits import Limit
from domain.errors import DeliveryError, NotYet, Transient, Unavailable

_MOST_TURNS = 10
"""Connections that end without any progress, one after another. Each had served before."""


class Course:
    """What is known of each address that the letter goes to.

    A server may end a connection because of too many unknown recipients. Those that it refused have
    their answer. Those that it had accepted by then are the next to be asked for, alone: no further
    refusal can come between.
    """

    def __init__(self) -> None:
        self.refused: dict[str, DeliveryError] = {}
        self._accepted: frozenset[str] = frozenset()
        self._turns = 0
        self._was_asked = True

    def choose(self, addresses: list[str], most: int | None) -> list[str]:
        """Whom the next transaction is for: at most `most`."""
        if self.refused:
            addresses = [address for address in addresses if address not in self.refused]
            addresses = [a for a in addresses if a in self._accepted] or addresses
        return addresses if most is None else addresses[:most]

    def note(self, asked: Sequence[str], nothing: NothingSent, most_recipients: int | None) -> None:
        """Take note of a transaction that came to nothing. `most_recipients`: what it showed the
        server to take."""
        is_nearer = nothing.limit is Limit.RECIPIENTS or most_recipients is not None
        is_nearer = is_nearer or isinstance(nothing, PipeliningBroken)
        if isinstance(nothing, LostBeforePayload):
            is_nearer = self._note_refusals(asked, nothing) or is_nearer
        self._turns = 0 if is_nearer else self._turns + 1
        self._was_asked = not isinstance(nothing, LostBeforePayload) or bool(nothing.answers)

    def goes_on(self, *, is_fresh: bool) -> bool:
        """Whether another transaction makes sense. `is_fresh`: the last one was the first of its
        connection. A server may close all connections at once, and with them one just opened: so
        one farewell before the first command says nothing about the next connection."""
        if not self._was_asked and self._turns == 1:
            return True
        return self._turns == 0 or (not is_fresh and self._turns <= _MOST_TURNS)

    def _note_refusals(self, asked: Sequence[str], lost: LostBeforePayload) -> bool:
        refused = {
            address: answer
            for address, answer in zip(asked, lost.answers, strict=False)
            if answer is not None and not isinstance(answer, NotYet)
        }
        if refused:
            self.refused |= refused
            self._accepted = frozenset(asked[number] for number in lost.accepted)
        return bool(refused)

    def give_up(self, nothing: NothingSent) -> DeliveryError:
        """Return the error of the recipients without an answer. Raises it where that is every
        recipient."""
        if self.refused:
            return Transient(str(nothing), safe_to_repeat=True)
        if isinstance(nothing, LostBeforePayload) and not nothing.answers:
            raise Unavailable(str(nothing), safe_to_repeat=True)
        is_relay = nothing.limit is not Limit.RECIPIENTS
        raise Transient(
            str(nothing), safe_to_repeat=True, provider_fault=is_relay, is_certain=is_relay
        )
