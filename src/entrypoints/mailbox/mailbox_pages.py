"""The pages of `dispatcher mailbox`, and MailHog's API next to them."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from adapters.channels.shared.shown import Bubble
from domain.value_object import value_object
from entrypoints.cli.application import ago
from entrypoints.mailbox.captured import (
    Captured,
    CapturedPlace,
    KeptFile,
    find,
    kept_files,
    remove,
)
from entrypoints.mailbox.captured_bubbles import bubbles_of
from entrypoints.mailbox.html_check import check_html
from entrypoints.mailbox.mailhog_api import MailHogApi, event_of
from entrypoints.mailbox.rows import has_words, row_of
from entrypoints.pages.inline_pictures import with_pictures
from entrypoints.pages.live import Refreshes
from entrypoints.pages.remote import remote_pictures
from entrypoints.pages.views import foreign, missing, page
from entrypoints.pages.web import form_of, is_from_elsewhere, path_of
from entrypoints.settings import Settings

_LATEST = 500
_SHOWN = (
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Delivered-To",
    "Date",
    "Template",
    "Id",
    "X-Dispatcher-Id",
)
_NUMBER = re.compile(r"[0-9]{1,20}")
# A part of a mail goes out with the type that its sender chose.
_API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_API_METHODS = ["GET", "DELETE", "OPTIONS", "POST", "PUT"]


@value_object(kw_only=True)
class CapturedMailbox:
    """Answers with what is in these places at the moment of asking. `api` has the mails of one.
    `smtp`: where mails are taken, or why not."""

    places: list[CapturedPlace]
    settings: Settings
    api: MailHogApi
    refreshes: Refreshes
    smtp: str = ""

    def routes(self) -> list[BaseRoute]:
        """Where what is."""
        return [
            Route("/events", self.refreshes.respond),
            Route("/api/v1/events", self._stream),
            Route("/api/{rest:path}", self._api, methods=_API_METHODS),
            Route("/", self._list),
            Route("/delete", self._delete_many, methods=["POST"]),
            Route("/m/{key}/delete", self._delete_one, methods=["POST"]),
            Route("/m/{key}", self._one),
            Route("/m/{key}/pictures", self._one),
            Route("/m/{key}/html", self._html),
            Route("/m/{key}/html/pictures", self._html),
            Route("/m/{key}/source", self._source),
            Route("/m/{key}/file/{number}", self._file),
        ]

    # What is no coroutine runs on a thread: reading many files holds up no mail that comes.

    def _list(self, request: Request) -> Response:
        version = self.refreshes.version  # before the files are looked at
        wanted = request.query_params.get("q", "")
        files = [*self._matching(wanted)]
        rows = [(file, row) for file in files[:_LATEST] if (row := row_of(file))]
        return page(
            "messages",
            title="Captured messages",
            live=version,
            rows=[(row, file.captured_at) for file, row in rows],
            wanted=wanted,
            total=len(files),
            until=files[0].at if files else 0,
            folders=", ".join(sorted({str(place.folder) for place in self.places})),
            ago=ago,
            smtp=self.smtp,
        )

    def _matching(self, wanted: str) -> Iterator[KeptFile]:
        """What has all words, newest first."""
        for file in kept_files(self.places):
            if has_words(file, wanted):
                yield file

    async def _one(self, request: Request) -> Response:
        if (message := await run_in_threadpool(self._found, request)) is None:
            return missing()
        bubbles = await bubbles_of(message, self.settings)
        return await run_in_threadpool(_page_of, message, bubbles, pictures=_has_pictures(request))

    def _html(self, request: Request) -> Response:
        message = self._found(request)
        if message is None or message.content.html is None:
            return missing()
        html = with_pictures(message.content.html, message.content.files)
        return foreign(html, pictures=_has_pictures(request))

    def _source(self, request: Request) -> Response:
        if (message := self._found(request)) is None:
            return missing()
        return Response(message.source, media_type="text/plain; charset=utf-8")

    def _file(self, request: Request) -> Response:
        message, number = self._found(request), request.path_params["number"]
        if message is None or number not in map(str, range(len(message.content.files))):
            return missing()
        file = message.content.files[int(number)]
        name = quote(file.name, safe="", errors="replace")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(file.content, media_type="application/octet-stream", headers=headers)

    async def _delete_one(self, request: Request) -> Response:
        key = request.path_params["key"]
        file = await run_in_threadpool(find, self.places, key)
        return missing() if file is None else await self._delete([Path(file.path)])

    async def _delete_many(self, request: Request) -> Response:
        """What the person saw, and not what came meanwhile."""
        form = await form_of(request)
        until, wanted = form.get("until", ""), form.get("q", "")
        newest = int(until) if _NUMBER.fullmatch(until) else 0
        matching = await run_in_threadpool(lambda: [*self._matching(wanted)])
        return await self._delete([Path(one.path) for one in matching if one.at <= newest])

    async def _delete(self, paths: list[Path]) -> Response:
        await run_in_threadpool(remove, paths)
        self.refreshes.announce()
        return RedirectResponse("/", 303)

    def _found(self, request: Request) -> Captured | None:
        file = find(self.places, request.path_params["key"])
        return file.read() if file else None

    async def _api(self, request: Request) -> Response:
        path = "/" + "/".join(path_of(request))
        query = dict(reversed(request.query_params.multi_items()))  # the first of a name counts
        reply = await run_in_threadpool(self.api.answer, request.method, path, query)
        if request.method == "DELETE":
            self.refreshes.announce()
        headers = {**reply.headers, "Content-Security-Policy": _API_POLICY}
        if reply.content_type:
            headers["Content-Type"] = reply.content_type
        if reply.stream is not None:
            return StreamingResponse(reply.stream, reply.status, headers)
        return Response(reply.body, reply.status, headers)

    async def _stream(self, _request: Request) -> Response:
        headers = {"Content-Type": "text/event-stream", **self.api.cors("v1")}
        version = self.refreshes.version
        seen = {file.path for file in await run_in_threadpool(self.api.files)}
        return StreamingResponse(self._arrivals(version, seen), headers=headers)

    async def _arrivals(self, version: int, seen: set[str]) -> AsyncIterator[str]:
        """MailHog's events: each mail that comes after these."""
        async for _version in self.refreshes.changes(version):
            files = await run_in_threadpool(self.api.files)
            for file in reversed(files):
                if file.path not in seen:
                    yield await run_in_threadpool(event_of, file)
            seen = {file.path for file in files}


def _has_pictures(request: Request) -> bool:
    """Whether remote ones are loaded: only a page of ours, or the person, can ask for it."""
    return request.url.path.endswith("/pictures") and not is_from_elsewhere(request.headers)


def _page_of(message: Captured, bubbles: Sequence[Bubble], *, pictures: bool) -> Response:
    content = message.content
    html = content.html
    return page(
        "message",
        title=message.title,
        message=message,
        shown=[(n, v) for n, v in content.headers if n.title() in _SHOWN],
        check=None if html is None else check_html(html),
        bubbles=bubbles,
        hosts=remote_pictures(html or ""),
        pictures="/pictures" if pictures else "",
    )
