"""`sqlite:///` addresses, read as SQLAlchemy reads them."""

import os
from pathlib import Path

from adapters.setting_values import parse_path

_PREFIX = "sqlite:///"


def parse_sqlite_url(url: str) -> Path:
    """`sqlite:///queue.db` is relative to the working folder, `sqlite:////var/queue.db` absolute;
    a path that begins with `~` is in the user's home folder.

    Nothing is percent-decoded. Raises ValueError that says what is expected.
    """
    path = url.removeprefix(_PREFIX)
    if path == url:
        raise ValueError("must be sqlite:///relative.db or sqlite:////absolute.db")
    if not path or path.endswith("/"):
        raise ValueError("names no file: write sqlite:///relative.db or sqlite:////absolute.db")
    if path == ":memory:":
        raise ValueError("must be a file: a queue in memory would lose what it accepted")
    if "?" in path or "\0" in path:
        raise ValueError("takes no options after '?' and no NUL character")
    return parse_path(path)


def check_sqlite_url(url: str) -> None:
    """Raise ValueError where no file can be made or written there."""
    path = parse_sqlite_url(url).absolute()
    place = path if path.exists() else next(one for one in path.parents if one.exists())
    if path.is_dir() or not (place.is_dir() or place == path):
        raise ValueError(f"{place} is in the way: it must name a file in a folder")
    if not os.access(place, os.W_OK):
        raise ValueError(f"{place} cannot be written by this user")
