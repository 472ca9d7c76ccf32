"""Probes over a real loopback connection, also for peers that do not behave."""

import asyncio
import json

import pytest

from adapters.observers.health import HealthPages, listen


def asked(
    *requests: bytes, troubles: dict[str, str] | None = None, standstill: str = ""
) -> list[bytes]:
    """What each request, on a connection of its own, is answered."""

    async def run() -> list[bytes]:
        pages = HealthPages(
            troubles=lambda: troubles or {},
            metrics=lambda: "dispatcher_x 1\n",
            standstill=lambda: standstill,
        )
        server = await listen("127.0.0.1", 0, pages)
        port = server.sockets[0].getsockname()[1]
        try:
            return [await _exchange(port, request) for request in requests]
        finally:
            server.close()

    return asyncio.run(run())


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def test_a_worker_without_troubles_is_alive_and_ready() -> None:
    live, ready, metrics = asked(get("/livez"), get("/readyz"), get("/metrics?x=1"))

    assert (status(live), status(ready), status(metrics)) == (200, 200, 200)
    assert json.loads(body(ready)) == {"ready": True, "causes": []}
    assert body(metrics) == b"dispatcher_x 1\n"
    assert b"Connection: close" in metrics


def test_a_worker_that_only_a_restart_can_help_is_not_alive_and_says_why() -> None:
    [live] = asked(get("/livez"), standstill="no message was settled for 600 seconds")

    assert status(live) == 503
    assert body(live) == b"no message was settled for 600 seconds\n"


def test_every_trouble_is_named_without_addresses_while_the_worker_stays_alive() -> None:
    troubles = {"email": "relay refused bob@example.com", "ledger": "disk is full"}

    live, ready = asked(get("/livez"), get("/readyz"), troubles=troubles)

    assert (status(live), status(ready)) == (200, 503)
    assert json.loads(body(ready)) == {
        "ready": False,
        "causes": [
            {"name": "email", "cause": "relay refused ***@example.com"},
            {"name": "ledger", "cause": "disk is full"},
        ],
    }


def test_head_gives_the_length_and_no_body() -> None:
    whole, head = asked(get("/metrics"), get("/metrics", "HEAD"))

    assert whole.partition(b"\r\n\r\n")[0] == head.partition(b"\r\n\r\n")[0]
    assert body(head) == b""


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (get("/livez", "POST"), 405),
        (get("/livez", "DELETE"), 405),
        (get("/"), 404),
        (get("/livez/../readyz"), 404),
        (b"hello\r\n\r\n", 400),
        (b"GET  /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/2\r\n\r\n", 400),
        ("GET /liv\u00e9z HTTP/1.1\r\n\r\n".encode(), 400),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_get_of_a_page_is_refused(request_bytes: bytes, expected: int) -> None:
    answer, after = asked(request_bytes, get("/livez"))

    assert status(answer) == expected
    assert status(after) == 200


def test_a_request_line_without_end_is_cut_off() -> None:
    async def run() -> int:
        pages = HealthPages(troubles=dict, metrics=str)
        server = await listen("127.0.0.1", 0, pages)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = 0
        try:
            async with asyncio.timeout(60):
                while sent < 100 * 2**20:
                    writer.write(b"a" * 65536)
                    await writer.drain()
                    sent += 65536
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()
            server.close()
        return sent

    assert asyncio.run(run()) < 100 * 2**20


def test_silent_connections_do_not_keep_others_out() -> None:
    async def run() -> int:
        pages = HealthPages(troubles=dict, metrics=str)
        server = await listen("127.0.0.1", 0, pages)
        port = server.sockets[0].getsockname()[1]
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        answer = await _exchange(port, get("/livez"))
        for _, writer in silent:
            writer.close()
        server.close()
        return status(answer)

    assert asyncio.run(run()) == 200
