"""What is remembered of pages for their text part is bounded, and costs no more than it saves."""

import gc
import time
import tracemalloc
from collections.abc import Sequence
from itertools import cycle

import pytest

from adapters.templates import text_forms
from adapters.templates.environment import DeadlineExceeded
from adapters.templates.text_alternative import text_from_html
from adapters.templates.text_forms import KnownPages, TextForms
from adapters.templates.text_slots import Edges, Form, Own


def _page(own: Sequence[str | None], values: Sequence[str]) -> list[str]:
    """The chunks of a page, with a value for each None."""
    given_values = cycle(values)
    return [next(given_values) if chunk is None else chunk for chunk in own]


def _come(forms: TextForms, own: Sequence[str | None], *values: str) -> str:
    """The text of a page that comes, which is what the page gives."""
    chunks = _page(own, values)
    html = "".join(chunks)
    text = forms.text_of(chunks, html, {chunk: chunk for chunk in own if chunk is not None})
    assert text == text_from_html(html)
    return text


def _long_page(rows: int) -> tuple[str | None, ...]:
    row = ("<tr><td>", None, '</td><td><a href="', None, '">', None, "</a></td></tr>")
    return (_LAYOUT, None, "</p><table>", *row * rows, "</table></table>")


_IN_ROW = ("Ada", "5", "http://e/1", "http://e/1")
_LAYOUT = f"<table><tr><td>{'<p>Lorem ipsum dolor sit amet, consectetur.</p>' * 250}<p>"


def test_the_memory_kept_stays_within_its_bound_for_a_hundred_lengths_of_a_loop() -> None:
    forms, most = TextForms(), text_forms.MOST_BYTES
    _come(TextForms(), _long_page(1), "x")
    tracemalloc.start()
    try:
        for rows in range(1, 101):
            own = _long_page(rows)
            for values in (_IN_ROW, _IN_ROW, ("Ada ", *_IN_ROW[1:]), (*_IN_ROW[:3], "label")):
                _come(forms, own, *values)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most / 2 < forms.size <= most
    assert kept <= most + 2_000_000  # what pieces and words take, which have bounds of their own


def test_the_page_that_was_used_longest_ago_is_dropped_first() -> None:
    first = [f"<p>{'a' * 9000}", None]
    size = KnownPages(tuple(first)).size
    forms = TextForms(size * 6)
    for _ in range(2):
        _come(forms, first, "x")
    for number in range(1, 9):
        for _ in range(2 + 64):
            _come(forms, [f"<p>{str(number) * 9000}", None], "x")
        _come(forms, first, "x")
    made = forms.made
    _come(forms, first, "y")
    _come(forms, [f"<p>{'1' * 9000}", None], "y")

    assert made == 9
    assert forms.made == 10


def test_a_page_that_is_too_large_is_read_again_and_others_are_kept() -> None:
    forms = TextForms(40_000)
    for own in (["<p>", None], [f"<p>{'x' * 90_000}", None], ["<p>", None]):
        for _ in range(3):
            _come(forms, own, "Ada")

    assert forms.made == 2
    assert 0 < forms.size < 40_000


def test_pages_that_come_once_have_no_form_made() -> None:
    forms = TextForms()
    for number in range(500):
        _come(forms, [f"<p>{number}", None], "x")

    assert forms.made == forms.size == 0


def test_forms_are_seldom_made_where_pages_hardly_ever_come_again() -> None:
    forms = TextForms(100_000)
    for number in [number for _ in range(10) for number in range(64)]:
        _come(forms, [f"<p>{number}{'a' * 5000}", None], "x")

    assert 5 < forms.made < 30


@pytest.mark.parametrize(
    "reference", ["&#xF0000;", "&#xF0001;", "&#983040;", "&#xf0009", "\U000f0001"]
)
@pytest.mark.parametrize(
    "page", ['<p><i class="mdi">{}</i> Hi ', '<a href="{}">x</a>', '<img alt="{}">']
)
def test_a_sign_for_private_use_in_a_template_is_shown_as_it_is(page: str, reference: str) -> None:
    forms = TextForms()
    for value in ("Anna", "Bob", "Cy"):
        _come(forms, [page.format(reference), None, "</p>"], value)

    assert forms.failures == 0


@pytest.mark.parametrize(
    "pre", ["<pre/>", "<PRE/ class=a>", "<pre/x>", "<pre>", "<pre\n>", "<Pre class='x'>"]
)
def test_lines_are_kept_however_preformatted_text_begins(pre: str) -> None:
    forms = TextForms()
    for value in ("a  b", "a\nb", " a\n  b "):
        assert _come(forms, [pre, None, "</pre>"], value) == f"{value.rstrip()}\n"


@pytest.mark.parametrize(
    "page",
    ["<" * 40_000, "<a" * 30_000, "&a" * 30_000, "<!--" * 20_000, '<a "' * 20_000, "</" * 40_000],
)
def test_a_form_is_made_in_time_that_grows_as_the_page_does(page: str) -> None:
    forms = TextForms()
    began = time.process_time()
    for _ in range(3):
        _come(forms, ["<p>", None, "</p>", page, " end"], "Anna")

    assert time.process_time() - began < 3


def test_a_page_without_a_value_is_read_twice_only() -> None:
    forms = TextForms()
    page = f"<pre>a\n  b</pre>{'<p>x</p>' * 1000}"
    for _ in range(2):
        _come(forms, [page])

    assert forms.text_of([page], "not read", {page: page}) == text_from_html(page)
    assert forms.size > len(page)


class _Maker:
    """Makes no form: the work ends with an error. `tried`: how often."""

    def __init__(self, error: type[BaseException]) -> None:
        self.tried = 0
        self._error = error

    def __call__(self, _own: Own, _edges: Edges) -> Form | None:
        self.tried += 1
        raise self._error


def test_an_unforeseen_fault_leaves_the_text_of_the_page() -> None:
    maker = _Maker(IndexError)
    forms = TextForms(make=maker)
    for _ in range(4):
        assert _come(forms, ["<p>", None], "y") == "y\n"

    assert maker.tried == forms.failures == 1


@pytest.mark.parametrize("bound", [DeadlineExceeded, MemoryError])
def test_a_form_that_meets_a_bound_is_not_tried_again(bound: type[BaseException]) -> None:
    maker = _Maker(bound)
    forms = TextForms(make=maker)
    _come(forms, ["<p>", None], "x")
    with pytest.raises(bound):
        _come(forms, ["<p>", None], "x")
    for _ in range(3):
        _come(forms, ["<p>", None], "x")

    assert maker.tried == 1
