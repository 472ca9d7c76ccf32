"""The pages of `dispatcher mailbox`: what was captured."""

from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from entrypoints.cli.application import ago
from entrypoints.pages.captured import Captured, CapturedPlace, everything, key_of
from entrypoints.pages.views import foreign, missing, page

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


@dataclass(frozen=True, slots=True)
class CapturedMailbox:
    """Answers with what is in these places at the moment of asking."""

    places: list[CapturedPlace]

    async def respond(self, request: Request) -> Response:
        """Every route."""
        return self.answer(request.url.path)

    def answer(self, path: str) -> Response:
        """The page at `path`."""
        match path.split("/")[1:]:
            case [""]:
                return self._list()
            case ["m", key, *rest]:
                files = ((place, path) for place in self.places for path in place.files())
                named = (place.read(path) for place, path in files if key_of(path) == key)
                message = next(named, None)
                return missing() if message is None else _part(message, rest)
            case _:
                return missing()

    def _list(self) -> Response:
        messages = list(islice(everything(self.places), _LATEST))
        return page(
            "messages",
            title="Captured messages",
            messages=messages,
            many=f"the last {_LATEST}" if len(messages) == _LATEST else len(messages),
            folders=", ".join(sorted({str(place.folder) for place in self.places})),
            ago=ago,
        )


def _part(message: Captured, rest: list[str]) -> Response:
    match rest:
        case []:
            shown = [(n, v) for n, v in message.content.headers if n.title() in _SHOWN]
            return page("message", title=message.title, message=message, shown=shown)
        case ["html"] if message.content.html is not None:
            return foreign(message.content.html)
        case ["source"]:
            return PlainTextResponse(message.source)
        case ["file", number] if number in map(str, range(len(message.content.files))):
            file = message.content.files[int(number)]
            name = quote(file.name, safe="", errors="replace")
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
            return Response(file.content, media_type="application/octet-stream", headers=headers)
        case _:
            return missing()
