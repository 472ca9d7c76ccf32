"""Templates on disk: one immutable snapshot of the whole set, exchanged when files change."""

from adapters.templates.renderer import FilesystemTemplates, RenderOptions, SetReport
from adapters.templates.snapshot import TemplateSetBroken

__all__ = ["FilesystemTemplates", "RenderOptions", "SetReport", "TemplateSetBroken"]
