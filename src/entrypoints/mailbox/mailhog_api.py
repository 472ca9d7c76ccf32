"""MailHog's HTTP API over the mails that were kept, so that tests written for it work unchanged.

What it says where nothing is found, how it pages, and which content types it names are MailHog's;
where MailHog breaks the connection, there is a 404.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPMethod
from pathlib import Path
from typing import Any

from domain.value_object import value_object
from entrypoints.mailbox.captured import CapturedPlace, KeptFile, kept_files, remove
from entrypoints.mailbox.envelope import read_arrived
from entrypoints.mailbox.mailhog_message import Json, mailhog_id, mailhog_message
from entrypoints.mailbox.mailhog_reply import (
    NOT_FOUND,
    MailHogReply,
    download,
    download_part,
    in_utf_8,
    json_replies,
    json_reply,
    number_in,
)

_PAGE, _LARGEST_PAGE = 50, 250
_ALL = 1000  # what version 1 lists
_METHODS = {"v1": "OPTIONS,GET,POST,DELETE", "v2": "OPTIONS,GET,PUT,POST,DELETE"}


@value_object()
class MailHogApi:
    """Answers for the mails of one folder. `cors_origin`: whose pages may ask."""

    place: CapturedPlace
    cors_origin: str = ""

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> MailHogReply:
        """The reply to one request. `path`: decoded, as `/api/…`. Raises OSError."""
        version, *route = path.removeprefix("/api/").split("/")
        reply = self._route(method, version, route, query)
        return replace(reply, headers={**reply.headers, **self.cors(version)})

    def cors(self, version: str) -> dict[str, str]:
        """The headers by which a page of the origin may ask."""
        if not self.cors_origin or version not in _METHODS:
            return {}
        return {
            "Access-Control-Allow-Origin": self.cors_origin,
            "Access-Control-Allow-Methods": _METHODS[version],
            "Access-Control-Allow-Headers": "Content-Type",
        }

    def files(self) -> list[KeptFile]:
        """The mails, newest first."""
        return kept_files([self.place])

    def _route(
        self, method: str, version: str, route: list[str], query: Mapping[str, str]
    ) -> MailHogReply:
        if method == HTTPMethod.OPTIONS and _is_known(version, route):
            return MailHogReply()
        if version == "v2" and method == HTTPMethod.GET:
            return self._second(route, query)
        if version == "v1" and method == HTTPMethod.GET:
            return self._first(route)
        if version == "v1" and method == HTTPMethod.DELETE:
            return self._delete(route)
        return NOT_FOUND

    def _first(self, route: list[str]) -> MailHogReply:
        match route:
            case ["messages"]:
                return json_replies("text/json", self._messages(self.files()[:_ALL]))
            case ["messages", name]:
                return json_reply("text/json", self._load(name))
            case ["messages", name, "download"]:
                return download(self._load(name))
            case ["messages", name, "mime", "part", number, "download"]:
                return download_part(self._load(name), number)
            case _:
                return NOT_FOUND

    def _second(self, route: list[str], query: Mapping[str, str]) -> MailHogReply:
        match route:
            case ["messages"]:
                return self._list(query)
            case ["search"]:
                return self._search(query)
            case ["outgoing-smtp"]:
                return json_reply("application/json", {})
            case _:
                return NOT_FOUND

    def _delete(self, route: list[str]) -> MailHogReply:
        match route:
            case ["messages"]:
                remove(self.place.files())
                return MailHogReply(200, "text/json")
            case ["messages", name]:
                gone = remove(Path(file.path) for file in self._named(name))
                return MailHogReply(200 if gone else 500, "text/json")
            case _:
                return NOT_FOUND

    def _named(self, name: str) -> Iterator[KeptFile]:
        return (file for file in self.files() if mailhog_id(Path(file.path)) == name)

    def _load(self, name: str) -> Json | None:
        return next(self._messages(self._named(name)), None)

    def _messages(self, files: Any) -> Iterator[Json]:
        return (message for file in files if (message := read_message(file)))

    def _list(self, query: Mapping[str, str]) -> MailHogReply:
        start, limit = _bounds(query)
        files = self.files()
        items = [*self._messages(_page(files, start, limit))]
        return json_reply("text/json", _result(len(files), start, items))

    def _search(self, query: Mapping[str, str]) -> MailHogReply:
        start, limit = _bounds(query)
        kind, wanted = query.get("kind", ""), query.get("query", "").lower()
        if kind not in _SEARCHED or not wanted:
            return MailHogReply(400)
        total, items, last = 0, list[Json](), list[Json]()
        for one in self._messages(self.files()):
            if _has(one, kind, wanted):
                if start <= total < start + limit:
                    items.append(one)
                total, last = total + 1, [one]
        items = last if start == total else items
        return json_reply("application/json", _result(0 if start > total else total, start, items))


def read_message(file: KeptFile) -> Json | None:
    """One kept mail in MailHog's form; None where it has gone."""
    path = Path(file.path)
    try:
        mail = read_arrived(path.read_bytes())
    except OSError:
        return None
    return mailhog_message(mailhog_id(path), mail, file.at)


def event_of(file: KeptFile) -> str:
    """A mail as an event of MailHog's stream; empty where it has gone."""
    if (message := read_message(file)) is None:
        return ""
    lines = in_utf_8(json.dumps(message, ensure_ascii=False, indent=2)).split("\n")
    return "".join(f"data: {line}\n" for line in lines) + "\n"


def _is_known(version: str, route: list[str]) -> bool:
    match (version, route):
        case ("v1", ["messages"] | ["messages", _] | ["messages", _, "download"] | ["events"]):
            return True
        case ("v1", ["messages", _, "mime", "part", _, "download"]):
            return True
        case ("v2", ["messages"] | ["search"] | ["outgoing-smtp"]):
            return True
        case _:
            return False


def _bounds(query: Mapping[str, str]) -> tuple[int, int]:
    """Where a page begins and how long it is, whatever was asked for."""
    start, limit = number_in(query.get("start")), number_in(query.get("limit"))
    return max(start, 0), min(limit, _LARGEST_PAGE) if limit > 0 else _PAGE


def _page(items: list[Any], start: int, limit: int) -> list[Any]:
    """A page of the list. At its very end MailHog gives the last one once more, and so do we."""
    return items[-1:] if start == len(items) else items[start : start + limit]


def _result(total: int, start: int, items: list[Json]) -> Json:
    return {"total": total, "count": len(items), "start": start, "items": items}


def _addresses(paths: list[Json] | None, header: list[str]) -> Iterator[str]:
    yield from (f"{one['Mailbox']}@{one['Domain']}" for one in paths or ())
    yield from header


def _all_text(mail: Json) -> Iterator[str]:
    yield mail["Content"]["Body"]
    for values in mail["Content"]["Headers"].values():
        yield from values


_SEARCHED = {
    "from": lambda mail: _addresses([mail["From"]], mail["Content"]["Headers"].get("From", [])),
    "to": lambda mail: _addresses(mail["To"], mail["Content"]["Headers"].get("To", [])),
    "containing": _all_text,
}


def _has(mail: Json, kind: str, wanted: str) -> bool:
    return any(wanted in text.lower() for text in _SEARCHED[kind](mail))
