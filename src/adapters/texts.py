"""Texts of others, such as a provider's answer, made fit for an error or a line of the log."""

from collections.abc import Collection


def short_text(text: object, most: int = 200, secrets: Collection[str] = ()) -> str:
    """`text` on one line of at most so many printable characters, without the `secrets`."""
    line = " ".join(str(text).split())
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= most else line[: most - 1] + "…"
