"""The texts of template.toml that have variables, and where they stand in the file."""

import re
from collections.abc import Mapping

from domain.notification import locale_fault

_DEFAULT = "default"
_NAMED = re.compile(r"\bline (\d+), column \d+")
_LINK = re.compile(r"\s*(?:(https)://|http://|mailto:|(\{))", re.IGNORECASE)


def words(value: object) -> dict[str, str]:
    """A text, or a table of one for each locale, as a text by locale. Raises ValueError."""
    if not isinstance(value, dict):
        return {"": _text(value)}
    found = dict[str, str]()
    for locale, text in value.items():
        if locale != _DEFAULT and locale_fault(locale):
            raise ValueError(f"{locale!r} is neither {_DEFAULT!r} nor a language tag such as 'it'")
        tag = "" if locale == _DEFAULT else locale.replace("_", "-").lower()
        if tag in found:
            raise ValueError(f"{locale!r} is there twice; keep one")
        found[tag] = _text(text)
    return found


def links(value: object) -> tuple[str, ...]:
    """A link, or a list of links. Raises ValueError."""
    found = tuple(map(_text, value)) if isinstance(value, list) and value else (_text(value),)
    for link in found:
        if not _LINK.match(link):
            raise ValueError(f"{link!r} must begin with https://, mailto: or a variable")
    return found


def one_click_fault(values: Mapping[str, object]) -> str | None:
    """What is wrong with the checked `values` of a file, of which the links do not allow one
    click; None: nothing."""
    if not values.get("list_unsubscribe_one_click"):
        return None
    given = values.get("list_unsubscribe")
    if not isinstance(given, tuple):
        return "list_unsubscribe_one_click: needs the link in list_unsubscribe"
    if not any(found[1] or found[2] for found in map(_LINK.match, given) if found):
        return (
            "list_unsubscribe_one_click: needs a link in list_unsubscribe that begins with https://"
        )
    return None


def line_of_key(file: str, fault: str) -> int:
    """The line of the key that a fault begins with; the first where it stands nowhere by itself."""
    key = fault.partition(":")[0]
    found = _key(key, file)
    return file.count("\n", 0, found.start()) + 1 if found else 1


def line_of_syntax(file: str, error: Exception) -> int:
    """The line that the parser names; else it speaks of the end."""
    named = _NAMED.search(str(error))
    return int(named[1]) if named else max(1, len(file.splitlines()))


def at_its_line(file: str, key: str, text: str) -> str:
    """The `text` that a file has under the key, after as many empty lines as stand before it, so
    that what is wrong with it is found in the file."""
    found = _key(key, file)
    at = found.start() if found else 0
    begin = file.find(text.splitlines()[0], at)
    return "\n" * file.count("\n", 0, at if begin < 0 else begin) + text


def _key(key: str, file: str) -> re.Match[str] | None:
    """Where a line begins with the key, or with a table of its name."""
    return re.search(rf"^[ \t]*(?:\[[ \t]*)?[\"']?{re.escape(key)}\b", file, re.MULTILINE)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value
