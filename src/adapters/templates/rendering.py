"""One rendering: the subject, then the parts that the channel uses."""

import re
from itertools import islice

import jinja2

from adapters.template_parts import ChannelParts
from adapters.templates.catalogue import localized
from adapters.templates.environment import LimitExceeded
from adapters.templates.nulls import NOTHING
from adapters.templates.snapshot import CompiledTemplate, Snapshot
from adapters.templates.text_alternative import text_from_html
from domain.content import Content
from domain.ports import RenderRequest

_NOTHING_OWN = ChannelParts()
_CHUNKS_AT_ONCE = 512
_BREAKS = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")


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
        self._version = snapshot.version
        self._parts_of_channel = snapshot.channels.get(request.channel, _NOTHING_OWN)
        self._max_output = max_output
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
        subject = self._subject()
        for name in ("subject", "altro"):
            if name not in self._request.parameters:
                self.context[name] = subject or ""
        return Content(
            subject=subject,
            parts=self._parts(),
            envelope=self._template.manifest.envelope,
            version=self._version,
        )

    def _subject(self) -> str | None:
        if self._request.subject is not None:
            return self._request.subject
        rendered = self._render("subject")
        if rendered is not None:
            return _BREAKS.sub(" ", rendered).strip()
        return self._template.manifest.subject

    def _parts(self) -> dict[str, str]:
        """All of the channel's parts that exist. The text is every channel's last resort, derived
        from the HTML where no file has it."""
        wanted = self._parts_of_channel
        parts = {}
        for part in wanted.own:
            rendered = self._render(part.name)
            if rendered is not None:
                parts[part.name] = rendered
                if part.check is not None:
                    part.check(rendered)
        if parts and not wanted.always_text:
            return parts
        text = None if self._html_speaks_the_language_alone() else self._render("text")
        if text is None:
            html = parts.get("html") or self._render("html")
            text = text_from_html(html) if html is not None else None
        return parts if text is None else {**parts, "text": text}

    def _html_speaks_the_language_alone(self) -> bool:
        """Whether there is HTML in the wanted language, and text only in a more general one."""
        if self._request.locale is None:
            return False
        tags = [
            localized(self._template.parts.get(part, ()), self._request.locale)
            for part in ("html", "text")
        ]
        html, text = (tag or "" for tag in tags)
        return len(html) > len(text)

    def _render(self, part: str) -> str | None:
        files = self._template.parts.get(part)
        if files is None:
            return None
        locale = localized(files, self._request.locale)
        return None if locale is None else self._run(files[locale])

    def _run(self, template: jinja2.Template) -> str:
        chunks = template.root_render_func(template.new_context(self.context))
        texts: list[str] = []
        size = 0
        while batch := list(islice(chunks, _CHUNKS_AT_ONCE)):
            texts.append("".join(batch))
            size += len(texts[-1].encode())
            if size > self._max_output:
                raise LimitExceeded(f"an output of more than {self._max_output} bytes")
        return "".join(texts)
