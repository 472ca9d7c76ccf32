"""What the text part of a mail costs: `python -m benchmarks.text_part`.

Times, for the benchmark's mail: our whole conversion, the same where the template's chunks came
before, and what two parsers need only to read the
same HTML, before any text is made: the standard library's html.parser and selectolax (lexbor),
where that is installed. Best of several blocks, in microseconds a mail.
"""

import json
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from adapters.templates.text_alternative import text_from_html
from adapters.templates.text_forms import TextForms
from benchmarks.message import body

_BLOCK = 100
_BLOCKS = 30


def microseconds(work: Callable[[str], object], html: str) -> float:
    """The best block's time for one call."""
    best = float("inf")
    for _ in range(_BLOCKS):
        began = time.perf_counter()
        for _ in range(_BLOCK):
            work(html)
        best = min(best, time.perf_counter() - began)
    return best / _BLOCK * 1e6


def read_by_the_standard_library(html: str) -> None:
    """Feed a parser that does nothing with what it finds."""
    parser = HTMLParser()
    parser.feed(html)
    parser.close()


def rendered_chunks() -> list[str]:
    """The HTML of the benchmark's first message, as its template yields it."""
    message = json.loads(body(1))
    folder = Path(__file__).with_name("templates")
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True)
    template = environment.get_template(f"{message['template']}.jinja2")
    return list(template.generate(**message["parameters"], subject=message["subject"]))


def main() -> None:
    """Print a line for each way."""
    chunks = rendered_chunks()
    html, forms = "".join(chunks), TextForms()
    known = {chunk: chunk for chunk in chunks if not isinstance(chunk, Markup)}
    ways: dict[str, Callable[[str], object]] = {
        "ours, HTML to text": text_from_html,
        "ours, of chunks that came before": lambda page: forms.text_of(chunks, page, known),
        "html.parser, reading only": read_by_the_standard_library,
    }
    try:
        from selectolax.lexbor import LexborHTMLParser  # type: ignore[import-not-found]
    except ImportError:
        print("selectolax is not installed: pip install selectolax adds its lines")
    else:
        ways["selectolax, reading only"] = LexborHTMLParser
        ways["selectolax, reading and a walk"] = lambda page: walk(LexborHTMLParser(page))
    print(f"{len(html)} characters of HTML")
    for name, work in ways.items():
        print(f"{microseconds(work, html):8.0f} us  {name}")


def walk(tree: Any) -> int:
    """Visit every node, as any conversion has to."""
    root = tree.root
    return sum(1 for node in root.traverse(include_text=True) if node.tag)


if __name__ == "__main__":
    main()
