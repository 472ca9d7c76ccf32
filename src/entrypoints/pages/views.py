"""What the pages show: our own templates, and HTML that others wrote, shut in."""

import re
from pathlib import Path

import jinja2
from starlette.responses import HTMLResponse, Response

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " frame-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
FOREIGN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox allow-same-origin"
)
"""For HTML that others wrote: its own styles and pictures within it; no script, nothing remote.
Links open a page of their own. The origin is ours so that our page can see how high the frame must
be; without scripts the HTML can do nothing with it."""

# The same, and pictures are loaded from wherever they are.
_FOREIGN_POLICY_WITH_PICTURES = FOREIGN_POLICY.replace(
    "img-src data:", "img-src data: https: http:"
)

_AFTER_HEAD = re.compile(r"<head\b[^<>]*>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
# It is no picture, so no policy keeps it from saying to its host that the mail was opened.
_LINK = re.compile(r"<link\b", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
# It says by a meta element or in CSS that it can be dark.
_HAS_DARK = re.compile(
    r"""(?<!prefers-)color-scheme["']?\s*(?::|content\s*=)\s*+["']?[^;}>"']{0,99}\bdark""",
    re.IGNORECASE,
)
_ALWAYS, _NEVER = "(min-width: 0)", "(max-width: 0)"
THEMES = ("light", "dark")
_BASE = '<base target="_blank">'

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["stem"] = lambda path: Path(path).stem


def page(template: str, *, status: int = 200, **facts: object) -> Response:
    """A whole page, from the template next to this file; `facts` are text, and escaped there.
    `live`: the version that `/events` must go beyond before the page is fetched again."""
    text = _TEMPLATES.get_template(f"{template}.jinja2").render(facts)
    return HTMLResponse(text.encode("utf-8", "replace"), status)


def missing() -> Response:
    """Nothing is at this address."""
    return page("missing", title="Not here", status=404)


def foreign(html: str, *, pictures: bool = False, theme: str | None = None) -> Response:
    """HTML that others wrote, shut in; for an iframe. `pictures`: remote ones are loaded. `theme`:
    what it is to take the reader's colour scheme for, one of THEMES."""
    base, html = _BASE, _LINK.sub("<meta", html)
    if theme in THEMES:
        html = _SCHEME.sub(lambda one: _ALWAYS if one[1].lower() == theme else _NEVER, html)
        if _HAS_DARK.search(html):
            base += f"<style>:root{{color-scheme:{theme}!important}}</style>"
    head = _AFTER_HEAD.search(html)
    at = head.end() if head else 0
    if head is None and (doctype := _DOCTYPE.match(html)):
        at = doctype.end()
    text = html[:at] + base + html[at:]
    policy = _FOREIGN_POLICY_WITH_PICTURES if pictures else FOREIGN_POLICY
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-DNS-Prefetch-Control": "off",
    }
    return HTMLResponse(text.encode("utf-8", "replace"), headers=headers)
