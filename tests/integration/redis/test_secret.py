"""The ledger's URL is read again from its file at each connect: a changed password, another
server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("redis", reason="needs the extra redis")

from redis import Redis
from structlog.testing import capture_logs

from domain.ledger import DeliveryLedger, LedgerUnavailable
from domain.pace import PaceStore, Rate, Spacing
from entrypoints.container import Container
from entrypoints.settings import load_settings
from tests.contracts.ledger_harness import CLEAR, ID, SENT, deliver, state_of
from tests.integration.conftest import require_redis
from tests.support.redis_server import RedisServer, redis_server

OLD, NEW = "0ld-s3cret", "n3w-s3cret"
VARIABLE = "DISPATCHER_LEDGER_URL_FILE"
CHANGED = "a secret has changed; the new one is used"
BAD = "a secret's file cannot be used; the last good value counts"
ONCE = Spacing(budgets=(Rate(1, 3600.0),))
"""One turn in an hour: whoever gets a second one asks another server."""

Call = Callable[[], Awaitable[object]]
Scenario = Callable[[DeliveryLedger, PaceStore], Awaitable[None]]


@pytest.fixture(scope="module", autouse=True)
def _with_redis() -> None:
    require_redis()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that wants the old password."""
    (tmp_path / "guarded").mkdir()
    with redis_server(tmp_path / "guarded", "--requirepass", OLD) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path, guarded: RedisServer) -> Path:
    """What the variable names, with the old password in it."""
    file = tmp_path / "url"
    file.write_text(url(guarded, OLD))
    return file


def url(server: RedisServer, password: str, user: str = "") -> str:
    return f"redis://{user}:{password}@127.0.0.1:{server.port}/0"


def command(server: RedisServer, password: str, *words: str) -> Any:
    """What an administrator does who knows the password."""
    with Redis(port=server.port, password=password) as client:
        return client.execute_command(*words)


async def throw_out(server: RedisServer, password: str, *calls: Call) -> None:
    """Cut all connections; the next call over each of them fails."""
    command(server, password, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for call in calls:
        with pytest.raises(LedgerUnavailable, match="hung up"):
            await call()


def play(tmp_path: Path, file: Path, scenario: Scenario) -> list[tuple[str, str]]:
    """Play it with a worker's ledger and paces; the log's lines about secrets."""

    async def main() -> None:
        environ = {VARIABLE: str(file), "DISPATCHER_HOME": str(tmp_path)}
        settings = load_settings(environ, tmp_path / "absent.toml").settings
        container = Container(settings=settings)
        try:
            await scenario(container.ledger(), container.paces())
        finally:
            await container.closing().aclose()

    with capture_logs() as lines:
        asyncio.run(main())
    assert "s3cret" not in repr(lines)
    return [(line["event"], line["setting"]) for line in lines]


def test_after_a_refused_login_the_new_password_is_used(
    tmp_path: Path, guarded: RedisServer, file: Path
) -> None:
    async def scenario(ledger: DeliveryLedger, paces: PaceStore) -> None:
        async def take() -> bool:
            return (await paces.take("relay", ONCE, 0.0)).taken

        await deliver(ledger, ID)
        assert await take()
        command(guarded, OLD, "CONFIG", "SET", "requirepass", NEW)
        await throw_out(guarded, NEW, partial(ledger.peek, ID), take)
        for text in (url(guarded, OLD), "", "no URL"):
            file.write_text(text)
            with pytest.raises(LedgerUnavailable, match="refuses the login") as caught:
                await ledger.start(ID)
            assert "s3cret" not in str(caught.value)
        with pytest.raises(LedgerUnavailable, match="refuses the login"):
            await take()

        file.write_text(url(guarded, NEW))

        assert await state_of(ledger, ID) is SENT
        assert not await take()

    said = play(tmp_path, file, scenario)

    assert said == [(BAD, VARIABLE), (BAD, VARIABLE), (CHANGED, VARIABLE)]


def test_a_password_that_changed_in_the_file_first_costs_no_call(
    tmp_path: Path, guarded: RedisServer, file: Path
) -> None:
    def user(*rules: str) -> None:
        command(guarded, OLD, "ACL", "SETUSER", "worker", *rules)

    user("on", "~*", "&*", "+@all", f">{OLD}", f">{NEW}")
    file.write_text(url(guarded, OLD, "worker"))

    async def scenario(ledger: DeliveryLedger, _paces: PaceStore) -> None:
        await deliver(ledger, ID)
        file.write_text(url(guarded, NEW, "worker"))
        assert await state_of(ledger, ID) is SENT  # over the connection that there is
        user(f"<{OLD}")

        answers = await asyncio.gather(*(state_of(ledger, ID) for _ in range(5)))

        assert answers == [SENT] * 5
        assert command(guarded, OLD, "CLIENT", "LIST").count(b"user=worker") > 1

    assert play(tmp_path, file, scenario) == [(CHANGED, VARIABLE)]


def test_another_server_is_used_once_the_one_in_use_is_away(
    tmp_path: Path, guarded: RedisServer, file: Path, own_redis: RedisServer
) -> None:
    async def scenario(ledger: DeliveryLedger, paces: PaceStore) -> None:
        await deliver(ledger, ID)
        assert (await paces.take("relay", ONCE, 0.0)).taken
        file.write_text(own_redis.url)
        assert await state_of(ledger, ID) is SENT
        guarded.kill()
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            await ledger.start(ID)

        assert await state_of(ledger, ID) is CLEAR
        with pytest.raises(LedgerUnavailable, match=f":{guarded.port}/"):
            await paces.take("relay", ONCE, 0.0)
        assert (await paces.take("relay", ONCE, 0.0)).taken

    assert play(tmp_path, file, scenario) == [(CHANGED, VARIABLE)]


def test_a_ledger_of_another_kind_is_not_taken_while_the_worker_runs(
    tmp_path: Path, guarded: RedisServer, file: Path
) -> None:
    async def scenario(ledger: DeliveryLedger, _paces: PaceStore) -> None:
        await deliver(ledger, ID)
        file.write_text("memory:")
        await throw_out(guarded, OLD, partial(ledger.peek, ID))

        assert await state_of(ledger, ID) is SENT

    assert play(tmp_path, file, scenario) == [(BAD, VARIABLE)]
