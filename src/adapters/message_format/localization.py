"""The locale and the time zone of a message, as producers write them."""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.message_format.addressing import text_of
from domain.notification import locale_fault

_POSIX_LOCALE = re.compile(
    r"(?P<tag>C|POSIX|[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})"
    r"(?:\.[A-Za-z0-9_:-]{1,20})?(?:@[A-Za-z0-9_=;-]{1,20})?"
)
_LONGEST_TIMEZONE = 100  # no name in the database is half as long, and names are kept


def timezone_name(value: object) -> str:
    """The name of a time zone; an empty string counts as absent."""
    name = text_of(value)
    if name and not (len(name) <= _LONGEST_TIMEZONE and _is_timezone(name)):
        raise ValueError("must be the name of a time zone such as Europe/Rome")
    return name


def language_tag(value: object) -> str:
    """A language tag such as it-IT; an empty string counts as absent."""
    tag = _tag_of(text_of(value))
    if tag and (found := locale_fault(tag)):
        raise ValueError(found)
    return tag


@lru_cache(maxsize=256)
def _is_timezone(name: str) -> bool:
    """Whether the IANA database has a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _tag_of(locale: str) -> str:
    """A POSIX locale such as `en_US.UTF-8` or `de_DE@euro` as a language tag: en-US, de-DE; `C`
    and `POSIX` as an empty one. Anything else is given back as it is."""
    match = _POSIX_LOCALE.fullmatch(locale)
    if match is None:
        return locale
    tag = match["tag"].replace("_", "-")
    return "" if tag in {"C", "POSIX"} else tag
