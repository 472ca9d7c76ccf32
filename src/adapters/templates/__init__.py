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
from adapters.templates.lint import LintFinding, LintNotes, lint, lint_set
from adapters.templates.renderer import FilesystemTemplates, RenderOptions
from adapters.templates.snapshot import Snapshot

__all__ = [
    "Example",
    "ExampleBroken",
    "FilesystemTemplates",
    "LintFinding",
    "LintNotes",
    "RenderOptions",
    "Snapshot",
    "TemplateInfo",
    "TemplateSetBroken",
    "examples_of",
    "lint",
    "lint_set",
    "list_templates",
    "variables_of",
]
