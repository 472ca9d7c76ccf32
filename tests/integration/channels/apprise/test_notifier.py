"""Apprise targets: names, tries, threads, and what an operator is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import pytest

from adapters.channels.apprise.notifier import AppriseNotifier
from adapters.secret import Secret
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, Permanent, Transient
from domain.notification import Attachment, Recipient
from domain.retry_policy import RetryPolicy
from entrypoints.settings.values import parse_tiers
from tests.fakes import a_notification
from tests.support.http_server import Answer, HttpServer

CONTENT = Content(subject="Hello", parts={"text": "Hi Zoë\n<b>not bold</b>"})


def with_targets(
    body: Callable[[HttpServer, AppriseNotifier], Awaitable[None]], *names: str
) -> None:
    async def main() -> None:
        async with HttpServer() as server:
            place = f"json://worker:t0ken@127.0.0.1:{server.port}"
            notifier = AppriseNotifier({name: Secret(f"{place}/{name}/hush") for name in names})
            try:
                await body(server, notifier)
            finally:
                await notifier.close()

    asyncio.run(main())


async def send(notifier: AppriseNotifier, to: str) -> Mapping[Recipient, DeliveryError | None]:
    recipient = Recipient(address=to)
    notification = a_notification(channel="apprise", to=[recipient])
    return await notifier.notify(notification, CONTENT, notification.recipients)


def test_the_title_is_the_subject_and_the_body_the_text() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        await send(notifier, "ops")

        (request,) = server.accepted
        assert request.path == "/ops/hush"
        assert request.json()["title"] == "Hello"
        assert request.json()["message"] == "Hi Zoë\n<b>not bold</b>"
        assert request.headers["user-agent"] == "Dispatcher"

    with_targets(body, "ops", "dev")


def test_a_target_is_known_in_any_case() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        await send(notifier, "Ops")

        assert len(server.accepted) == 1

    with_targets(body, "ops")


def test_a_message_with_files_is_refused_rather_than_sent_without_them() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        file = Attachment(filename="a.pdf", content=b"%PDF")
        notification = a_notification(channel="apprise", to="ops", attachments=(file,))

        with pytest.raises(Permanent, match="attachments") as caught:
            await notifier.notify(notification, CONTENT, notification.recipients)

        assert caught.value.reason is FailureReason.CONTENT_REFUSED
        assert server.requests == []

    with_targets(body, "ops")


def test_an_unknown_target_is_told_with_those_there_are() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        with pytest.raises(Permanent, match=r"'opps', only dev, ops; .*TARGETS__NAME") as caught:
            await send(notifier, "opps")

        assert caught.value.reason is FailureReason.RECIPIENT_INVALID
        assert server.requests == []

    with_targets(body, "ops", "dev")


def test_urls_that_are_none_are_named_by_their_variables_and_never_repeated() -> None:
    urls = {
        "ops": Secret("discord://hush"),
        "dev": Secret("nope://hush"),
        "ok": Secret("json://127.0.0.1"),
    }

    with pytest.raises(ValueError, match="DISPATCHER_TARGETS__OPS: ") as caught:
        AppriseNotifier(urls)

    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "DISPATCHER_TARGETS__OPS",
        "DISPATCHER_TARGETS__DEV",
    ]
    assert "hush" not in str(caught.value)


def test_a_failure_says_which_target_and_what_apprise_says_but_no_part_of_its_url() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        server.on(Answer(503))

        with pytest.raises(Transient, match=r"target ops: .*error=503") as caught:
            await send(notifier, "ops")
        server.stop_listening()
        with pytest.raises(Transient, match=r"target ops: .*onnection error") as away:
            await send(notifier, "ops")

        for error in (caught.value, away.value):
            assert "t0ken" not in str(error)
            assert "hush" not in str(error)

    with_targets(body, "ops")


def test_a_target_is_given_up_after_three_attempts() -> None:
    policy = RetryPolicy(parse_tiers("10s,1m,5m,30m"))

    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        server.on(Answer(503))
        with pytest.raises(Transient) as caught:
            await send(notifier, "ops")
        waits = [policy.delay_after(attempt, caught.value) for attempt in (1, 2, 3)]

        assert waits == [timedelta(minutes=5), timedelta(minutes=5), None]

    with_targets(body, "ops")


def test_a_slow_target_holds_up_neither_the_loop_nor_another_target() -> None:
    async def body(server: HttpServer, notifier: AppriseNotifier) -> None:
        server.on(Answer(delay=10.0), path="/slow/hush")

        slow = [asyncio.create_task(send(notifier, "slow")) for _ in range(8)]
        await asyncio.sleep(0.2)
        await asyncio.wait_for(send(notifier, "ops"), 8)

        assert [request.path for request in server.accepted] == ["/ops/hush"]
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    with_targets(body, "ops", "slow")


def test_the_repr_of_a_notifier_holds_no_url() -> None:
    assert "hush" not in repr(vars(AppriseNotifier({"ops": Secret("json://127.0.0.1/hush")})))
