"""The channel `telegram`."""

from adapters.notifiers.telegram.limiter import Limits
from adapters.notifiers.telegram.notifier import TelegramNotifier

__all__ = ["Limits", "TelegramNotifier"]
