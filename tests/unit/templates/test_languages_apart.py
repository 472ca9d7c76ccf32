"""No text of one language is in a mail of another, in whatever order they come."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.templates import FilesystemTemplates
from adapters.templates.text_alternative import text_from_html
from tests.support.catalogues import path_of, po
from tests.support.worker import ROOT, clean_environment
from tests.unit.templates.conftest import Folder, render

# Each text of a language has its own letter, which nothing else in the pages has.
LETTERS = {"it": "①", "de-AT": "②", "de": "③"}
PAGES = {
    "plain.jinja2": "<p>{{ _('A') }}</p><p>{{ v }}</p>{{ _('B') }}",
    "values.jinja2": "<p>{% trans %}C {{ v }}{% endtrans %}<br>{{ n|plural('one', 'many') }}</p>",
    "markup.jinja2": "<ul><li>{% trans %}<b>D</b> it's{% endtrans %}<li>{{ v }}</ul>",
    "imported.jinja2": "{% from '_m.jinja2' import a, b %}<p>{{ a }}</p>{{ b(v) }}",
    "_m.jinja2": "{% set a = _('A') %}{% macro b(v) %}<td>{{ _('B') }} {{ v }}</td>{% endmacro %}",
    "table.jinja2": "<table><tr><th>{{ _('A') }}<th>{{ _('B') }}<tr><td>{{ v }}<td>{{ n }}</table>",
}
TEXTS = ("A", "B", "C %(v)s", "<b>D</b> it's")


def _catalogue(letter: str) -> str:
    texts: dict[str | tuple[str, str], str | tuple[str, ...]] = {
        text: f"{text} {letter}" for text in TEXTS
    }
    return po({**texts, ("one", "many"): (f"1 {letter}", f"n {letter}")})


mails = st.lists(
    st.tuples(
        st.sampled_from([name.removesuffix(".jinja2") for name in PAGES if name[0] != "_"]),
        st.sampled_from(["it", "it-IT", "de-AT", "de-CH", "de", "fr", None]),
        st.sampled_from(["x", "A", "B ⑤", "<b>", "a  b", "", "it's"]),
        st.integers(0, 3),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> FilesystemTemplates:
    """One set for all examples: what is remembered of a mail may be wrong for a later one."""
    root = tmp_path_factory.mktemp("templates")
    catalogues = {path_of(tag): _catalogue(sign) for tag, sign in LETTERS.items()}
    return Folder(root).write({**PAGES, **catalogues}).load()


@settings(max_examples=150, deadline=None)
@given(sent=mails)
def test_mails_in_any_order_have_the_texts_of_their_own_language(
    templates: FilesystemTemplates, sent: list[tuple[str, str | None, str, int]]
) -> None:
    for template, locale, value, count in sent:
        parts = render(templates, template, {"v": value, "n": count}, locale=locale).parts

        tags = (locale or "", (locale or "").partition("-")[0])
        own = next((LETTERS[tag] for tag in tags if tag in LETTERS), None)
        for part in parts.values():
            assert not [sign for sign in LETTERS.values() if sign != own and sign in part]
            assert own is None or own in part
        assert parts["text"] == text_from_html(parts["html"])


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from adapters.templates import FilesystemTemplates
from domain.ports import RenderRequest
templates = FilesystemTemplates(Path(sys.argv[1]))
request = RenderRequest(template="t", channel="email", parameters={"v": 1}, now=datetime.now(UTC))
templates.render(request)
print("babel" in sys.modules, "jinja2.ext" in sys.modules, "zoneinfo" in sys.modules)
"""


def _loaded(folder: Folder, source: str) -> str:
    folder.write({"t.jinja2": source, path_of("it"): po({"Hi": "Ciao"})})
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder.root)],
        env=clean_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_babel_is_loaded_only_where_a_template_uses_it(folder: Folder) -> None:
    assert _loaded(folder, "{{ v|round }} {{ 'a\nb'|nl2br }}") == "False False False"
    assert _loaded(folder, "{{ v|number }}").startswith("True False")
    assert _loaded(folder, "{{ _('Hi') }}").startswith("True False")
    assert _loaded(folder, "{% trans %}Hi{% endtrans %}").startswith("True True")
