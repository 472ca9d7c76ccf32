"""Read addresses as people write them: what is around an address, and how many there are."""

import re

GIVE_A_LIST = "holds more than one address; give a list, one address in each string"

# Copied from a web page or a chat, an address brings these along: zero-width characters, marks of
# direction, a byte order mark, a soft hyphen. `str.strip` alone does not know them.
_INVISIBLE = "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
BLANK = _INVISIBLE + "".join(c for c in map(chr, range(0x3001)) if c.isspace())
"""White space and invisible characters, for `str.strip`."""

# `a@b.c` or `Name <a@b.c>` without anything that might separate addresses.
_PLAIN = re.compile(
    r'[^\s,;:<>"@]+@[^\s,;:<>"@\uff0c\u3001\uff1b]+|[^\n,;:<>"@\uff0c\u3001\uff1b]*<[^<>@]*@[^<>@]*>',
    re.ASCII,
)

SIMPLE = re.compile(
    r"(?:(?P<name>\w[^\r\n\0<>\"@]*+)<)?+(?P<address>[\w!#$%&'*+/=?^`{|}~.-]+@[\w.-]+)(?(name)>)"
)
"""As nearly all are written: `a@b.c` or `Name <a@b.c>`. That is one address, with nothing to take
off but the space behind the name."""

# RFC 5322 3.2.4. A quote inside a word, as in O"Brien, begins no quoted string.
_QUOTED = re.compile(r'(?:(?<=[\s,;:<.])|\A)"(?:[^"\\]|\\.)*+"(?=\Z|[\s<@,;.])', re.DOTALL)
_BRACKETED = re.compile(r"<[^<>@]*@[^<>]*>")
_SEPARATORS = ",;\n\uff0c\u3001\uff1b"  # the last three are those of Chinese and Japanese
_BETWEEN_WORDS = re.compile(rf"[\s,;:<>|\uff0c\u3001\uff1b{_INVISIBLE}]+")
_URL = re.compile(r"[A-Za-z][\w+.-]*://", re.ASCII)


def holds_several(text: str) -> bool:
    """Whether a text that stands for one mail address holds more than one, or a separator with an
    address next to it. Names may hold commas, and a quoted name anything: `Jobs, Steve <a@b.c>`
    and `"a@b.c, d@e.f" <g@h.i>` are one address each. A URL is never looked into."""
    if "@" not in text or _PLAIN.fullmatch(text) or _URL.match(text):
        return False
    bare = _QUOTED.sub("q", text)
    brackets = _BRACKETED.findall(bare)
    if len(brackets) > 1:
        return True
    if not brackets:
        addresses = _addresses(bare)
        return len(addresses) > 1 or (bool(addresses) and _is_separated(bare))
    name, _, behind = bare.partition(brackets[0])
    if _is_separated(behind) or len(_addresses(brackets[0])) > 1:
        return True
    address = brackets[0][1:-1].strip(BLANK).lower()
    named = [*_addresses(name), *_addresses(behind)]
    others = [one for one in named if one.lower() != address]
    # A name that is nothing but an address is common: `shop@example.com <noreply@example.com>`.
    return bool(others) and (len(others) > 1 or name.strip(BLANK) != others[0])


def _addresses(text: str) -> list[str]:
    return [word for word in _BETWEEN_WORDS.split(text) if "@" in word.strip("@")]


def _is_separated(text: str) -> bool:
    return any(c in text.strip() for c in _SEPARATORS)
