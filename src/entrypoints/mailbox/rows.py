"""Captured messages as the list shows and searches them. A kept message never changes, so each is
read once."""

import re
from dataclasses import field
from functools import lru_cache

from domain.value_object import value_object
from entrypoints.mailbox.captured import Captured, KeptFile

_REMEMBERED = 5000  # rows
_LONGEST = 16 * 1024  # characters; a longer text is read again for each search
_TAG = re.compile(
    r"<(?:style|script)\b(?:.*?</(?:style|script)>|.*)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)


@value_object(kw_only=True)
class MessageRow:
    """A message as the list shows it. `text`: what is searched; None where it is too long to be
    remembered."""

    id: str
    label: str
    title: str
    to: str
    files: int
    text: str | None = field(repr=False)


@lru_cache(maxsize=_REMEMBERED)
def row_of(file: KeptFile) -> MessageRow | None:
    """The row of a message; None where it has gone."""
    message = file.read()
    if message is None:
        return None
    place = f" ({message.place})" if message.place else ""
    text = _text_of(message)
    return MessageRow(
        id=message.id,
        label=message.channel + place,
        title=message.title,
        to=message.header("To"),
        files=len(message.content.files),
        text=text if len(text) <= _LONGEST else None,
    )


def has_words(file: KeptFile, words: str) -> bool:
    """Whether each of the words is somewhere in it, in a header, in what a reader sees, or in the
    name of a file, whatever its case."""
    wanted = words.casefold().split()
    if not wanted:
        return True
    if (row := row_of(file)) is None:
        return False
    text = row.text
    if text is None:
        message = file.read()
        text = _text_of(message) if message else ""
    return all(word in text for word in wanted)


def _text_of(message: Captured) -> str:
    content = message.content
    texts = [message.channel, content.text, _TAG.sub(" ", content.html or "")]
    texts += [value for _, value in content.headers] + [file.name for file in content.files]
    return "\n".join(texts).casefold()
