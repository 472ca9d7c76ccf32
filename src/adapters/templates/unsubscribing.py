"""The header fields by which a mail program offers to unsubscribe (RFC 2369, RFC 8058)."""

import re
from collections.abc import Iterable
from urllib.parse import quote

LINK, ONE_CLICK = "List-Unsubscribe", "List-Unsubscribe-Post"
_ASKED_FOR = "List-Unsubscribe=One-Click"
_WEB = re.compile(r"(https?)://[^/?#]+", re.IGNORECASE)
_HOST = re.compile(r"(https?://(?:[^/?#@]*@)?)([^/?#@:]+)(.*)", re.IGNORECASE | re.DOTALL)
_MAIL = re.compile(r"mailto:[^?@]+@[^?@]+", re.IGNORECASE)
# What may stand in an address; all else is written as %20 and the like.
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~"
_LONGEST = 900  # a header's line, which has no place to fold a link, has 998 at most

NO_LINK = "must begin with https:// or mailto:"
NO_HOST = "has a host that is no name on the internet"
TOO_LONG = f"is a link of more than {_LONGEST} characters; write a shorter token"
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
    if max(map(len, given)) > _LONGEST:
        raise ValueError(TOO_LONG)
    fields = ((LINK, ", ".join([f"<{link}>" for link in given])),)
    if not one_click:
        return fields
    schemes = [found[1].lower() for link in given if (found := _WEB.match(link))]
    if schemes != ["https"]:
        raise ValueError(NO_ONE_CLICK)
    return (*fields, (ONE_CLICK, _ASKED_FOR))


def _written(link: str) -> str:
    """An address that may stand between angle brackets in one line."""
    link = "".join(link.splitlines()).strip()
    if not link.isascii() and (found := _HOST.fullmatch(link)):
        before, host, after = found.groups()
        try:
            link = before + host.encode("idna").decode() + after
        except UnicodeError:
            raise ValueError(NO_HOST) from None
    return quote(link, safe=_AS_IT_IS, errors="replace")
