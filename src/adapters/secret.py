"""A URL or a token, and its file, which is read again while we run."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from domain.value_object import value_object

_AROUND = "".join(map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, 0x200B, 0x2028, 0x2029, 0xFEFF)))

_log = structlog.get_logger()


@dataclass(slots=True)
class _LastRead:
    """What the file had at last: the good value, and what was wrong since."""

    good: str = field(repr=False)
    fault: str = ""


@value_object()
class Secret:
    """A URL or a token. `value`: as it was at the start. `file`: where it was read from, named by
    the variable `origin`. `check` raises ValueError, without a piece of it, for what cannot be
    used."""

    value: str = field(repr=False)
    file: Path | None = field(default=None, repr=False, compare=False)
    origin: str = field(default="", repr=False, compare=False)
    check: Callable[[str], object] = field(default=str, repr=False, compare=False)
    _last: _LastRead = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_last", _LastRead(self.value))

    def checked(self, check: Callable[[str], object]) -> "Secret":
        """The same; only what passes this check is taken from the file."""
        made = replace(self, check=check)
        object.__setattr__(made, "_last", self._last)  # what both read is logged once
        return made

    def now(self) -> str:
        """The value as its file has it at this moment. Where there is no file, or what is in it
        cannot be used, as while it is being written: the last good one. That is logged once."""
        if self.file is None:
            return self.value
        last = self._last
        fault = ""
        try:
            text = read_secret(self.file)
            if text != last.good:
                self._try(text)
                last.good = text
                _log.info("a secret has changed; the new one is used", setting=self.origin)
        except OSError as error:
            fault = f"cannot be read: {error.strerror or type(error).__name__}"
        except UnicodeDecodeError:
            fault = "is not UTF-8 text"
        except ValueError as error:
            fault = str(error)
        if fault and fault != last.fault:
            text = "a secret's file cannot be used; the last good value counts"
            _log.warning(text, setting=self.origin, error=fault)
        last.fault = fault
        return last.good

    def _try(self, text: str) -> None:
        if not text:
            raise ValueError("is empty; it must hold the value")
        check_text(text)
        self.check(text)


def now(secret: Secret | None) -> str | None:
    """The value at this moment; None where there is no secret."""
    return None if secret is None else secret.now()


def checked(secret: Secret | None, check: Callable[[str], object]) -> Secret | None:
    """The same, where there is one; see `Secret.checked`."""
    return None if secret is None else secret.checked(check)


def read_secret(file: Path) -> str:
    """The value that a file holds. Raises OSError or UnicodeDecodeError."""
    return stripped(file.read_text("utf-8-sig"))


def stripped(text: str) -> str:
    """A value without what editors, shells and copying put around it."""
    return text.strip(_AROUND)


def check_text(text: str) -> None:
    """Raise ValueError for what no secret has."""
    if any(ord(character) < ord(" ") or character == "\x7f" for character in text):
        what = "line break" if "\n" in text or "\r" in text else "control character"
        raise ValueError(f"must not contain a {what}; remove it")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        raise ValueError("must not be in quotes; remove them")
