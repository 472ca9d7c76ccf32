"""Templates on disk: one immutable snapshot of the whole set, exchanged when files change."""

from adapters.templates.compilation import Snapshot
from adapters.templates.folder import TemplateSetBroken
from adapters.templates.inspection import (
    Example,
    ExampleBroken,
    TemplateInfo,
    examples_and_faults,
    examples_of,
    list_templates,
    variables_of,
)
from adapters.templates.lint import LintFinding, lint, lint_set
from adapters.templates.renderer import FilesystemTemplates, RenderOptions

__all__ = [
    "Example",
    "ExampleBroken",
    "FilesystemTemplates",
    "LintFinding",
    "RenderOptions",
    "Snapshot",
    "TemplateInfo",
    "TemplateSetBroken",
    "examples_and_faults",
    "examples_of",
    "lint",
    "lint_set",
    "list_templates",
    "variables_of",
]
