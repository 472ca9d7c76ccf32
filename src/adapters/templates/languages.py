"""The language of a rendering: its locale, its time zone, and the catalogues that serve it.

A rendering says first in which language it is (`Languages.speak`). Functions and filters ask for
that, since a macro that is imported sees none of the message's variables.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import field
from typing import TypeVar

from adapters.templates.message_catalogues import MessageCatalogue, chain_of
from adapters.templates.messages import PLACEHOLDER
from domain.value_object import value_object

_T = TypeVar("_T")


@value_object()
class Speech:
    """The language of one rendering. `catalogues`: those that serve it, the best one first."""

    locale: str | None = None
    timezone: str | None = None
    catalogues: tuple[MessageCatalogue, ...] = ()

    def translated(
        self,
        singular: str,
        plural: str | None = None,
        number: int | None = None,
        context: str | None = None,
    ) -> str | None:
        """The text in this language; None where it is in no catalogue."""
        for one in self.catalogues:
            if text := one.translated((context, singular), number if plural else None):
                return text
        return None


_SPEECH: ContextVar[Speech] = ContextVar("speech", default=Speech())  # noqa: B039 - it never changes


def speech() -> Speech:
    """That of the rendering under way."""
    return _SPEECH.get()


@value_object()
class Languages:
    """The catalogues of a set, by their tag."""

    catalogues: Mapping[str, MessageCatalogue] = field(repr=False)

    def speak(self, locale: str | None, timezone: str | None, work: Callable[[], _T]) -> _T:
        """Do some work in a language."""
        before = _SPEECH.set(Speech(locale, timezone, chain_of(self.catalogues, locale)))
        try:
            return work()
        finally:
            _SPEECH.reset(before)

    @property
    def chunks(self) -> dict[str, str]:
        """The texts without values as they are printed, each its own key."""
        texts = {
            text.replace("%%", "%")
            for one in self.catalogues.values()
            for entry in one.entries.values()
            for text in (entry.singular, *entry.forms)
            if PLACEHOLDER.sub("", text) == text.replace("%%", "")
        }
        return {text: text for text in texts}


def load_formats() -> None:
    """Load what writes dates and numbers."""
    import babel.dates
    import babel.numbers  # noqa: F401

    import adapters.templates.formats  # noqa: F401


def load_translation() -> None:
    """Load what templates call for a text."""
    import adapters.templates.translation  # noqa: F401
