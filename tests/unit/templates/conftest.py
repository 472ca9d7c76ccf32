"""A template folder to write to, and one call to render from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.templates import FilesystemTemplates, TemplateSetBroken
from domain.content import Content
from domain.errors import Permanent
from domain.events import Event, TemplatesChanged
from domain.ports import RenderRequest
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options


@dataclass
class Reports:
    """An EventSink that fills a list."""

    taken: list[TemplatesChanged]

    def emit(self, event: Event) -> None:
        assert isinstance(event, TemplatesChanged)
        self.taken.append(event)


@dataclass
class Folder:
    """A template folder in the making."""

    root: Path

    def write(self, files: Mapping[str, str | bytes]) -> "Folder":
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def load(
        self, reports: list[TemplatesChanged] | None = None, **options: Any
    ) -> FilesystemTemplates:
        """`settle` is zero, so that a test need not wait after a write."""
        return FilesystemTemplates(
            self.root,
            options=render_options(**{"settle": 0.0, **options}),
            events=Reports([] if reports is None else reports),
        )

    def render(
        self, template: str, parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> Content:
        options = more.pop("options", {})
        return render(self.load(**options), template, parameters, **more)

    def failure(self, template: str, parameters: Any = None, **more: Any) -> Permanent:
        with pytest.raises(Permanent) as failed:
            self.render(template, parameters, **more)
        return failed.value


def render(
    templates: FilesystemTemplates,
    template: str,
    parameters: Mapping[str, Any] | None = None,
    **more: Any,
) -> Content:
    request = {"channel": "email", "now": NOW, **more}
    return templates.render(
        RenderRequest(template=template, parameters=parameters or {}, **request)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "templates"
    root.mkdir()
    return Folder(root)


def faults(folder: Folder) -> tuple[str, ...]:
    """Return why the folder cannot be loaded."""
    with pytest.raises(TemplateSetBroken) as broken:
        folder.load()
    return broken.value.faults
