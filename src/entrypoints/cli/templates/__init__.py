"""`dispatcher templates`."""
