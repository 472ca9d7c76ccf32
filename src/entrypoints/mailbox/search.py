"""Search in what was kept, by words."""

import re

from entrypoints.mailbox.captured import Captured

_TAG = re.compile(
    r"<(?:style|script)\b(?:.*?</(?:style|script)>|.*)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)


def has_words(message: Captured, words: str) -> bool:
    """Whether each of the words is somewhere in it, in a header, in what a reader sees, or in the
    name of a file, whatever its case."""
    content = message.content
    texts = [message.channel, content.text, _TAG.sub(" ", content.html or "")]
    texts += [value for _, value in content.headers] + [file.name for file in content.files]
    text = "\n".join(texts).casefold()
    return all(word in text for word in words.casefold().split())
