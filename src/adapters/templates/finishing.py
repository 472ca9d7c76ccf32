"""What is done to a page once the text part was made of it: its rules go into its tags, and the
preheader before its first word."""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from adapters.template_parts import HTML
from adapters.templates.preheader import with_preheader
from adapters.templates.rendering import Rendering
from domain.content import Content
from domain.events import StylesNotInlined
from domain.ports import EventSink

if TYPE_CHECKING:
    from adapters.templates.inlined_pages import InlinedPages


class Finisher:
    """Finishes pages. What it cannot do to one is reported, once for each template of a set, and
    the page stays as it is."""

    def __init__(self, events: EventSink) -> None:
        self._events = events
        self._reported: set[tuple[str, str]] = set()

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

        try:
            return rendering.in_tags(page, self._pages)
        except NotInlined as error:
            about = (template, content.version)
            if about not in self._reported:
                self._reported.add(about)
                self._events.emit(StylesNotInlined(template, str(error)))
            return page

    @cached_property
    def _pages(self) -> "InlinedPages":
        from adapters.templates.inlined_pages import InlinedPages

        return InlinedPages()
