"""`dispatcher topology`."""
