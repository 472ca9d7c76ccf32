"""DISPATCHER_SUPPRESSIONS: a file, or a Redis server; and the queues that come with it."""

from pathlib import Path

from adapters.redis.address import SCHEMES, RedisAddress
from adapters.setting_values import parse_path
from adapters.urls import redacted

_REDIS = (*SCHEMES, "rediss+sentinel:", "redis+cluster:", "rediss+cluster:")
_OTHER_STORES = ("memory:", "sqlite:")


def suppress_queue(queue: str) -> str:
    """The queue next to a work queue that takes addresses to suppress."""
    return f"{queue}.suppress"


def is_url(text: str) -> bool:
    """Whether it names a server, as no path does."""
    return "://" in text or text.startswith(_OTHER_STORES)


def shown(text: str) -> str:
    """A file's path as it is, a URL without its secrets."""
    return redacted(text) if is_url(text) else text


def check_suppressions(text: str, home: Path) -> None:
    """Raise ValueError, without a piece of a URL, where no list can be kept there. `home` is a
    folder that is made when it is needed."""
    if is_url(text):
        if not text.startswith(_REDIS):
            raise ValueError(f"must be the path of a file, or begin with {', '.join(SCHEMES)}")
        try:
            RedisAddress.parse(text)
        except ValueError as error:
            raise ValueError(str(error).replace("the ledger", "the suppressions")) from None
    elif not is_below(text, home):
        suppressions_path(text)


def is_below(text: str, home: Path) -> bool:
    """Whether it is a file in the folder that Dispatcher itself makes, which is not there yet."""
    return not is_url(text) and not home.exists() and parse_path(text).parent == home


def suppressions_path(text: str) -> Path:
    """The file. Raises ValueError where it cannot be one."""
    path = parse_path(text)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist; create it")
    return path
