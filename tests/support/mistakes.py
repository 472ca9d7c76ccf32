"""The ten usual mistakes of people who write templates, and what is to be said of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EXAMPLE = (
    '{"to": "ann@example.org", "subject": "Hi",'
    ' "parameters": {"name": "Ann", "order": {"total": 1}}}'
)


@dataclass(frozen=True)
class Mistake:
    """`files` of the template `t`, below the root. Said are `file`, `line` and `remedy`. `logged`:
    when a worker meets it: as it reads the set, or with a message."""

    files: dict[str, str]
    file: str
    line: int
    remedy: str
    logged: Literal["set", "message"]

    def write(self, root: Path, name: str = "t") -> str:
        """Write the template under this name; the path of the file that is wrong."""
        for path, text in {
            "t/examples/a.json": EXAMPLE,
            "_footer.jinja2": "x",
            **self.files,
        }.items():
            file = root / path.replace("t/", f"{name}/", 1)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return self.file.replace("t/", f"{name}/", 1)


def _html(text: str, line: int, remedy: str, logged: Literal["set", "message"]) -> Mistake:
    return Mistake({"t/html.jinja2": text}, "t/html.jinja2", line, remedy, logged)


_FINE = {"t/html.jinja2": "<p>{{ name }}</p>\n"}
_ENDLESS = "<p>\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"

MISTAKES = {
    "misspelt variable": _html("<p>\n{{ nmae }}</p>", 2, "did you mean 'name'?", "message"),
    "missing end tag": _html("<p>\n{% if name %}x</p>\n", 2, "looking for the following", "set"),
    "unknown filter": _html("<p>\n{{ name|uper }}</p>", 2, "Did you mean 'upper'?", "set"),
    "missing include": _html(
        "<p>\n\n{% include '_fooder.jinja2' %}", 3, "did you mean '_footer.jinja2'?", "set"
    ),
    "endless loop": _html(_ENDLESS, 2, "look for a loop without an end", "message"),
    "undefined nested value": _html(
        "<p>\n{{ order.totl }}</p>", 2, "did you mean 'total'?", "message"
    ),
    "bad TOML": Mistake(
        {**_FINE, "t/template.toml": 'from = "shop@example.com"\nsubject = Hello\n'},
        "t/template.toml",
        2,
        'a line is written key = "text"',
        "set",
    ),
    "bad example": Mistake(
        {**_FINE, "t/examples/a.json": '{"parameters":\n  {"name": "Ann",}\n}'},
        "t/examples/a.json",
        2,
        "the last of several no comma after it",
        "set",
    ),
    "misspelt file name": Mistake(
        {"t/htlm.jinja2": "<p>{{ name }}</p>\n", "t/text.jinja2": "{{ name }}"},
        "t/htlm.jinja2",
        1,
        "did you mean 'html.jinja2'?",
        "set",
    ),
    "merge marker": _html(
        "<p>\n<<<<<<< HEAD\n{{ name }}\n=======\n>>>>>>> b\n",
        2,
        "keep one of the two versions",
        "set",
    ),
}
