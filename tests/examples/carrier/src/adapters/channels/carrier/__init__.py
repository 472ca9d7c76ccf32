"""The channel `carrier`."""
