"""Slack's Web API and one incoming webhook, played on loopback.

    async with SlackServer(token="xoxb-1") as slack:
        slack.users["ann@example.com"] = "U123ABC456"
        slack.refuse("C0GONE00000", "is_archived")
        slack.throttle("C0BUSY00000", seconds=7)
        slack.burst = 5  # then one a second to each channel, or 429
        slack.server.on(failed("internal_error"), times=1)
        ...
        slack.api_url, slack.hook_url
        slack.posts      the arguments of each chat.postMessage that was accepted
        slack.hooked     what the webhook accepted
        slack.look_ups   each email address that was asked for

Shapes of the replies: https://docs.slack.dev/reference/methods/chat.postMessage,
https://docs.slack.dev/reference/methods/users.lookupByEmail and
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

import time
from typing import Any

from tests.support.http_server import Answer, HttpServer, Request

POST = "/api/chat.postMessage"
LOOK_UP = "/api/users.lookupByEmail"
HOOK = "/services/T00000000/B00000000/"

_LATE = 0.5
"""Seconds by which an earlier post may have come late."""


def failed(code: str, **more: object) -> Answer:
    """A refusal, which has status 200."""
    return Answer(body={"ok": False, "error": code, **more})


def throttled(seconds: int) -> Answer:
    """https://docs.slack.dev/apis/web-api/rate-limits"""
    body = {"ok": False, "error": "ratelimited"}
    return Answer(429, body, headers={"Retry-After": str(seconds)})


class SlackServer:
    """A workspace that knows every channel unless told otherwise, and the people in `users`."""

    def __init__(self, *, token: str = "xoxb-1", hook_secret: str = "XXXX") -> None:
        self.token = token
        self.hook = HOOK + hook_secret
        self.users: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.throttled: dict[str, int] = {}
        self.burst: int | None = None
        self.too_fast = 0
        self.posts: list[dict[str, Any]] = []
        self.hooked: list[dict[str, Any]] = []
        self.look_ups: list[str] = []
        self._next_turn: dict[str, float] = {}
        self.server = HttpServer(default=Answer(404, "Not Found"))
        self.server.on(self._post, path=POST)
        self.server.on(self._look_up, path=LOOK_UP)
        self.server.on(self._hook, path=self.hook)

    @property
    def api_url(self) -> str:
        return f"{self.server.url}/api/"

    @property
    def hook_url(self) -> str:
        return self.server.url + self.hook

    def refuse(self, channel: str, code: str = "channel_not_found") -> None:
        """From now on refuse this channel, and no other."""
        self.refused[channel] = code

    def throttle(self, channel: str, seconds: int) -> None:
        """Let the next message to this channel wait, once."""
        self.throttled[channel] = seconds

    async def __aenter__(self) -> "SlackServer":
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__()

    def _post(self, request: Request) -> Answer:
        if (refusal := self._without_token(request)) is not None:
            return refusal
        if not request.headers["content-type"].startswith("application/json"):
            return failed("invalid_post_type")
        asked = request.json()
        channel = asked.get("channel", "")
        if (refusal := self._refusal(channel, asked)) is not None:
            return refusal
        self.posts.append(asked)
        ts = f"1503435956.{len(self.posts):06}"
        message = {
            "text": asked.get("text", ""),
            "username": "ecto1",
            "bot_id": "B123ABC456",
            "type": "message",
            "subtype": "bot_message",
            "ts": ts,
        }
        return Answer(body={"ok": True, "channel": channel, "ts": ts, "message": message})

    def _refusal(self, channel: str, asked: dict[str, Any]) -> Answer | None:
        if seconds := self.throttled.pop(channel, 0):
            return throttled(seconds)
        if self._is_too_fast(channel):
            self.too_fast += 1
            return throttled(1)
        if not channel or channel in self.refused:
            return failed(self.refused.get(channel, "channel_not_found"))
        return None if asked.get("text") or asked.get("blocks") else failed("no_text")

    def _look_up(self, request: Request) -> Answer:
        if (refusal := self._without_token(request)) is not None:
            return refusal
        email = request.form().get("email", "")
        self.look_ups.append(email)
        if email not in self.users:
            return failed("users_not_found")
        profile = {"real_name": "Egon Spengler", "email": email}
        user = {"id": self.users[email], "team_id": "T012AB3C4", "name": "spengler"}
        return Answer(body={"ok": True, "user": {**user, "deleted": False, "profile": profile}})

    def _hook(self, request: Request) -> Answer:
        try:
            payload = request.json()
        except ValueError:
            return Answer(400, "invalid_payload")
        if not payload.get("text") and not payload.get("blocks"):
            return Answer(400, "no_text")
        self.hooked.append(payload)
        return Answer(body="ok")

    def _is_too_fast(self, channel: str) -> bool:
        if self.burst is None:
            return False
        now = time.monotonic()
        turn = max(self._next_turn.get(channel, now), now)
        if turn - now > self.burst - 1 + _LATE:
            return True
        self._next_turn[channel] = turn + 1
        return False

    def _without_token(self, request: Request) -> Answer | None:
        authorization = request.headers.get("authorization")
        if authorization is None:
            return failed("not_authed")
        return None if authorization == f"Bearer {self.token}" else failed("invalid_auth")
