"""Telegram's own reading of its HTML, as strict as the Bot API server is.

After the rules at https://core.telegram.org/bots/api#html-style: unknown tags, attributes and named
entities, bare `<`, ends without a start and starts without an end are faults. So are two quotations
within one another.
"""

import re

_TAG = re.compile(r"<(/?)([a-z-]+)((?: [a-z-]+(?:=\"[^\"<>]*\")?)*)>")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|#[0-9]+|#x[0-9a-fA-F]+);")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_PLAIN = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "tg-spoiler", "pre", "code"}
_WITH_ATTRIBUTES = {
    "a": r' href="[^"]+"',
    "span": r' class="tg-spoiler"',
    "code": r' class="language-[^"]+"',
    "blockquote": r"(?: expandable)?",
    "tg-emoji": r' emoji-id="[^"]+"',
    "tg-time": r' unix="[^"]+"(?: format="[^"]+")?',
}


class Unparsable(Exception):
    """Telegram would answer 400."""


def visible(html: str) -> str:
    """What people see. Raises Unparsable."""
    opened: list[str] = []
    seen: list[str] = []
    position = 0
    while position < len(html):
        character = html[position]
        if character == "<":
            match = _TAG.match(html, position)
            if match is None:
                raise Unparsable(f"bare < at {position}")
            _take(match[1] == "/", match[2], match[3], opened)
            position = match.end()
        elif character == "&":
            match = _ENTITY.match(html, position)
            if match is None:
                raise Unparsable(f"bare & at {position}")
            seen.append(_character(match[1]))
            position = match.end()
        elif character == ">":
            raise Unparsable(f"bare > at {position}")
        else:
            seen.append(character)
            position += 1
    if opened:
        raise Unparsable(f"no end of {opened}")
    return "".join(seen)


def _take(is_end: bool, name: str, attributes: str, opened: list[str]) -> None:
    if is_end:
        if attributes or not opened or opened.pop() != name:
            raise Unparsable(f"unexpected end of {name}")
        return
    allowed = (name in _PLAIN and not attributes) or (
        name in _WITH_ATTRIBUTES and re.fullmatch(_WITH_ATTRIBUTES[name], attributes)
    )
    if not allowed or (name == "blockquote" and name in opened):
        raise Unparsable(f"unsupported start of {name}{attributes}")
    opened.append(name)


def _character(entity: str) -> str:
    if entity in _NAMED:
        return _NAMED[entity]
    return chr(int(entity[2:], 16) if entity[1] in "xX" else int(entity[1:]))
