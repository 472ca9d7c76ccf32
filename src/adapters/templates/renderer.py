"""The renderer over a template folder: one snapshot in use, exchanged whole when files change."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from adapters.templates.catalogue import localized
from adapters.templates.deadline import DeadlineExceeded, within_limits
from adapters.templates.environment import LimitExceeded
from adapters.templates.failures import missing, no_part, render_failure
from adapters.templates.snapshot import CompiledTemplate, Compiler, Snapshot, TemplateSetBroken
from adapters.templates.source import FileSet, Look, SourceUnstable, look_at, read_all
from adapters.templates.text_alternative import text_from_html
from domain.content import Content
from domain.ports import RenderRequest

# In each line, all parts that exist are sent; the lines are tried in turn. Text comes last, being
# derived from the HTML where nobody wrote it.
_PARTS_OF_CHANNEL: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("html",),
    "telegram": ("telegram",),
    "slack": ("slack.json", "slack"),
}
_MEMORY_PER_OUTPUT_BYTE = 32  # chunks, their join, four bytes a character, and room to work
_LEAST_MEMORY = 64 * 2**20
_BREAKS = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How to render. `max_output`: bytes of one part. `timeout`: seconds of one rendering.

    `lenient`: undefined variables print nothing, as in plain Jinja2. `autoescape_flat`: bare
    NAME.jinja2 files are escaped. `quiet`: seconds without a write before a change is taken.
    """

    max_output: int = 5 * 2**20
    timeout: float = 2.0
    lenient: bool = False
    autoescape_flat: bool = True
    quiet: float = 0.1

    @property
    def memory(self) -> int:
        """Bytes that one rendering may take beyond what the process has."""
        return max(_LEAST_MEMORY, self.max_output * _MEMORY_PER_OUTPUT_BYTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """What became of a change: with `faults` it was refused and `version` is still in use."""

    version: str
    faults: tuple[str, ...] = ()


class FilesystemTemplates:
    """A TemplateRenderer over a folder."""

    def __init__(
        self,
        root: Path,
        *,
        options: RenderOptions | None = None,
        on_change: Callable[[SetReport], None] = lambda _report: None,
    ) -> None:
        """Load the set. Raises TemplateSetBroken naming each fault: there is no last good one yet.

        `on_change` hears once of each later set, taken or refused.
        """
        self._root = root
        self._options = options or RenderOptions()
        self._on_change = on_change
        self._compiler = Compiler(
            lenient=self._options.lenient, autoescape_flat=self._options.autoescape_flat
        )
        self._refused = ""
        try:
            files, self._seen = self._read()
        except SourceUnstable:
            raise TemplateSetBroken((f"{root}: keeps changing while it is read",)) from None
        self._snapshot = self._compile(files)

    @property
    def version(self) -> str:
        """The content hash of the set in use."""
        return self._snapshot.version

    @property
    def snapshot(self) -> Snapshot:
        """The set in use."""
        return self._snapshot

    def refresh(self) -> bool:
        """Look at the folder and take over a changed set; whether one was taken.

        To be called about twice a second. A set that is broken or cannot be read is reported and
        the last good one kept. A file that was written within the last moment is left for the next
        call, since its writer may not be done.
        """
        try:
            if self._is_unchanged():
                return False
            files, self._seen = self._read()
            if files.version == self._snapshot.version:
                if self._refused:
                    self._accept(self._snapshot)
                return False
            self._accept(self._compile(files))
        except SourceUnstable:
            return False
        except TemplateSetBroken as broken:
            self._refuse(broken)
            return False
        return True

    def render(self, request: RenderRequest) -> Content:
        """See TemplateRenderer. Only the main thread can be interrupted, so there alone the
        deadline and the memory bound hold; the bound on the output holds everywhere."""
        snapshot = self._snapshot
        template = snapshot.templates.get(request.template)
        if template is None:
            raise missing(request.template, snapshot.templates)
        rendering = _Rendering(template, request, snapshot.version, self._options.max_output)
        try:
            content = within_limits(
                rendering.content, seconds=self._options.timeout, memory=self._options.memory
            )
        except (Exception, DeadlineExceeded) as error:  # noqa: BLE001 - templates raise anything
            raise render_failure(
                request.template, error, snapshot.texts, rendering.context
            ) from None
        if not content.parts:
            raise no_part(request.template, request.channel, request.locale)
        return content

    def _is_unchanged(self) -> bool:
        """Whether the last look still holds, or a writer may not be done yet."""
        try:
            look = look_at(self._root)
        except OSError:
            return False  # told by the reading that follows
        return look == self._seen or not look.is_settled(time.time(), self._options.quiet)

    def _read(self) -> tuple[FileSet, Look | None]:
        try:
            files, look = read_all(self._root)
        except OSError as error:
            reason = error.strerror or str(error)
            raise TemplateSetBroken((f"{error.filename or self._root}: {reason}",)) from None
        settled = look.is_settled(time.time(), self._options.quiet)
        return files, look if settled else None

    def _compile(self, files: FileSet) -> Snapshot:
        # Jinja2 works out constant expressions while it compiles: those have no limit of their own.
        return within_limits(
            lambda: self._compiler.compile(files), seconds=0, memory=self._options.memory
        )

    def _accept(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._refused = ""
        self._on_change(SetReport(version=snapshot.version))

    def _refuse(self, broken: TemplateSetBroken) -> None:
        identity = broken.version or str(broken)
        if identity != self._refused:
            self._refused = identity
            self._on_change(SetReport(version=self.version, faults=broken.faults))


class _Rendering:
    """One request against one template."""

    def __init__(
        self, template: CompiledTemplate, request: RenderRequest, version: str, max_output: int
    ) -> None:
        self._template = template
        self._request = request
        self._version = version
        self._max_output = max_output
        self.context: dict[str, object] = {
            "subject": "",
            "altro": "",
            "recipient": request.recipient,
            "locale": request.locale,
            "now": request.now,
            **request.parameters,
        }

    def content(self) -> Content:
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
        wanted = _PARTS_OF_CHANNEL.get(self._request.channel, ())
        parts = {name: text for name in wanted if (text := self._render(name)) is not None}
        if "slack.json" in parts:
            _check_slack_json(parts["slack.json"])
        if parts and self._request.channel != "email":
            return parts
        text = self._render("text")
        if text is None:
            html = parts.get("html") or self._render("html")
            text = text_from_html(html) if html is not None else None
        return parts if text is None else {**parts, "text": text}

    def _render(self, part: str) -> str | None:
        files = self._template.parts.get(part)
        if files is None:
            return None
        locale = localized(files, self._request.locale)
        return None if locale is None else self._run(files[locale])

    def _run(self, template: jinja2.Template) -> str:
        size = 0
        chunks = []
        for chunk in template.root_render_func(template.new_context(self.context)):
            size += len(chunk)
            if size > self._max_output:
                break
            chunks.append(chunk)
        text = "".join(chunks)
        if size > self._max_output or len(text.encode()) > self._max_output:
            raise LimitExceeded(f"an output of more than {self._max_output} bytes")
        return text


def _check_slack_json(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"slack.json is not JSON: {error}") from None
    if not isinstance(value, list | dict):
        raise TypeError("slack.json must be a list of blocks or an object")
