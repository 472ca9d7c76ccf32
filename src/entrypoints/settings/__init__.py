"""The settings: read once, checked whole, frozen. Each fault names the variable to fix."""

from entrypoints.settings.load import SettingsInvalid, load_settings
from entrypoints.settings.model import Settings

__all__ = ["Settings", "SettingsInvalid", "load_settings"]
