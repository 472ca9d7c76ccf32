"""One rendering: the subject, then the parts that the channel uses."""

import re
from itertools import islice
from typing import TYPE_CHECKING

from jinja2 import Template

from adapters.template_parts import ChannelParts
from adapters.templates.catalogue import localized
from adapters.templates.environment import LimitExceeded
from adapters.templates.failures import RenderFailure, TemplatePlace
from adapters.templates.snapshot import CompiledTemplate, Snapshot
from adapters.templates.text_forms import MOST_CHUNKS, TextForms
from adapters.templates.values import NOTHING
from domain.content import Content
from domain.errors import FailureReason
from domain.ports import RenderRequest

if TYPE_CHECKING:
    from adapters.templates.inlined_pages import InlinedPages

_NOTHING_OWN = ChannelParts()
_HTML = "html"
_forms = TextForms()
_BREAKS = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
_IS_MJML = re.compile(r"(?:\s+|<!--.*?-->)*+<mjml[\s>]", re.DOTALL)
_LONGEST_TEXT = 10_000
_MOST_BATCHES = 10  # of a page's chunks that are kept


class Rendering:
    """One request against one template. `context`: the variables that the template sees."""

    def __init__(
        self,
        template: CompiledTemplate,
        request: RenderRequest,
        snapshot: Snapshot,
        max_output: int,
    ) -> None:
        self._template = template
        self._request = request
        self._snapshot = snapshot
        self._max_output = max_output
        self._page: list[str] = []  # the chunks of the HTML, unless they are very many
        self.context: dict[str, object] = {
            "subject": "",
            "altro": "",
            "recipient": request.recipient or NOTHING,
            "locale": request.locale or NOTHING,
            "now": request.now,
            **request.parameters,
        }

    def content(self) -> Content:
        """Render subject and parts. Raises whatever the template raises, or LimitExceeded."""
        subject = self._request.subject
        if subject is None:
            subject = self._template.manifest.subject
            if subject and self._template.translates:
                subject = self._snapshot.translated(subject)
            if (rendered := self._render("subject")) is not None:
                subject = rendered
            subject = subject and _BREAKS.sub(" ", subject).strip()
        self.context |= {
            "subject": subject or "",
            "altro": subject or "",
            **self._request.parameters,
        }
        parts = {}
        wanted = self._snapshot.channels.get(self._request.channel, _NOTHING_OWN)
        for part in wanted.own:
            if (rendered := self._render(part.name)) is not None:
                parts[part.name] = rendered
                if part.check is not None:
                    part.check(rendered)
        if wanted.always_text or not parts:
            self._add_text(parts)
        has_preheader = self._template.preheader and _HTML in parts
        return Content(
            subject=subject,
            parts=parts,
            envelope=self._template.manifest.envelope,
            version=self._snapshot.version,
            preheader=self._preheader() if has_preheader else "",
            headers=self._headers() if self._template.unsubscribe and wanted.has_headers else (),
        )

    def in_tags(self, html: str, pages: "InlinedPages") -> str:
        """The content's page with its rules in its tags. Raises NotInlined."""
        return pages.page_of(self._page, html, self._snapshot.chunks)

    def _preheader(self) -> str:
        """One line of plain text."""
        templates = self._template.preheader
        locale = localized(templates, self._request.locale)
        text = "" if locale is None else self._printed(templates[locale])
        return _BREAKS.sub(" ", text).strip()

    def _headers(self) -> tuple[tuple[str, str], ...]:
        from adapters.templates.unsubscribing import unsubscribe_headers  # few templates have it

        links = self._template.unsubscribe
        try:
            return unsubscribe_headers(
                map(self._printed, links), one_click=self._template.manifest.one_click
            )
        except ValueError as error:
            raise self._link_failure(str(error)) from None

    def _link_failure(self, fault: str) -> RenderFailure:
        """The links of template.toml came out wrong."""
        path, source = self._template.entry.manifest or "", self._template.manifest.unsubscribe[0]
        text = source.lstrip("\n")
        place = TemplatePlace(path, len(source) - len(text) + 1, text)
        return RenderFailure(
            f"list_unsubscribe: {fault} in {place}",
            reason=FailureReason.TEMPLATE_ERROR,
            place=place,
        )

    def _printed(self, template: Template) -> str:
        """A text of template.toml with the variables filled in."""
        text = "".join(template.root_render_func(template.new_context(self.context)))
        if len(text) > _LONGEST_TEXT:
            raise LimitExceeded(f"a text of template.toml of more than {_LONGEST_TEXT} characters")
        return text

    def _add_text(self, parts: dict[str, str]) -> None:
        """The text is every channel's last resort, derived from the HTML where no file has it, or
        only one in a more general language."""
        files, text = self._template.parts, None
        if "text" in files:
            text_tag, html_tag = (
                localized(files.get(name, ()), self._request.locale) or ""
                for name in ("text", _HTML)
            )
            if len(text_tag) >= len(html_tag):
                text = self._render("text")
        if text is None:
            html = parts.get(_HTML) or self._render(_HTML)
            text = None if html is None else _forms.text_of(self._page, html, self._snapshot.chunks)
        if text is not None:
            parts["text"] = text

    def _render(self, part: str) -> str | None:
        files, locale = self._template.parts.get(part, {}), self._request.locale
        template = files.get((localized(files, locale) or "") if locale else "")
        if template is None:
            return None
        chunks = template.root_render_func(template.new_context(self.context))
        texts: list[str] = []
        size = 0
        while batch := list(islice(chunks, MOST_CHUNKS)):
            texts.append("".join(batch))
            size += len(texts[-1].encode())
            if size > self._max_output:
                raise LimitExceeded(f"an output of more than {self._max_output} bytes")
            if part == _HTML:
                self._page = batch if len(texts) == 1 else self._page + batch
                if len(texts) > _MOST_BATCHES:
                    self._page = []
        text = "".join(texts)
        return self._of_mjml(text) if part == _HTML and _IS_MJML.match(text) else text

    def _of_mjml(self, page: str) -> str:
        from adapters.templates.mjml_pages import MjmlUnusable, html_of  # needs an extra

        self._page = []  # the page has other chunks
        try:
            html = html_of(page)
        except MjmlUnusable as error:
            files = self._template.entry.parts[_HTML]
            path = files[localized(files, self._request.locale) or ""]
            raise RenderFailure(
                f"the MJML {error} in {path}",
                reason=FailureReason.TEMPLATE_ERROR,
                place=TemplatePlace(path, 1, ""),
            ) from None
        if len(html.encode()) > self._max_output:
            raise LimitExceeded(f"an output of more than {self._max_output} bytes")
        return html
