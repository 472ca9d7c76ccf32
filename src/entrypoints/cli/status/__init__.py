"""`dispatcher status`."""
