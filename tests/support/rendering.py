"""Templates for the channels that there are."""

from pathlib import Path
from typing import Any

from adapters.channels import CHANNELS
from adapters.templates import FilesystemTemplates, RenderOptions

PARTS = {name: channel.parts for name, channel in CHANNELS.items()}


def render_options(**more: Any) -> RenderOptions:
    """How to render; `more`: as RenderOptions has them."""
    return RenderOptions(**{"channels": PARTS, **more})


def templates_in(folder: Path) -> FilesystemTemplates:
    """The templates of a folder."""
    return FilesystemTemplates(folder, options=render_options())
