"""Media types such as `text/calendar; method=REQUEST`, taken apart."""

import re
from urllib.parse import unquote

from domain.value_object import value_object

_WORD = r"[\w!#$%&'*+.^`{|}~-]+"  # RFC 2045 5.1
_TYPE = re.compile(rf"{_WORD}/{_WORD}", re.ASCII)
# Producers leave blanks around `=`, and names outside ASCII as they are.
_PARAMETER = re.compile(
    rf"""[ \t]*;[ \t]*
    (?: (?P<name>(?a:{_WORD})) [ \t]*=[ \t]*
        (?: "(?P<quoted>(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"
          | (?P<plain>[^\s";\\\x00-\x1f\x7f]+(?:[ ][^\s";\\\x00-\x1f\x7f]+)*) )
    )?[ \t]*""",
    re.VERBOSE,
)
_LONGEST = 500
_EXTENDED = re.compile(r"(?P<charset>[\w.:-]+)'[\w-]*'(?P<value>.*)", re.ASCII | re.DOTALL)


@value_object()
class MediaType:
    """`name` is `type/subtype` in lower case. So are the names of `parameters`; their values are
    decoded."""

    name: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """Read a media type with its parameters. Raises ValueError."""
        text = text.strip(" \t")
        if len(text) > _LONGEST:
            raise ValueError(f"must be at most {_LONGEST} characters")
        parameters: dict[str, str] = {}
        part = found = _TYPE.match(text)
        while part is not None and part.end() < len(text):
            part = _PARAMETER.match(text, part.end())
            if part is not None and part["name"]:
                name, value = _decoded(part)
                parameters.setdefault(name, value)
        if found is None or part is None:
            raise ValueError("must be a media type such as application/pdf")
        return cls(found[0].lower(), parameters)


def _decoded(parameter: re.Match[str]) -> tuple[str, str]:
    name = parameter["name"].lower()
    if parameter["quoted"] is not None:
        return name, re.sub(r"\\(.)", r"\1", parameter["quoted"])
    value = parameter["plain"]
    extended = _EXTENDED.fullmatch(value) if name.endswith("*") else None
    if extended is None:
        return name, value
    try:  # RFC 2231 section 4
        value = unquote(extended["value"], encoding=extended["charset"], errors="strict")
    except (LookupError, ValueError):
        raise ValueError(f"has a parameter {name[:40]} in no known charset") from None
    if any(c in value for c in "\r\n\0"):
        raise ValueError(f"has a parameter {name[:40]} with a line break or NUL in it")
    return name[:-1], value
