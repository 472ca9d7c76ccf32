"""The renderer over a template folder: one snapshot in use, exchanged whole when files change."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.template_parts import ChannelParts
from adapters.templates.catalogue import OWN_FILTERS
from adapters.templates.compilation import Compiler
from adapters.templates.environment import DeadlineExceeded
from adapters.templates.failures import RenderFailure, render_failure
from adapters.templates.folder import (
    FileSet,
    FolderUnstable,
    TemplateFolder,
    TemplateSetBroken,
)
from adapters.templates.limits import within_limits
from adapters.templates.rendering import Rendering
from adapters.templates.snapshot import Snapshot
from adapters.templates.values import NullUsed
from adapters.texts import nearest
from domain.content import Content, Envelope
from domain.errors import FailureReason, Permanent
from domain.events import TemplatesChanged
from domain.ports import EventSink, NoObserver, RenderRequest
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.templates.finishing import Finisher

_MEMORY_PER_OUTPUT_BYTE = 32  # chunks, their join, four bytes a character, and room to work
_LEAST_MEMORY = 64 * 2**20


@value_object(kw_only=True)
class RenderOptions:
    """How to render. `max_output`: bytes of one part. `timeout`: seconds of one rendering.

    `lenient`: undefined variables print nothing and null prints None, as in plain Jinja2;
    `nulls`: where such nulls are noted. `autoescape_flat`: bare NAME.jinja2 files are
    escaped. `settle`: seconds that a file written in place must rest before it is taken.
    `channels`: what each sends; a template.toml may name these; empty: any. `own_filters`: whether
    the set's `filters.py` is run. `inline_css`: where template.toml does not say it, the rules of
    style sheets go into the tags.
    """

    max_output: int = 5 * 2**20
    timeout: float = 2.0
    lenient: bool = False
    nulls: list[NullUsed] | None = None
    autoescape_flat: bool = True
    settle: float = 2.0
    channels: Mapping[str, ChannelParts] = field(default_factory=dict)
    own_filters: bool = False
    inline_css: bool = False


class FilesystemTemplates:
    """A TemplateRenderer over a folder. `snapshot`: the set in use."""

    def __init__(
        self,
        root: Path,
        *,
        options: RenderOptions | None = None,
        allow_broken: bool = False,
        events: EventSink | None = None,
    ) -> None:
        """Load the set. Templates that do not compile are left out, since there is no last good set
        yet; raises TemplateSetBroken naming each fault where not one compiles, unless
        `allow_broken`, or where the folder cannot be read.

        `events` gets each later set, taken or refused, and this one if something is wrong with it.
        """
        self._root = root
        self._options = options or RenderOptions()
        self._events = events or NoObserver()
        self._compiler = Compiler(
            lenient=self._options.lenient,
            channels=self._options.channels,
            nulls=self._options.nulls,
            autoescape_flat=self._options.autoescape_flat,
        )
        # Bytes that one rendering may take beyond what the process has.
        self._memory = max(_LEAST_MEMORY, self._options.max_output * _MEMORY_PER_OUTPUT_BYTE)
        self._refused = ""
        self._folder = TemplateFolder(root, self._options.settle)
        files = self._folder.read()
        self.snapshot = self._compile(files)
        if self.snapshot.faults and not (self.snapshot.templates or allow_broken):
            raise TemplateSetBroken(self.snapshot.faults, files.version)
        one = self.snapshot
        if one.faults or one.unknown or one.unused or one.example_faults:
            self._accept(one)

    def refresh(self) -> bool:
        """Look at the folder and take over a changed set; whether one was taken.

        To be called about twice a second. A set that cannot be read, or in which something is
        broken that is not broken in the set in use, is reported and the set in use kept. A file
        that is still being written is left for a later call.
        """
        try:
            files = self._folder.changed()
            if files is not None and files.version != self.snapshot.version:
                self._accept(self._compile_in_use(files))
                return True
            if files is not None and self._refused:
                self._accept(self.snapshot)
        except FolderUnstable:
            pass
        except TemplateSetBroken as broken:
            self._refuse(broken)
        return False

    def reread(self) -> Snapshot:
        """Take over the set as it is on disk now, whatever is broken in it. Raises
        TemplateSetBroken where the folder cannot be read."""
        files = self._folder.read()
        if files.version != self.snapshot.version:
            self.snapshot = self._compile(files)
        return self.snapshot

    def envelope_of(self, template: str) -> Envelope:
        compiled = self.snapshot.templates.get(template)
        return compiled.manifest.envelope if compiled else Envelope()

    def render(self, request: RenderRequest) -> Content:
        """See TemplateRenderer. Only the main thread can be interrupted, so there alone the
        deadline and the memory bound hold; the bound on the output holds everywhere."""
        snapshot = self.snapshot
        template = snapshot.templates.get(request.template)
        if template is None:
            raise _unusable(request.template, snapshot)
        channels = template.manifest.envelope.channels
        if channels and request.channel not in channels:
            raise Permanent(
                f"template {request.template!r} is not for channel {request.channel!r}: "
                f"channels in its template.toml has only {', '.join(channels)}",
                reason=FailureReason.CHANNEL_UNKNOWN,
            )
        rendering = Rendering(template, request, snapshot, self._options.max_output)
        work = rendering.content
        if snapshot.languages is not None:
            speak = snapshot.languages.speak
            work = partial(speak, request.locale, request.timezone, rendering.content)
        try:
            content = within_limits(work, seconds=self._options.timeout, memory=self._memory)
        except RenderFailure:
            raise
        except (Exception, DeadlineExceeded, SystemExit) as error:  # noqa: BLE001 - or anything
            raise render_failure(
                request.template, error, snapshot.texts, rendering.context
            ) from None
        if not content.parts:
            wanted = snapshot.channels.get(request.channel, ChannelParts()).wanted
            language = f"and locale {request.locale!r}" if request.locale else "without a locale"
            raise Permanent(
                f"template {request.template!r} has no part for channel {request.channel!r} "
                f"{language}: it needs {wanted}",
                reason=FailureReason.TEMPLATE_MISSING,
            )
        inlines = template.manifest.inline_css
        inlines = self._options.inline_css if inlines is None else inlines
        if not (inlines or content.preheader):
            return content
        return self._finisher.finished(request.template, rendering, content, inline_css=inlines)

    @cached_property
    def _finisher(self) -> "Finisher":
        from adapters.templates.finishing import Finisher  # loaded where a template asks for it

        return Finisher(self._events, self._options.timeout)

    def _compile(self, files: FileSet) -> Snapshot:
        if self._options.own_filters:
            self._load_own_filters(files.texts.get(OWN_FILTERS))
        # Jinja2 works out constant expressions while it compiles: those have no limit of their own.
        return within_limits(lambda: self._compiler.compile(files), seconds=0, memory=self._memory)

    def _load_own_filters(self, text: str | None) -> None:
        """Run the set's own code, within the limits of one rendering."""
        from adapters.templates.own_filters import OwnFilters, load_own_filters

        if self._compiler.own is not None and self._compiler.own.text == text:
            return
        own = OwnFilters()
        if text is not None:
            try:
                own = within_limits(
                    lambda: load_own_filters(text),
                    seconds=self._options.timeout,
                    memory=self._memory,
                )
            except DeadlineExceeded:
                own = OwnFilters(text, fault=f"{OWN_FILTERS} line 1: takes too long to load")
        self._compiler.use(own)

    def _compile_in_use(self, files: FileSet) -> Snapshot:
        snapshot = self._compile(files)
        if snapshot.breaks_more_than(self.snapshot):
            raise TemplateSetBroken(snapshot.faults, files.version)
        if self.snapshot.templates and not snapshot.templates:
            # An unmounted volume looks like this; a folder in use is not emptied on purpose.
            raise TemplateSetBroken((f"{self._root}: no template is left",), files.version)
        return snapshot

    def _accept(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._refused = ""
        self._events.emit(
            TemplatesChanged(
                version=snapshot.version,
                faults=snapshot.faults,
                unknown=(*snapshot.unknown, *snapshot.unused),
                examples=snapshot.example_faults,
            )
        )

    def _refuse(self, broken: TemplateSetBroken) -> None:
        identity = broken.version or str(broken)
        if identity != self._refused:
            self._refused = identity
            self._events.emit(
                TemplatesChanged(
                    version=self.snapshot.version, faults=broken.faults, is_refused=True
                )
            )


def _unusable(template: str, snapshot: Snapshot) -> Permanent:
    """There is no template of that name, or none that compiles."""
    if faults := snapshot.broken.get(template):
        others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return Permanent(
            f"template {template!r} cannot be used; fix {faults[0]}{others}",
            reason=FailureReason.TEMPLATE_ERROR,
        )
    near = nearest(template, snapshot.templates)
    hint = f"; did you mean {near!r}?" if near else ""
    return Permanent(
        f"there is no template {template!r}{hint}", reason=FailureReason.TEMPLATE_MISSING
    )
