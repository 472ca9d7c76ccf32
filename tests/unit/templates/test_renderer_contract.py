"""The renderer contract over the real renderer and over the fake."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from domain.ports import TemplateRenderer
from tests.contracts.template_renderer import TemplateRendererContract
from tests.fakes import FakeTemplateRenderer
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder


class TestFilesystemTemplates(TemplateRendererContract):
    @pytest.fixture(autouse=True)
    def _folder(self, folder: Folder) -> None:
        self.folder = folder

    def renderer_of(self, templates: Mapping[str, str]) -> TemplateRenderer:
        for name, text in templates.items():
            jinja = re.sub(r"\{(\w+)\}", r"{{ \1 }}", text)
            self.folder.write({f"{name}/text.jinja2": jinja})
        return self.folder.load()


class TestFakeTemplateRenderer(TemplateRendererContract):
    def renderer_of(self, templates: Mapping[str, str]) -> TemplateRenderer:
        return FakeTemplateRenderer(templates=dict(templates))


def test_the_shipped_templates_are_a_sound_set() -> None:
    from adapters.templates.lint import lint
    from tests.contracts.template_renderer import NOW

    shipped = Path(__file__).parents[3] / "templates"

    assert lint(shipped, render_options(), NOW) == []
