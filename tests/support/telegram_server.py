"""A Bot API of the tests' own, on loopback, with the limits that Telegram is known to have.

    async with BotApi(token="1:x") as api:
        api.answer(forbidden(), chat=7)             for ever
        api.answer(too_many(5), chat=7, times=1)
        ...
        api.url         what DISPATCHER_TELEGRAM_API_URL is set to
        api.calls       every call, in order, whatever was answered
        api.delivered   those that were accepted

Answers have the shape of https://core.telegram.org/bots/api#making-requests, descriptions those of
the Bot API server (https://github.com/tdlib/telegram-bot-api).
"""

import json
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_server import (
    Action,
    Answer,
    HttpServer,
    Request,
)

_PARAMETER = re.compile(r'(name|filename)="([^"]*)"')


def failed(code: int, description: str, **parameters: object) -> Answer:
    body = {"ok": False, "error_code": code, "description": description}
    return Answer(code, {**body, "parameters": parameters} if parameters else body)


def too_many(seconds: int) -> Answer:
    description = f"Too Many Requests: retry after {seconds}"
    answer = failed(429, description, retry_after=seconds)
    return Answer(429, answer.body, headers={"Retry-After": str(seconds)})


def blocked() -> Answer:
    return failed(403, "Forbidden: bot was blocked by the user")


def not_found() -> Answer:
    return failed(400, "Bad Request: chat not found")


def migrated(chat: int) -> Answer:
    description = "Bad Request: group chat was upgraded to a supergroup chat"
    return failed(400, description, migrate_to_chat_id=chat)


def unparsable() -> Answer:
    offset = 'Unsupported start tag "x" at byte offset 0'
    return failed(400, f"Bad Request: can't parse entities: {offset}")


def unauthorized(description: str = "Unauthorized") -> Answer:
    return failed(401, description)


@dataclass(frozen=True)
class Call:
    """One call. `files`: field -> (file name, content type, bytes)."""

    method: str
    fields: dict[str, Any]
    files: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    at: float = 0.0

    @property
    def chat(self) -> int | str:
        chat = self.fields["chat_id"]
        is_number = str(chat).lstrip("-").isdigit()
        return int(chat) if is_number else chat

    @property
    def text(self) -> str:
        return str(self.fields.get("text") or self.fields.get("caption") or "")


@dataclass(frozen=True)
class ServerLimits:
    """Strict windows, wherever they begin; these are the limits that Telegram tells of."""

    chat_per_second: float = 1
    group_per_minute: int = 20
    bot_per_second: int = 30


@dataclass
class Rule:
    action: Action
    chat: int | str | None
    containing: str
    times: int | None
    used: int = 0

    def fits(self, call: Call) -> bool:
        return (
            self.chat in {None, call.chat}
            and self.containing in call.text
            and (self.times is None or self.used < self.times)
        )


class BotApi:
    """Answers for one bot; another token is unauthorized."""

    def __init__(self, token: str = "1:token", limits: ServerLimits | None = None) -> None:
        self.token = token
        self.limits = limits
        self.calls: list[Call] = []
        self.delivered: list[Call] = []
        self.refused_by_limit = 0
        self.rules: list[Rule] = []
        self.server = HttpServer(default=self._answer)
        self._times: dict[object, deque[float]] = defaultdict(deque)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def texts(self) -> list[str]:
        return [call.text for call in self.delivered]

    def answer(
        self,
        action: Action,
        *,
        chat: int | str | None = None,
        containing: str = "",
        times: int | None = None,
    ) -> None:
        """From now on; of several that fit the one added last wins."""
        self.rules.append(Rule(action, chat, containing, times))

    async def __aenter__(self) -> "BotApi":
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.server.__aexit__(*exception)

    def _answer(self, request: Request) -> Any:
        prefix, _, method = request.path.rpartition("/")
        if prefix != f"/bot{self.token}":
            return unauthorized()
        if method not in {"sendMessage", "sendPhoto", "sendDocument"}:
            return failed(404, "Not Found")
        call = _read(method, request)
        self.calls.append(call)
        for rule in reversed(self.rules):
            if rule.fits(call):
                rule.used += 1
                return rule.action
        if (wait := self._too_soon(call)) > 0:
            self.refused_by_limit += 1
            return too_many(max(1, round(wait)))
        fault = _fault(call)
        if fault:
            return failed(400, f"Bad Request: {fault}")
        self.delivered.append(call)
        result = {"message_id": len(self.delivered), "chat": {"id": call.chat}, "date": 0}
        return Answer(200, {"ok": True, "result": result})

    def _too_soon(self, call: Call) -> float:
        """Seconds until the windows have room; 0 and noted if there is."""
        if self.limits is None:
            return 0
        windows: list[tuple[object, int, float]] = [
            (("chat", call.chat), 1, 1 / self.limits.chat_per_second),
            ("bot", self.limits.bot_per_second, 1.0),
        ]
        if isinstance(call.chat, str) or call.chat < 0:
            windows.append((("group", call.chat), self.limits.group_per_minute, 60.0))
        waits = [0.0]
        for key, count, period in windows:
            times = self._times[key]
            while times and times[0] <= call.at - period:
                times.popleft()
            if len(times) >= count:
                waits.append(times[0] + period - call.at)
        if max(waits) == 0:
            for key, _, _ in windows:
                self._times[key].append(call.at)
        return max(waits)


def _fault(call: Call) -> str:
    """What the real one would find, of what can be told without parsing the markup."""
    length = len(call.text.encode("utf-16-le")) // 2
    if call.method == "sendMessage":
        if not call.text.strip():
            return "message text is empty"
        return "message is too long" if length > 4096 else ""
    return "message caption is too long" if length > 1024 else ""


def _read(method: str, request: Request) -> Call:
    at = time.monotonic()
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return Call(method, request.json(), at=at)
    fields: dict[str, Any] = {}
    files: dict[str, tuple[str, str, bytes]] = {}
    boundary = b"--" + content_type.partition("boundary=")[2].encode()
    for part in request.body.split(boundary)[1:-1]:
        head, _, content = part.removesuffix(b"\r\n").partition(b"\r\n\r\n")
        said = dict(_PARAMETER.findall(head.decode()))
        if "filename" in said:
            kind = head.decode().rpartition("Content-Type: ")[2]
            files[said["name"]] = (said["filename"], kind, content)
        else:
            fields[said["name"]] = content.decode()
    for name in ("reply_markup", "message_thread_id", "disable_notification"):
        if name in fields:
            fields[name] = json.loads(fields[name])
    return Call(method, fields, files, at)
