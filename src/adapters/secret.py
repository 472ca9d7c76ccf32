"""A text that is never shown, read again from its file where it came from one."""

from dataclasses import dataclass, field
from pathlib import Path

_AROUND = "".join(map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, 0x200B, 0x2028, 0x2029, 0xFEFF)))


@dataclass(frozen=True, slots=True)
class Secret:
    """A URL or a token. `value`: as it was at the start. `file`: where it was read from."""

    value: str = field(repr=False)
    file: Path | None = field(default=None, repr=False, compare=False)

    def now(self) -> str:
        """The value as its file has it at this moment; the one known, where there is no file or it
        cannot be read."""
        if self.file is None:
            return self.value
        try:
            return read_secret(self.file) or self.value
        except (OSError, UnicodeDecodeError):
            return self.value


def now(secret: Secret | None) -> str | None:
    """The value at this moment; None where there is no secret."""
    return None if secret is None else secret.now()


def read_secret(file: Path) -> str:
    """The value that a file holds. Raises OSError or UnicodeDecodeError."""
    return stripped(file.read_text("utf-8-sig"))


def stripped(text: str) -> str:
    """A value without what editors, shells and copying put around it."""
    return text.strip(_AROUND)
