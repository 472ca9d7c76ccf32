"""`dispatcher doctor`."""
