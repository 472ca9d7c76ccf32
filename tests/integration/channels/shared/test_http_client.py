"""The client for providers: no answer, however it comes, is waited for or read for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx2
import pytest

from adapters.channels.shared.http import HttpClient, HttpReply
from domain.errors import InDoubt, Unavailable

Answerer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def post_to(answer: Answerer, *, timeout: float) -> HttpReply:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            with suppress(ConnectionError):
                await answer(writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # the test has ended before the answer
            raise
        writer.close()

    async def main() -> HttpReply:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = HttpClient("the provider", timeout=timeout)
            try:
                async with asyncio.timeout(30):
                    return await client.post(f"http://127.0.0.1:{port}/", content=b"")
            finally:
                await client.close()
                await asyncio.sleep(0.2)

    return asyncio.run(main())


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_an_answer_that_drips_is_given_up_in_doubt(head: bytes) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(head or b"HTTP/1.1 200 OK\r\nX-Wait: ")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    start = time.monotonic()
    with pytest.raises(InDoubt, match="the provider did not answer in time"):
        post_to(drip, timeout=0.5)

    assert time.monotonic() - start < 20


def test_an_answer_without_end_is_given_up_in_doubt() -> None:
    async def gush(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    with pytest.raises(InDoubt, match="answered without end"):
        post_to(gush, timeout=5)


def test_an_answer_of_several_pieces_is_read_whole() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for piece in (b'{"ok"', b": true}"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.1)

    reply = post_to(answer, timeout=5)

    assert (reply.status, reply.json()) == (200, {"ok": True})


@pytest.mark.parametrize(
    "fault", [ImportError("socksio"), FileNotFoundError(2, "ca"), ValueError()]
)
def test_field_7_6_a_client_that_cannot_be_made_pauses_the_channel(fault: Exception) -> None:
    def make(**_: object) -> httpx2.AsyncClient:
        raise fault

    client = HttpClient("the provider", client=make)

    with pytest.raises(Unavailable, match="no connection to the provider can be made here"):
        asyncio.run(client.post("http://127.0.0.1:1/", content=b""))


def test_field_7_6_an_http_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> tuple[bytes, HttpReply]:
        asked: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            writer.close()

        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv(
                "http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            )
            client = HttpClient("the provider")
            try:
                reply = await client.post("http://api.provider.invalid/send", content=b"")
            finally:
                await client.close()
        return asked[0], reply

    asked, reply = asyncio.run(main())

    assert asked.startswith(b"POST http://api.provider.invalid/send HTTP/1.1")
    assert reply.status == 200
