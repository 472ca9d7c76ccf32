"""The channels. Each has a folder and a line here. The first is the default channel."""

from adapters.channels.channel import by_folder

CHANNELS = by_folder(
    "email",
    "telegram",
    "slack",
    "webhook",
    "apprise",
)
DEFAULT = next(iter(CHANNELS.values()))
