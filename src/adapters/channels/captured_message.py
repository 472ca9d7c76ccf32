"""A message that was kept on this machine, as its file is read."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """An attachment."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedContent:
    """What is in the file. `html` is None where there is no HTML. Everything may be hostile."""

    headers: tuple[tuple[str, str], ...]
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    files: tuple[CapturedFile, ...] = ()


def read_text(source: bytes) -> CapturedContent:
    """Read a text file as `CapturedNotifier` writes it."""
    head, _, body = source.decode("utf-8", "replace").partition("\n\n")
    pairs = (line.partition(": ") for line in head.splitlines())
    return CapturedContent(headers=tuple((name, value) for name, _, value in pairs), text=body)
