"""Texts of others, such as a provider's answer, made fit for an error or a line of the log."""

from collections.abc import Collection, Iterable


def short_text(text: object, most: int = 200, secrets: Collection[str] = ()) -> str:
    """`text` on one line of at most so many printable characters, without the `secrets`."""
    line = " ".join(str(text).split())
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """What `name` was probably meant to be: the likest of the known names. `likeness`: from 0 for
    nothing in common to 1 for the same."""
    from difflib import get_close_matches  # loaded for a mistake only

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
