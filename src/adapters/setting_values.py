"""Text -> value, for the plain kinds of settings: a ValueError says what is expected."""

import re
from pathlib import Path

from adapters.urls import parse_url

_SIZE = re.compile(r"(\d{1,15})\s*(B|KB|KiB|MB|MiB|GB|GiB)?", re.IGNORECASE)
_UNITS = {"b": 1, "kb": 10**3, "kib": 2**10, "mb": 10**6, "mib": 2**20, "gb": 10**9, "gib": 2**30}

_ON = frozenset({"on", "true", "yes", "1", "enabled"})
OFF = frozenset({"off", "false", "no", "0", "none", "disabled"})


def parse_switch(text: str) -> bool:
    """Read `on` or `off`, or another usual word for either."""
    word = text.strip().lower()
    if word in _ON:
        return True
    if word in OFF:
        return False
    raise ValueError("must be on or off")


def parse_count(text: str) -> int:
    """Read a whole number of at least one."""
    if not re.fullmatch(r"\d{1,6}", text) or int(text) == 0:
        raise ValueError("must be a whole number of at least 1")
    return int(text)


def check_http_url(url: str) -> None:
    """Raise ValueError for what is no URL of an HTTP server; no piece of it is in the error."""
    form = "an http:// or https:// URL with a host, and a valid port if any"
    if parse_url(url, form).scheme not in ("http", "https"):
        raise ValueError(f"must be {form}")


def parse_path(text: str) -> Path:
    """Read a path; `~` is the user's home folder. Raises ValueError where there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, and there is no such user's home folder") from None


def parse_size(text: str) -> int:
    """Read `10MiB`, `500KB` or a plain number of bytes."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError("must be a size such as 500KB or 10MiB")
    return int(match[1]) * _UNITS[(match[2] or "b").lower()]
