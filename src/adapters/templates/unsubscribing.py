"""The header fields by which a mail program offers to unsubscribe (RFC 2369, RFC 8058)."""

import re
from collections.abc import Iterable
from urllib.parse import quote

LINK, ONE_CLICK = "List-Unsubscribe", "List-Unsubscribe-Post"
_ASKED_FOR = "List-Unsubscribe=One-Click"
_WEB = re.compile(r"(https?)://[^/?#]+", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^?@]+@[^?@]+", re.IGNORECASE)
# What may stand in an address; all else is written as %20 and the like.
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~"

NO_LINK = "must begin with https:// or mailto:"
NO_ONE_CLICK = "one click needs exactly one link, and that with https://, next to any mailto:"


def unsubscribe_headers(links: Iterable[str], *, one_click: bool) -> tuple[tuple[str, str], ...]:
    """The fields for these links; no field where all are empty. Raises ValueError, which has
    nothing of a link."""
    written = [_written(link) for link in links]
    given = [link for link in written if link]
    if not given:
        return ()
    if not all(_WEB.match(link) or _MAIL.match(link) for link in given):
        raise ValueError(NO_LINK)
    fields = ((LINK, ", ".join([f"<{link}>" for link in given])),)
    if not one_click:
        return fields
    schemes = [found[1].lower() for link in given if (found := _WEB.match(link))]
    if schemes != ["https"]:
        raise ValueError(NO_ONE_CLICK)
    return (*fields, (ONE_CLICK, _ASKED_FOR))


def _written(link: str) -> str:
    """An address that may stand between angle brackets in one line."""
    return quote("".join(link.splitlines()).strip(), safe=_AS_IT_IS, errors="replace")
