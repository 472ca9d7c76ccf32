"""Gettext catalogues in the making."""

from collections.abc import Mapping

HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
)


def po(texts: Mapping[str | tuple[str, str], str | tuple[str, ...]], header: str = HEADER) -> str:
    """A catalogue; a pair is a text with its plural, and has a translation for each form."""
    entries = [header]
    for text, translation in texts.items():
        singular, *several = (text,) if isinstance(text, str) else text
        entries.append(f"\nmsgid {quoted(singular)}\n")
        entries += [f"msgid_plural {quoted(one)}\n" for one in several]
        if isinstance(translation, str):
            entries.append(f"msgstr {quoted(translation)}\n")
        else:
            forms = enumerate(translation)
            entries += [f"msgstr[{index}] {quoted(form)}\n" for index, form in forms]
    return "".join(entries)


def quoted(text: str) -> str:
    """A text as it is written in a catalogue."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def path_of(tag: str) -> str:
    """Where the catalogue of a language lies."""
    return f"locale/{tag}/LC_MESSAGES/messages.po"
