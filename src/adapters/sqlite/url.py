"""`sqlite:///` addresses, read as SQLAlchemy reads them."""

from pathlib import Path

from adapters.paths import parse_path

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
