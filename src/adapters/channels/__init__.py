"""The channels: a folder and a line each. The first is meant where none is named."""

from adapters.channels.channel import by_folder

CHANNELS = by_folder(
    "email",
    "telegram",
    "slack",
    "webhook",
    "apprise",
)
DEFAULT = next(iter(CHANNELS.values()))
