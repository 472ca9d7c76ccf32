"""Templates on disk: one immutable snapshot of the whole set, exchanged when files change."""

from adapters.templates.folder import TemplateSetBroken
from adapters.templates.renderer import FilesystemTemplates, RenderOptions
from adapters.templates.snapshot import Snapshot

__all__ = [
    "FilesystemTemplates",
    "RenderOptions",
    "Snapshot",
    "TemplateSetBroken",
]
