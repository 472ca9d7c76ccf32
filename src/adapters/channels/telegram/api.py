"""One request to the Bot API; the only place that knows the token."""

import json
import re
from collections.abc import Callable
from typing import Any

from adapters.channels.finding import Finding, clock_findings
from adapters.channels.shared.http import HttpClient, HttpReply
from adapters.channels.telegram.plan import Call
from adapters.channels.telegram.replies import verdict
from domain.errors import DeliveryError, Unavailable

_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")


class BotApi:
    """`token` is asked at each request, since its file may change while we run."""

    def __init__(self, client: HttpClient, url: str, token: Callable[[], str]) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._token = token

    async def call(
        self, call: Call, chat: int | str, *, is_plain: bool = False
    ) -> DeliveryError | None:
        """Make the call; return why it was refused. Raises Unavailable if nothing was sent, InDoubt
        if that is not known."""
        body = call.body(chat, is_plain=is_plain)
        if call.files is None:
            return (await self._post(call.method, json=body))[1]
        # In a form all but text is JSON.
        form = {k: v if isinstance(v, str) else json.dumps(v) for k, v in body.items()}
        return (await self._post(call.method, form=form, files=call.files))[1]

    async def ping(self) -> list[Finding]:
        """Ask for the bot's name (https://core.telegram.org/bots/api#getme). Raises
        DeliveryError."""
        reply, error = await self._post("getMe")
        if error is not None:
            raise error
        bot = reply.json().get("result")
        name = bot.get("username") if isinstance(bot, dict) else "a bot"
        return [Finding("telegram", f"we are @{name}"), *clock_findings("Telegram", reply)]

    async def _post(self, method: str, **body: Any) -> tuple[HttpReply, DeliveryError | None]:
        token = self._token()

        def changed() -> bool:  # no partial, whose repr would hold the token
            return self._token() != token

        if not _TOKEN.fullmatch(token):
            text = "telegram: the bot's token is not a token: set DISPATCHER_TELEGRAM_TOKEN"
            raise Unavailable(text, is_login=True, changed=changed)
        reply = await self._client.post(f"{self._url}/bot{token}/{method}", **body)
        error = verdict(reply, (token,))
        if isinstance(error, Unavailable):
            error.changed = changed
        return reply, error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()
