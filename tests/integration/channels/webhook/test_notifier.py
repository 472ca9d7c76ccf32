"""Webhooks to a server on loopback: where the connection goes, and what travels on it."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.channels.webhook.notifier import WebhookNotifier
from adapters.channels.webhook.signature import signature, signing_key
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Transient, Unavailable
from tests.fakes import a_notification
from tests.support.certificates import throwaway_certificate
from tests.support.http_server import Answer, Cut, HttpServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONTENT = Content(subject="Hello", parts={"text": "Hi Zoë"})


class NamesLoop(asyncio.SelectorEventLoop):
    """An event loop whose names stand for what a test says; each look-up takes the next answer."""

    def __init__(self, answers: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> list[Any]:
        self.asked.append(host)
        look_up, found = super().getaddrinfo, self.answers.pop(0)
        return [(await look_up(address, port, **options))[0] for address in found]


async def post(url: str, notifier: WebhookNotifier | None = None) -> None:
    notification = a_notification(channel="webhook", to=url, metadata={"order": 7})
    own = notifier or WebhookNotifier(lambda: SECRET, allow_private=True, timeout=10)
    try:
        await own.notify(notification, CONTENT, notification.recipients)
    finally:
        await own.close()


def with_server(
    body: Callable[[HttpServer], Awaitable[None]],
    server: HttpServer | None = None,
    loop: NamesLoop | None = None,
) -> None:
    async def main() -> None:
        async with server or HttpServer() as running:
            await body(running)

    with asyncio.Runner(loop_factory=(lambda: loop) if loop else None) as runner:
        runner.run(main())


def test_a_message_arrives_signed_with_an_id_that_outlives_the_try() -> None:
    async def body(server: HttpServer) -> None:
        url = f"{server.url}/hook?key=1"
        await post(url)
        await post(url)

        first, second = server.requests
        headers = first.headers
        assert (first.method, first.path, first.query) == ("POST", "/hook", {"key": ["1"]})
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"] == "Dispatcher"
        assert headers["host"] == f"127.0.0.1:{server.port}"
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 30
        assert headers["webhook-signature"] == signature(
            signing_key(SECRET), headers["webhook-id"], headers["webhook-timestamp"], first.body
        )
        assert second.headers["webhook-id"] == headers["webhook-id"]
        assert second.body == first.body
        assert first.json()["metadata"] == {"order": 7}

    with_server(body)


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    loop = NamesLoop([["127.0.0.1"], ["10.255.255.1"]])

    async def body(server: HttpServer) -> None:
        await post(f"http://hook.test:{server.port}/")

        assert server.accepted[0].headers["host"] == f"hook.test:{server.port}"
        assert loop.asked == ["hook.test"]

    with_server(body, loop=loop)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]]
)
def test_no_name_of_a_private_address_is_posted_to_unless_allowed(addresses: list[str]) -> None:
    async def body(server: HttpServer) -> None:
        with pytest.raises(Permanent, match=r"127\.0\.0\.1|::ffff:") as caught:
            await post(f"http://hook.test:{server.port}/", WebhookNotifier(lambda: SECRET))

        assert caught.value.reason is FailureReason.RECIPIENT_REFUSED
        assert "DISPATCHER_WEBHOOK_ALLOW_PRIVATE" in str(caught.value)
        assert server.connections == 0

    with_server(body, loop=NamesLoop([addresses]))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "[::1]"])
def test_a_private_address_is_known_however_it_is_written(host: str) -> None:
    async def body(server: HttpServer) -> None:
        with pytest.raises(Permanent, match="no public address"):
            await post(f"http://{host}:{server.port}/", WebhookNotifier(lambda: SECRET))

        assert server.connections == 0

    with_server(body)


def test_the_next_address_serves_where_the_first_does_not() -> None:
    async def body(server: HttpServer) -> None:
        await post(f"http://hook.test:{server.port}/")

        assert len(server.accepted) == 1

    with_server(body, loop=NamesLoop([["127.0.0.2", "127.0.0.1"]]))


def test_a_name_that_stands_for_nothing_is_tried_again_later() -> None:
    async def body(_server: HttpServer) -> None:
        with pytest.raises(Transient, match="does not resolve") as caught:
            await post("http://no-such-host.invalid/t0ken")

        assert caught.value.safe_to_repeat
        assert "t0ken" not in str(caught.value)

    with_server(body)


@pytest.mark.parametrize(
    ("names", "error"),
    [("DNS:localhost", None), ("DNS:else.example,IP:127.0.0.1", "certificate is not trusted")],
)
def test_a_certificate_is_held_against_the_name_not_the_address(
    tmp_path: Path, names: str, error: str | None
) -> None:
    certificate = throwaway_certificate(tmp_path, names=names)
    server = HttpServer(tls=certificate.server_context)

    def trusting(**options: Any) -> httpx2.AsyncClient:
        context = ssl.create_default_context(cafile=certificate.file)
        return httpx2.AsyncClient(verify=context, **options)

    async def body(server: HttpServer) -> None:
        notifier = WebhookNotifier(lambda: SECRET, allow_private=True, client=trusting)
        found: DeliveryError | None = None
        try:
            await post(f"https://localhost:{server.port}/", notifier)
        except DeliveryError as raised:
            found = raised

        assert (found is None) is (error is None)
        assert error is None or error in str(found)
        assert len(server.requests) == (error is None)

    with_server(body, server)


def test_a_connection_is_not_used_for_another_name_of_the_same_address(tmp_path: Path) -> None:
    certificate = throwaway_certificate(tmp_path, names="DNS:hook.test")
    server = HttpServer(tls=certificate.server_context)
    context = ssl.create_default_context(cafile=certificate.file)
    client = partial(httpx2.AsyncClient, verify=context)
    notifier = WebhookNotifier(lambda: SECRET, allow_private=True, client=client)

    async def post_to(host: str) -> None:
        url = f"https://{host}:{server.port}/"
        notification = a_notification(channel="webhook", to=url)
        await notifier.notify(notification, CONTENT, notification.recipients)

    async def body(server: HttpServer) -> None:
        await post_to("hook.test")
        with pytest.raises(Transient, match="certificate is not trusted"):
            await post_to("else.test")
        await notifier.close()

        assert len(server.requests) == 1

    with_server(body, server, NamesLoop([["127.0.0.1"], ["127.0.0.1"]]))


def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    server = HttpServer(tls=throwaway_certificate(tmp_path).server_context)

    async def body(server: HttpServer) -> None:
        with pytest.raises(Transient, match="certificate is not trusted"):
            await post(f"{server.url}/")

        assert server.requests == []

    with_server(body, server)


def test_a_redirect_is_refused_and_not_followed() -> None:
    async def body(server: HttpServer) -> None:
        server.on(Answer(302, headers={"Location": f"{server.url}/else"}), path="/hook")

        with pytest.raises(Permanent, match="redirect") as caught:
            await post(f"{server.url}/hook")

        assert caught.value.reason is FailureReason.RECIPIENT_REFUSED
        assert [request.path for request in server.requests] == ["/hook"]

    with_server(body)


def test_an_answer_without_end_is_not_read() -> None:
    async def body(server: HttpServer) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
        server.on(Cut(head + b"x" * 100_000))

        await post(f"{server.url}/hook")

        assert len(server.requests) == 1

    with_server(body)


def test_an_answer_that_trickles_in_for_ever_is_given_up() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"X-Wait: longer\r\n")
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            notifier = WebhookNotifier(lambda: SECRET, allow_private=True, timeout=0.5)
            with pytest.raises(InDoubt, match="did not answer in time"):
                await asyncio.wait_for(post(f"http://127.0.0.1:{port}/", notifier), 10)
            await asyncio.sleep(0.3)

    asyncio.run(main())


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(server: HttpServer) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")

        await post(f"{server.url}/hook")

        assert len(server.accepted) == 1

    with_server(body)


def test_a_secret_that_became_nonsense_pauses_the_channel_before_anything_leaves() -> None:
    secrets = [SECRET, "whsec_in the middle of a change"]

    async def body(server: HttpServer) -> None:
        notifier = WebhookNotifier(lambda: secrets.pop(0), allow_private=True)

        with pytest.raises(Unavailable, match="DISPATCHER_WEBHOOK_SECRET"):
            await post(f"{server.url}/hook", notifier)

        assert server.requests == []

    with_server(body)
