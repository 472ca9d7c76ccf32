"""Code that the docs show."""
