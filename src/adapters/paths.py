"""Paths as an operator writes them."""

from pathlib import Path


def parse_path(text: str) -> Path:
    """Read a path; `~` is the user's home folder. Raises ValueError where there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, and there is no such user's home folder") from None
