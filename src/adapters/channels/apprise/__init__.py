"""The channel `apprise`."""
