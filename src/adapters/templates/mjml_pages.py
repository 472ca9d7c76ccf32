"""Pages written in MJML, whose elements become the tables that mail programs understand. It needs
the extra `mjml`."""

from adapters.html import VOID, tokens
from adapters.texts import short_text

LONGEST = 500_000
"""Characters of a page."""

# The library reads elements within each other by calls within calls, which would end the process
# where there are very many.
_DEEPEST = 100


class MjmlUnusable(ValueError):
    """No page can be made of it; the message says why."""


def html_of(page: str) -> str:
    """The HTML of a page in MJML. Loads nothing: no include, no font. Raises MjmlUnusable."""
    try:
        import mjml
    except ImportError:
        raise MjmlUnusable("needs the extra mjml: pip install 'dispatcher-worker[mjml]'") from None
    if len(page) > LONGEST:
        raise MjmlUnusable(f"has more than {LONGEST} characters")
    if _depth(page) > _DEEPEST:
        raise MjmlUnusable(f"has more than {_DEEPEST} elements within each other")
    try:
        return str(mjml.mjml2html(page, fonts={}))
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        raise MjmlUnusable(f"cannot be read: {short_text(error)}") from None


def _depth(page: str) -> int:
    depth = deepest = 0
    for name, attributes, _ in tokens(page)[1]:
        if name[0] == "/":
            depth -= 1
        elif not (attributes.endswith("/") or name.lower() in VOID):
            depth += 1
            deepest = max(deepest, depth)
    return deepest
