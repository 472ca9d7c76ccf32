"""The image's health check asks where the worker listens, for every value of DISPATCHER_HTTP."""

import asyncio
import os

import pytest

from adapters.observers.health import HealthPages, listen
from adapters.setting_values import OFF
from entrypoints.settings.values import parse_http
from tests.support.tools import ROOT

PROBE = ROOT / "deploy/image/health"


async def probe(setting: str | None) -> int:
    """The exit code of the check with this setting."""
    env = {"PATH": os.environ["PATH"]}
    if setting is not None:
        env["DISPATCHER_HTTP"] = setting
    pipe = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(PROBE, env=env, stderr=pipe)
    return await process.wait()


async def served(setting: str, standstill: str = "") -> int:
    """The same while a worker with this setting serves its pages; its port is chosen."""
    address = parse_http(setting)
    assert address is not None
    pages = HealthPages(troubles=dict, metrics=str, standstill=lambda: standstill)
    async with await listen(address.host, address.port, pages) as server:
        port = server.sockets[0].getsockname()[1]
        return await probe(setting[: -len("0")] + str(port) if setting.endswith(":0") else setting)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "127.0.0.9", "localhost", "[::]", "[::1]",
                                  "[0:0:0:0:0:0:0:0]"])  # fmt: skip
def test_a_worker_is_asked_at_the_address_where_it_listens(host: str) -> None:
    assert asyncio.run(served(f"{host}:0")) == 0


def test_a_worker_that_stands_still_is_not_well() -> None:
    assert asyncio.run(served("[::]:0", "no message was settled")) == 1


@pytest.mark.parametrize("word", sorted(OFF))
def test_every_word_for_off_is_no_fault(word: str) -> None:
    for text in (word, word.upper(), word.capitalize(), f" {word} "):
        assert parse_http(text) is None
        assert asyncio.run(probe(text)) == 0


def test_what_does_not_listen_is_not_well() -> None:
    assert asyncio.run(probe("127.0.0.1:1")) == 1
    assert asyncio.run(probe("[::]:1")) == 1
    assert asyncio.run(probe("offside:1")) == 1


def test_where_nothing_is_set_nothing_listens() -> None:
    assert asyncio.run(probe(None)) == asyncio.run(probe("")) == asyncio.run(probe("  ")) == 0
