"""What lint finds in the templates and what channels make of their examples: each made once for a
set, since one rendering may take as long as its deadline."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from adapters.templates import FilesystemTemplates, Snapshot
from adapters.templates.lint import LintFinding, LintNotes, lint_set
from entrypoints.pages.preview_view import ChannelView, ExampleView

_OF_NO_TEMPLATE = "/"  # no template has this name
_MOST_VIEWS = 200


class PreviewRenderings:
    """Remembers them until there is another set."""

    def __init__(self, notes: LintNotes) -> None:
        """`notes`: those that the templates are made with."""
        self._notes = notes
        self._snapshot: Snapshot | None = None
        self._findings: dict[str, list[LintFinding]] = {}
        self._views: dict[tuple[str | None, ...], ChannelView] = {}

    async def findings(
        self, templates: FilesystemTemplates, names: Iterable[str]
    ) -> list[LintFinding]:
        """What is wrong with any file, and with the examples of these templates."""
        found: dict[LintFinding, None] = {}
        for name in (_OF_NO_TEMPLATE, *names):
            self._follow(templates)
            if name not in self._findings:
                now = datetime.now(UTC)
                self._findings[name] = lint_set(templates, self._notes, now, name)
                await asyncio.sleep(0)  # others are answered between two renderings
            found |= dict.fromkeys(self._findings[name])
        return list(found)

    async def view(self, example: ExampleView, channel: str) -> ChannelView:
        """What a channel makes of an example."""
        self._follow(example.templates)
        views = self._views
        key = (example.name, example.example.path, example.locale, channel)
        if key not in views:
            made = await example.on(channel)
            if len(views) >= _MOST_VIEWS:
                views.clear()
            views[key] = made
            await asyncio.sleep(0)
        return views[key]

    def _follow(self, templates: FilesystemTemplates) -> None:
        if templates.snapshot is not self._snapshot:
            self._snapshot = templates.snapshot
            self._findings, self._views = {}, {}
