"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed version; a tree that was never installed says so."""
    try:
        return version("dispatcher-worker")
    except PackageNotFoundError:
        return "not installed"
