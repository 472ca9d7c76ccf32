"""The ledger on a Redis server, shared by the workers of a fleet."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final

from adapters.redis import rules, scripts
from adapters.redis.client import RedisScripts
from adapters.secret import Secret
from domain.delivery import Delivery
from domain.ledger import RETENTION, Claim, ClaimLost, LedgerUnavailable, RecipientState, Start

_UNDONE_AT_ONCE: Final = 100


class RedisLedger:
    """The DeliveryLedger contract on a Redis server.

    It is as durable as the server: with `appendfsync everysec` a crash of the server forgets a
    second, a flush or a failover to a lagging replica what they lose, and what is forgotten may be
    sent twice. The server must not evict (`maxmemory-policy noeviction`). Leases run on its clock.
    """

    def __init__(
        self,
        url: Secret,
        *,
        lease: timedelta = timedelta(seconds=30),
        retention: timedelta = RETENTION,
        prefix: str = "dispatcher:ledger:",
    ) -> None:
        """`url`: see `RedisAddress`. Workers with the same `prefix` know of each
        other. Raises ValueError for an invalid URL; connects when first used."""
        self._lease = max(int(lease.total_seconds() * 1000), 1)
        kept = max(int(retention.total_seconds() * 1000), 1)
        self._scripts = RedisScripts(url, prefix, secrets.token_hex(16), self._lease, kept)
        self._given_up: list[str] = []
        self._keeper: asyncio.Task[None] | None = None
        self._is_closed = False

    async def start(self, delivery: Delivery) -> Start:
        claim = f"{_prefix(delivery)}.{secrets.token_hex(8)}"
        recipients = delivery.addresses
        given_up = self._given_up[:_UNDONE_AT_ONCE]
        try:
            answer = await self._run(
                rules.START,
                claim,
                _digest(delivery.session),
                _digest(delivery.fingerprint),
                int(delivery.has_id),
                int(delivery.redelivered),
                len(given_up),
                *given_up,
                *map(_digest, recipients),
            )
        except (asyncio.CancelledError, LedgerUnavailable):
            # It may have happened, or may yet, and its caller will never finish it.
            self._given_up.append(claim)
            raise
        self._undone(given_up)
        happened, *rest = answer
        if not happened:
            raise LedgerUnavailable(f"{self._scripts.name}: the answer came too late")
        is_recovered, *found = rest
        states = [RecipientState(state.decode()) for state in found]
        return Start(
            claim=Claim(claim, delivery.has_id),
            states=dict(zip(recipients, states, strict=True)),
            is_recovered=bool(is_recovered),
        )

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        recipients = delivery.addresses
        answer = await self._scripts.run(
            rules.PEEK,
            _prefix(delivery),
            _digest(delivery.fingerprint),
            int(delivery.has_id),
            int(delivery.redelivered),
            *map(_digest, recipients),
        )
        _happened, _is_recovered, *found = answer
        states = [RecipientState(state.decode()) for state in found]
        return dict(zip(recipients, states, strict=True))

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        if not await self._run(scripts.SENDING, claim.name, *map(_digest, recipients)):
            raise ClaimLost(
                f"{self._scripts.name}: it has forgotten this delivery, or this process was taken"
                " for dead and another has taken the delivery over: start it again"
            )

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        await self._run(scripts.SENT, claim.name, *map(_digest, recipients))

    async def finish(self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()) -> None:
        kept = "" if claim.has_id else claim.name
        who = map(_digest, (*sent, *in_doubt))
        await self._run(scripts.FINISH, claim.name, kept, len(sent), *who)

    async def acked(self, claim: Claim) -> None:
        await self._run(scripts.ACKED, claim.name)

    async def session_ended(self, session: str) -> None:
        await self._run(scripts.END_SESSION, _digest(session))

    async def close(self) -> None:
        if self._is_closed:
            return
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            with suppress(LedgerUnavailable):  # then the lease runs out by itself
                await self._scripts.run(scripts.END)
        self._is_closed = True
        await self._scripts.close()

    async def _run(self, script: str, *arguments: str | int) -> Any:
        if self._is_closed:
            raise LedgerUnavailable(f"{self._scripts.name}: it is closed; this process is ending")
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        return await self._scripts.run(script, *arguments)

    async def _keep(self) -> None:
        """Renew the lease while the process lives, and undo what was given up."""
        pause = self._lease / 3000
        while True:
            await asyncio.sleep(pause)
            pause = self._lease / 9000  # sooner after a failure; whoever needs the ledger says so
            given_up = self._given_up[:_UNDONE_AT_ONCE]
            with suppress(LedgerUnavailable):
                await self._run(scripts.RENEW, *given_up)
                self._undone(given_up)
                pause = self._lease / 3000

    def _undone(self, claims: Sequence[str]) -> None:
        self._given_up = [claim for claim in self._given_up if claim not in claims]


def _prefix(delivery: Delivery) -> str:
    """The beginning of the names of this delivery's claims, and the name of its hash."""
    channel = delivery.notification.channel
    key = _digest(f"{len(channel)}:{channel}{delivery.key}")
    return f"{'i' if delivery.has_id else 'n'}{key}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
