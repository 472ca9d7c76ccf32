"""One request to the Bot API; the only place that knows the token."""

import re
from collections.abc import Callable

from adapters.channels.shared.http import HttpClient
from adapters.channels.shared.pong import Pong
from adapters.channels.telegram.plan import Call
from adapters.channels.telegram.replies import Verdict, verdict
from domain.errors import DeliveryError, Unavailable

_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")


class BotApi:
    """`token` is asked at each request, since its file may change while we run."""

    def __init__(self, client: HttpClient, url: str, token: Callable[[], str]) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._token = token

    async def call(self, call: Call, chat: int | str, *, is_plain: bool = False) -> Verdict:
        """Make the call. Raises Unavailable if nothing was sent, InDoubt if that is not known."""
        token = self._known_token()
        url = f"{self._url}/bot{token}/{call.method}"
        if call.files is None:
            reply = await self._client.post(url, json=call.body(chat, is_plain=is_plain))
        else:
            form = call.form(chat, is_plain=is_plain)
            reply = await self._client.post(url, form=form, files=call.files)
        answer = verdict(reply, (token,))
        if isinstance(answer, Unavailable):
            answer.changed = lambda: self._token() != token
        return answer

    async def ping(self) -> Pong:
        """The bot's name (https://core.telegram.org/bots/api#getme). Raises DeliveryError."""
        token = self._known_token()
        reply = await self._client.post(f"{self._url}/bot{token}/getMe")
        error = verdict(reply, (token,))
        if isinstance(error, DeliveryError):
            raise error
        bot = reply.json().get("result")
        return Pong.of(bot.get("username") if isinstance(bot, dict) else "a bot", reply)

    def _known_token(self) -> str:
        token = self._token()
        if not _TOKEN.fullmatch(token):
            raise Unavailable(
                "telegram: the bot's token is not a token: set DISPATCHER_TELEGRAM_TOKEN",
                is_login=True,
                changed=lambda: self._token() != token,
            )
        return token

    async def close(self) -> None:
        await self._client.close()
