"""The settings: read once, checked whole, never changed. Each fault names the variable to fix."""

from entrypoints.settings.load import SettingsInvalid, load_settings
from entrypoints.settings.model import FAMILIES, FIELDS, Settings
from entrypoints.settings.sources import variable

__all__ = ["FAMILIES", "FIELDS", "Settings", "SettingsInvalid", "load_settings", "variable"]
