"""The channel `telegram`."""

from adapters.channels.telegram.limiter import TelegramLimits
from adapters.channels.telegram.notifier import TelegramNotifier

__all__ = ["TelegramLimits", "TelegramNotifier"]
