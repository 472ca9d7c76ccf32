"""The names that a shell completes."""

from typing import Any


def template_names(_context: Any, _parameter: Any, begun: str) -> list[str]:
    """The templates that begin so, broken ones too; none where the settings are invalid."""
    from adapters.templates import FilesystemTemplates
    from domain.errors import DispatcherError
    from entrypoints.container import render_options
    from entrypoints.settings import load_settings

    try:
        settings = load_settings().settings
        options = render_options(settings)
        found = FilesystemTemplates(settings.templates_dir, options=options, allow_broken=True)
    except DispatcherError:
        return []
    names = found.snapshot.templates.keys() | found.snapshot.broken.keys()
    return sorted(name for name in names if name.startswith(begun))


def channel_names(_context: Any, _parameter: Any, begun: str) -> list[str]:
    """The channels that begin so; after a comma, those that are not named before it."""
    from adapters.channels import CHANNELS

    named, comma, rest = begun.rpartition(",")
    left = [name for name in CHANNELS if name not in named.split(",")]
    return [f"{named}{comma}{name}" for name in left if name.startswith(rest)]
