"""What is done to a page once the text part was made of it: its rules go into its tags, and the
preheader before its first word."""

import math
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from adapters.template_parts import HTML
from adapters.templates.environment import DeadlineExceeded
from adapters.templates.limits import within_limits
from adapters.templates.preheader import with_preheader
from adapters.templates.rendering import Rendering
from adapters.texts import short_text
from domain.content import Content
from domain.events import StylesNotInlined
from domain.ports import EventSink

if TYPE_CHECKING:
    from adapters.templates.inlined_pages import InlinedPages


class Finisher:
    """Finishes pages. What it cannot do to one is reported, once for each template of a set, and
    the page stays as it is."""

    def __init__(self, events: EventSink, timeout: float) -> None:
        """`timeout`: seconds of processor time that the styles of a page may take."""
        self._events = events
        self._timeout = timeout
        self._version = ""
        # The templates reported, and how long a page of theirs takes too long, in characters.
        self._failed: dict[str, float] = {}

    def finished(
        self, template: str, rendering: Rendering, content: Content, *, inline_css: bool
    ) -> Content:
        """The content with its page finished."""
        page = content.parts.get(HTML.name)
        if page is None:
            return content
        if inline_css:
            page = self._inlined(template, rendering, content, page)
        if content.preheader:
            page = with_preheader(page, content.preheader)
        return replace(content, parts={**content.parts, HTML.name: page})

    def _inlined(self, template: str, rendering: Rendering, content: Content, page: str) -> str:
        from adapters.templates.inlining import NotInlined

        if content.version != self._version:
            self._version, self._failed = content.version, {}
        if len(page) >= self._failed.get(template, math.inf):
            return page  # it would take as long
        try:
            return within_limits(
                lambda: rendering.in_tags(page, self._pages), seconds=self._timeout, memory=None
            )
        except DeadlineExceeded:
            error, length = "took too long, stopped", float(len(page))
        except NotInlined as refused:
            error, length = str(refused), math.inf
        except Exception as fault:  # noqa: BLE001 - whatever it is, the mail goes out
            error, length = f"{type(fault).__name__}: {short_text(fault)}", math.inf
        if template not in self._failed:
            self._events.emit(StylesNotInlined(template, error, self._version))
        self._failed[template] = min(length, self._failed.get(template, math.inf))
        return page

    @cached_property
    def _pages(self) -> "InlinedPages":
        from adapters.templates.inlined_pages import InlinedPages

        return InlinedPages()
