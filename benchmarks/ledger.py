"""What the ledger costs a mail: `python -m benchmarks.ledger`.

Times the three calls that a plain mail makes (start, sending, finish) on a SQLite file, with one
mail at a time and with twenty side by side, whose calls share transactions. CPU time of the best
of several blocks, in microseconds a mail. Then the bytes that a mail with an id leaves there, and
in the memory of a Redis where redis-server is installed.
"""

import asyncio
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from redis import Redis
from tests.support.redis_server import redis_server

from adapters.clock import SystemClock
from adapters.redis.ledger import RedisLedger
from adapters.secret import Secret
from adapters.sqlite.ledger import SqliteLedger
from domain.delivery import Delivery
from domain.ledger import DeliveryLedger
from domain.notification import Notification, Recipient

_BLOCK = 400
_BLOCKS = 20


def deliveries(block: int) -> list[Delivery]:
    """The deliveries of one block, each to one recipient and with an id of its own."""
    ann = (Recipient(address="ann@example.com"),)
    mail = Notification(id="n", channel="email", to=ann, template="welcome", parameters={})
    plain = Delivery(notification=mail, remaining=ann, key="", fingerprint="f" * 64, has_id=True)
    return [replace(plain, key=f"order-{block}-{number}") for number in range(_BLOCK)]


async def fill(ledger: DeliveryLedger) -> None:
    """Write down many mails, twenty side by side."""
    for block in range(_BLOCKS):
        mails = deliveries(block)
        await asyncio.gather(*(send(ledger, mails[first::20]) for first in range(20)))
    await ledger.close()


async def send(ledger: DeliveryLedger, mails: list[Delivery]) -> None:
    """Write down one mail after the other, as the dispatcher does."""
    for mail in mails:
        start = await ledger.start(mail)
        await ledger.sending(start.claim, mail.addresses)
        await ledger.finish(start.claim, mail.addresses)


async def microseconds(path: Path, at_once: int) -> float:
    """CPU time for one mail, with so many of them side by side."""
    ledger = SqliteLedger(path, SystemClock())
    best = float("inf")
    for block in range(_BLOCKS):
        mails = deliveries(block)
        began = time.process_time()
        await asyncio.gather(*(send(ledger, mails[first::at_once]) for first in range(at_once)))
        best = min(best, time.process_time() - began)
    await ledger.close()
    return best / _BLOCK * 1e6


def bytes_in_file(folder: Path) -> float:
    """What a mail takes of the file."""
    asyncio.run(fill(SqliteLedger(folder / "ledger.db", SystemClock())))
    return sum(path.stat().st_size for path in folder.iterdir()) / (_BLOCK * _BLOCKS)


def bytes_in_redis(folder: Path) -> float:
    """What a mail takes of the server's memory."""
    with redis_server(folder) as server, Redis.from_url(server.url) as client:
        before = client.info("memory")["used_memory"]
        asyncio.run(fill(RedisLedger(Secret(server.url))))
        return float(client.info("memory")["used_memory"] - before) / (_BLOCK * _BLOCKS)


def main() -> None:
    """Print a line for each number of mails side by side, and for each store."""
    for at_once in (1, 20):
        with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
            took = asyncio.run(microseconds(Path(folder) / "ledger.db", at_once))
        print(f"{at_once:>2} at once: {took:6.1f} µs a mail")
    sizes = {"file": bytes_in_file}
    if shutil.which("redis-server"):
        sizes["redis"] = bytes_in_redis
    for name, size in sizes.items():
        with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
            print(f"{name:>5}: {size(Path(folder)):6.0f} bytes a mail")


if __name__ == "__main__":
    main()
