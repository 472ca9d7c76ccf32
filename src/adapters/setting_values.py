"""Text -> value, for the plain kinds of settings. A ValueError says what is expected."""

import re
from pathlib import Path

from adapters.urls import parse_url

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
