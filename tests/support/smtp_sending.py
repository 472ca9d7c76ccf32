"""Sending one mail through an SmtpNotifier to a scripted server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
)
from domain.notification import Notification
from tests.fakes import a_notification
from tests.support.smtp_server import (
    EXTENSIONS,
    SmtpServer,
)

CONTENT = Content(subject="Hello", parts={"text": "Hi.\n.dot\n"}, version="v1")
NO_PIPELINING = tuple(e for e in EXTENSIONS if e != "PIPELINING")
PATIENT = Timeouts(connect=10, command=10, final=10)
HASTY = Timeouts(connect=10, command=0.4, final=0.4)
BOTH = pytest.mark.parametrize("extensions", [EXTENSIONS, NO_PIPELINING], ids=["group", "single"])

Answers = Mapping[str, DeliveryError | None]


def notifier_for(server: SmtpServer, **options: Any) -> SmtpNotifier:
    options.setdefault("timeouts", PATIENT)
    return SmtpNotifier(SmtpSettings(host="127.0.0.1", port=server.port), **options)


async def send(
    notifier: SmtpNotifier, notification: Notification | None = None, content: Content = CONTENT
) -> Answers:
    notification = notification or a_notification()
    answers = await notifier.notify(notification, content, notification.recipients)
    return {recipient.address: answer for recipient, answer in answers.items()}


def with_server(
    body: Callable[[SmtpServer, SmtpNotifier], Awaitable[None]],
    *,
    server: SmtpServer | None = None,
    **options: object,
) -> None:
    async def main() -> None:
        async with server or SmtpServer() as running:
            notifier = notifier_for(running, **options)
            try:
                await body(running, notifier)
            finally:
                await notifier.close()

    asyncio.run(main())


def assert_permanent(error: DeliveryError | None, reason: FailureReason) -> None:
    assert isinstance(error, Permanent), error
    assert error.reason is reason
