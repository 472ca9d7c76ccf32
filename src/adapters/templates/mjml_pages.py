"""Pages written in MJML, whose elements become the tables that mail programs understand. It needs
the extra `mjml`."""

from importlib import import_module

from adapters.templates.limits import with_free_memory
from adapters.templates.rust_libraries import MOST_LEVELS, LibraryFailed, called, start_tags

LONGEST = 100_000
"""Characters of a page; one in HTML that is made of it has up to fifty times as many."""

_PER_ELEMENT = 5  # an element of MJML takes as much of the stack as so many of HTML


class MjmlUnusable(ValueError):
    """No page can be made of it; the message says why."""


def html_of(page: str) -> str:
    """The HTML of a page in MJML. Loads nothing: no include, no font. Raises MjmlUnusable."""
    if len(page) > LONGEST:
        raise MjmlUnusable(f"has more than {LONGEST} characters")
    if start_tags(page) + page.count("<mj") * (_PER_ELEMENT - 1) > MOST_LEVELS:
        most = MOST_LEVELS // _PER_ELEMENT
        raise MjmlUnusable(f"has more than {most} elements, or {MOST_LEVELS} tags of HTML")
    try:
        mjml = with_free_memory(lambda: import_module("mjml"))
        return str(called(lambda: mjml.mjml2html(page, fonts={})))
    except ImportError:
        raise MjmlUnusable("needs the extra mjml: pip install 'dispatcher-worker[mjml]'") from None
    except LibraryFailed as error:
        raise MjmlUnusable(f"cannot be read: {error}") from None
