"""The oracle of fault tests: what is sent, dead and queued together is what was published."""

from collections.abc import Callable
from datetime import timedelta

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement
from tests.support.consuming import Recorder
from tests.support.rabbit import Peer


def bodies(count: int, prefix: str = "m") -> list[bytes]:
    """So many different bodies, numbered."""
    return [f"{prefix}{number}".encode() for number in range(count)]


def mixed(message: InboundMessage) -> Settlement:
    """Every third message is dead, every third is tried again once, the rest is done with."""
    number = int(message.body[1:])
    if number % 3 == 0:
        return Settlement([DeadCopy(headers={"x-dispatcher-reason": "malformed"})])
    if number % 3 == 1 and "x-dispatcher-attempt" not in message.headers:
        return Settlement(
            [RetryCopy(delay=timedelta(milliseconds=200), headers={"x-dispatcher-attempt": 1})]
        )
    return Settlement()


def all_accounted_for(
    published: list[bytes], recorder: Recorder, peer: Peer, queue: str
) -> Callable[[], bool]:
    """The oracle: sent, dead and queued together are what was published."""

    def check() -> bool:
        sent = {m.body for m in recorder.messages if not mixed(m).copies}
        dead = peer.ready(f"{queue}.dead") or 0
        should_be_dead = [body for body in published if int(body[1:]) % 3 == 0]
        return (
            sent == set(published) - set(should_be_dead)
            and dead >= len(should_be_dead)
            and peer.ready(queue) == 0
            and peer.ready(f"{queue}.retry.200") == 0
        )

    return check


def dead_are_complete(published: list[bytes], peer: Peer, queue: str) -> None:
    """Take the dead letters out and make sure that none is missing."""
    dead = {body for _, body in peer.take_all(f"{queue}.dead")}
    assert dead == {body for body in published if int(body[1:]) % 3 == 0}
