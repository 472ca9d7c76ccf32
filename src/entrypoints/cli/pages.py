"""How our local pages look."""

import re
from html import escape

from entrypoints.cli.local_server import FOREIGN_POLICY, FOREIGN_POLICY_WITH_PICTURES, PageReply

_AFTER_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_REMOTE_PICTURE = re.compile(
    r"""(?:<(?:img|source|video|input|image)\b[^>]*?\s(?:src|srcset|poster|href)|\sbackground)"""
    r"""\s*=\s*["']?\s*(?:https?:)?//([^/"'\s>]+)|url\(\s*["']?(?:https?:)?//([^/"'\s)]+)""",
    re.IGNORECASE,
)
_BASE = '<base target="_blank">'

_STYLE = """
:root { color-scheme: light dark; --line: #d8d8d4; --soft: #5f5f5a; --bar: #f4f4f1;
  --link: #1a5fb4; --bad: #a51d2d; }
@media (prefers-color-scheme: dark) { :root { --line: #3c3c3a; --soft: #a5a5a0; --bar: #242423;
  --link: #8ab8f0; --bad: #ff8a8a; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem;
  padding: 0 1rem 2rem; }
header { border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0 1rem;
  align-items: baseline; padding: .75rem 0; }
h1 { font-size: 1.125rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
.soft, dt { color: var(--soft); font-size: .875rem; }
.bad { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
ul.list { list-style: none; margin: 0; padding: 0; }
ul.list a { border-bottom: 1px solid var(--line); color: inherit; display: grid; gap: 0 1rem;
  grid-template-columns: 8rem 1fr auto; padding: .6rem .25rem; text-decoration: none; }
ul.list a:hover, ul.list a:focus-visible { background: var(--bar); }
ul.list span { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
ul.list .subject { font-weight: 600; }
ul.list .to { grid-column: 2 / -1; }
dl { display: grid; gap: .15rem 1rem; grid-template-columns: max-content 1fr; margin: 1rem 0; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dt { padding-top: .1rem; }
iframe { border: 1px solid var(--line); border-radius: 4px; display: block; height: 70vh;
  min-height: 20rem; resize: vertical; width: 100%; overflow: auto; }
pre { background: var(--bar); border-radius: 4px; font: .875rem/1.5 ui-monospace, monospace;
  margin: 0; overflow-wrap: anywhere; padding: .75rem; white-space: pre-wrap; }
summary { cursor: pointer; margin: 1.5rem 0 .5rem; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  ul.list a { grid-template-columns: 1fr auto; } ul.list .channel { grid-column: 1; }
  ul.list .when { grid-column: 2; grid-row: 1; }
  ul.list .subject, ul.list .to { grid-column: 1 / -1; } }
"""


def style() -> PageReply:
    """The style sheet of every page, at `/style.css`."""
    return PageReply(_STYLE.encode(), "text/css; charset=utf-8")


def page(title: str, body: str, *, above: str = "", status: int = 200) -> PageReply:
    """A whole page. `title` is text; `body` and `above`, which is next to the title, are HTML."""
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>'
        f"<body><header><h1>{escape(title)}</h1>{above}</header><main>{body}</main></body></html>"
    )
    return PageReply(text.encode("utf-8", "replace"), status=status)


def foreign(html: str, *, pictures: bool = False) -> PageReply:
    """HTML that others wrote, shut in; for an iframe. `pictures`: remote ones are loaded."""
    head = _AFTER_HEAD.search(html)
    at = head.end() if head else 0
    if head is None and (doctype := re.match(r"\s*<!doctype[^>]*>", html, re.IGNORECASE)):
        at = doctype.end()
    text = html[:at] + _BASE + html[at:]
    policy = FOREIGN_POLICY_WITH_PICTURES if pictures else FOREIGN_POLICY
    return PageReply(text.encode("utf-8", "replace"), policy=policy)


def remote_pictures(html: str) -> list[str]:
    """The hosts that pictures of `html` would be loaded from."""
    return sorted({(found[1] or found[2]).lower() for found in _REMOTE_PICTURE.finditer(html)})


def frame(address: str, title: str) -> str:
    """The iframe for a page that `foreign` made."""
    sandbox = "allow-popups allow-popups-to-escape-sandbox"
    return f'<iframe sandbox="{sandbox}" src="{escape(address)}" title="{escape(title)}"></iframe>'


def missing() -> PageReply:
    """Nothing is at this address."""
    return page(
        "Not here",
        '<p>Nothing is here (any more). <a href="/">Back to the list</a></p>',
        status=404,
    )
