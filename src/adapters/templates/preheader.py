"""The preheader: what an inbox shows after the subject, as the first text of the page."""

import re

from adapters.html import QUOTED, escaped
from adapters.templates.text_alternative import UNSEEN

_STYLE = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;"
    "overflow:hidden;mso-hide:all"
)
# An inbox shows so many characters at most. Each filler is a blank that is kept, and a sign that is
# not seen, so that the inbox shows nothing of what follows.
_SHOWN = 150
_FILLER = "&#8199;&#847;"

_UNSEEN = (("<!--", "-->"), ("<style", "</style"), ("<script", "</script"))
_BODY = re.compile(rf"<body(?=[\s/>]){QUOTED}>", re.IGNORECASE)
_HEAD = re.compile(
    rf"\s+|{UNSEEN.pattern}|</?(?:html|head|meta|link|base)(?=[\s/>]){QUOTED}>",
    re.IGNORECASE | re.DOTALL,
)


def with_preheader(page: str, text: str) -> str:
    """The page with a text in plain words before all that it shows."""
    at = _begin(page)
    filler = _FILLER * (_SHOWN - len(text))
    return f'{page[:at]}<div style="{_STYLE}">{escaped(text)}{filler}</div>{page[at:]}'


def _begin(page: str) -> int:
    """Where what the page shows begins: after the tag `<body>`, or after all that is its head."""
    at = page.find("<body")
    is_within = any(page.count(one, 0, at) != page.count(end, 0, at) for one, end in _UNSEEN)
    if at >= 0 and not is_within and (body := _BODY.match(page, at)):
        return body.end()
    at = 0
    while found := _HEAD.match(page, at):
        if found.end() == at:
            break
        at = found.end()
    body = _BODY.match(page, at)
    return body.end() if body else at
