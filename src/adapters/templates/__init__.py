"""Templates on disk: one immutable snapshot of the whole set, exchanged when files change."""

from adapters.templates.folder import TemplateSetBroken
from adapters.templates.inspection import (
    Example,
    ExampleBroken,
    TemplateInfo,
    examples_of,
    list_templates,
    variables_of,
)
from adapters.templates.lint import LintFinding, lint
from adapters.templates.renderer import FilesystemTemplates, RenderOptions
from adapters.templates.snapshot import Snapshot

__all__ = [
    "Example",
    "ExampleBroken",
    "FilesystemTemplates",
    "LintFinding",
    "RenderOptions",
    "Snapshot",
    "TemplateInfo",
    "TemplateSetBroken",
    "examples_of",
    "lint",
    "list_templates",
    "variables_of",
]
