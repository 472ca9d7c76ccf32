"""A page that was met before, but for its values, is inlined as the page itself is."""

from collections.abc import Sequence
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from adapters.templates.inlined_pages import InlinedPages
from adapters.templates.inlining import inlined

_SHEET = (
    "<style>.a{top:0}.b,p{left:1px}#c{right:2px}[title=x]{color:red}td:first-child{top:3px}"
    ".a:hover{top:4px}p+p{margin:0}@media x{.a{top:5px}}</style>"
)
_OWN = st.sampled_from(
    (_SHEET, "<style>p:empty{top:9px}</style>", "<style>.", "{top:0}</style>", "<p>", "</p>",
     '<p class="', '">', "'>", ">", "<p class=", '<p class="b ', '<p id="', '<a href="',
     '<p style="left:', '<p title="', "</a>", "<table><tr><td>", "<td>", "</td></tr></table>",
     "<!--", "<!-- ", "-->", "->", "<!--[if mso]>", "<![endif]-->", "<title>", "</title>", "<",
     "</", "<h", "word", " ", "\n", "%", "%s", "{}", "&", "&am", "\U000f0000", "", "<br/>",
     '<style media="', "<b ", "<img src=x alt='")
)  # fmt: skip
_VALUE = st.one_of(
    st.sampled_from(
        ("a", "b", "c", "x", "1", "Ada", "", " ", "two words", "-", "--", "!", "!--", "/", "p",
         "red;top:7px", "a&b", "it's", '"', "<p>", "%", "%s", "\U000f0001", "print", "\n", "\u00e9")
    ).map(lambda value: str(escape(value))),
    st.sampled_from(
        ("<b>x</b>", "<p class='a'>y</p>", '<a href="https://e/1">z</a>', "<br>", "</p>", "-->",
         '<p class="a">1</p><p>2</p>', "<!-- x -->", "<style>p{top:8px}</style>", "'", '"', "<")
    ),
)  # fmt: skip
_PAGE = st.lists(st.one_of(_OWN, _OWN, st.none()), max_size=15)
_DRAWS = st.lists(st.lists(_VALUE, min_size=1, max_size=5), min_size=2, max_size=4)


def _chunks(own: Sequence[str | None], values: Sequence[str]) -> list[str]:
    given_values = cycle(values)
    return [next(given_values) if chunk is None else chunk for chunk in own]


def _known(own: Sequence[str | None]) -> dict[str, str]:
    return {chunk: chunk for chunk in (*own, "") if chunk is not None}


@given(_PAGE, _DRAWS)
def test_whatever_the_values_are_the_page_is_inlined_as_it_is_by_itself(
    own: list[str | None], draws: list[list[str]]
) -> None:
    own, pages = [_SHEET, *own], InlinedPages()
    for values in [*draws, *draws, *draws]:
        chunks = _chunks(own, values)
        html = "".join(chunks)

        assert pages.page_of(chunks, html, _known(own)) == inlined(html)


_ROW = ("<tr><td>", None, '</td><td class="', None, '"><a href="', None, '">', None, "</a></td>")


def _order(number: int) -> tuple[list[str | None], list[str]]:
    button = f'<table class="b"><tr><td><a href="https://e/{number}">Go {number}</a></table>'
    values = [v for row in range(3) for v in (f"t{row}", "ab"[row % 2], f"/{number}", f"n{number}")]
    own = [_SHEET, "<p>Dear ", None, "</p><table>", *_ROW * 3, "</table>", None]
    return own, [f"Ada {number}", *values, button]


def test_mails_that_differ_in_values_are_inlined_once() -> None:
    done: list[str] = []

    def inline(page: str) -> str:
        done.append(page)
        return inlined(page)

    pages = InlinedPages(inline=inline)

    for number in range(50):
        own, values = _order(number)
        chunks = _chunks(own, values)
        page = pages.page_of(chunks, "".join(chunks), _known(own))
        assert page == inlined("".join(chunks))
        assert f"Ada {number}</p>" in page

    assert len(done) == 2  # the first mail, and the form that the second one made


def test_what_is_remembered_has_a_bound() -> None:
    pages = InlinedPages(most_bytes=50_000)

    for number in [*range(40), *range(40)]:
        own = [_SHEET, f"<p class=a>{number}</p>" * 200, None]
        for value in ("a", "b"):
            chunks = _chunks(own, [value])
            pages.page_of(chunks, "".join(chunks), _known(own))

    assert 0 < pages.size <= 50_000


def test_a_value_that_is_another_class_each_time_makes_few_forms() -> None:
    pages = InlinedPages()
    own = [_SHEET, '<p class="', None, '">x']

    for number in range(200):
        chunks = _chunks(own, [f"c{number}"])
        assert pages.page_of(chunks, "".join(chunks), _known(own)) == inlined("".join(chunks))

    assert pages.size < 50_000
