"""Scenes between a SlackNotifier and a scripted Slack."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.channels.slack.notifier import SlackNotifier
from domain.content import Content
from domain.errors import DeliveryError
from tests.fakes import a_notification
from tests.support.slack_server import SlackServer

TEXT = Content(subject="Hello", parts={"text": "Hi"})
CHANNEL = "C123ABC456"

Send = Callable[..., Awaitable[DeliveryError | None]]
Scene = Callable[[SlackServer, SlackNotifier, Send], Awaitable[None]]


def with_slack(
    scene: Scene, *, webhook: bool = False, hook_secret: str = "XXXX", **options: Any
) -> None:
    """Play `scene`; its `send(to, content, **notification)` gives the error or None."""

    async def main() -> None:
        async with SlackServer(hook_secret=hook_secret) as slack:
            values: dict[str, Any] = {
                "token": lambda: None if webhook else slack.token,
                "webhook_url": lambda: slack.hook_url if webhook else None,
                "api_url": lambda: slack.api_url,
                "timeout": 1,
            }
            notifier = SlackNotifier(**{**values, **options})

            async def send(
                to: str = CHANNEL, content: Content = TEXT, **changes: object
            ) -> DeliveryError | None:
                notification = a_notification(channel="slack", to=to, **changes)
                try:
                    await notifier.notify(notification, content, notification.recipients)
                except DeliveryError as error:
                    return error
                return None

            try:
                await scene(slack, notifier, send)
            finally:
                await notifier.close()

    asyncio.run(main())
