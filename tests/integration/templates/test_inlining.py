"""Rules of style sheets go into the tags by css-inline, and the page stays what it was."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import css_inline
import pytest

from adapters.templates.inlining import NotInlined, inlined
from adapters.templates.text_alternative import text_from_html
from tests.support.made_up_mails import mails

_SHEET = re.compile(r"<style.*?</style>", re.DOTALL)
_RULES = (
    "<style>p,.x{color:#333}td,th{padding:2px 4px}.page>p{margin:0 auto}h1,h2,li li{top:0}"
    "table tr:first-child td{left:0}a{color:blue!important}a:hover{color:red}.unused{top:1px}"
    "@media (max-width:600px){.page,td{display:block}}</style>"
)


def styles(page: str) -> str:
    """The page as the library reads and writes it, without its style sheets."""
    read = css_inline.CSSInliner(inline_style_tags=False, keep_style_tags=True, keep_link_tags=True)
    return _SHEET.sub("", read.inline(page))


@pytest.mark.parametrize("page", mails(150), ids=range(150))
def test_each_tag_of_any_page_gets_the_style_that_css_inline_gives_it(page: str) -> None:
    page = page.replace("<body>", f"{_RULES}<body>") if "<body>" in page else _RULES + page
    library = css_inline.CSSInliner(
        keep_style_tags=True, keep_link_tags=True, minify_css=True, load_remote_stylesheets=False
    )

    result = inlined(page)

    assert styles(result) == _SHEET.sub("", library.inline(page))
    assert text_from_html(result) == text_from_html(page)


@pytest.mark.parametrize("page", mails(50, seed=2), ids=range(50))
def test_all_but_styles_is_kept_to_the_letter(page: str) -> None:
    page = _RULES + page
    without_style = re.compile(r"\sstyle=(?:\"[^\"]*\"|'[^']*')")

    result = inlined(page)

    assert without_style.sub("", _SHEET.sub("", result)) == without_style.sub(
        "", _SHEET.sub("", page)
    )


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<style>p{top:0}</style><p>x", '<p style="top:0">x'),
        ("<style>p{top:0}</style><P CLASS='a'>x</P>", "<P CLASS='a' style=\"top:0\">x</P>"),
        ("<style>p{top:0}</style><p style='left:0'>x", '<p style="top:0;left:0">x'),
        ("<style>p{top:0}</style><p style=left:0 id=a>x", '<p style="top:0;left:0" id=a>x'),
        ("<style>img{top:0}</style><img src=x /><img src='y'/>",
         '<img src=x style="top:0" /><img src=\'y\' style="top:0"/>'),
        ('<style>p{font:1px "A B"}</style><p>x', "<p style=\"font:1px 'A B'\">x"),
        ("<style>p{top:0}</style><p>&nbsp;&copy;&#x41; a & b < c",
         '<p style="top:0">&nbsp;&copy;&#x41; a & b < c'),
        ("<style>p{top:0}</style><!--[if mso]><p>x<![endif]--><![if !mso]><p>y<![endif]>",
         '<!--[if mso]><p>x<![endif]--><![if !mso]><p style="top:0">y<![endif]>'),
        ("<style>p{top:0}p:hover{left:0}</style><p>x",
         '<style>p:hover { left: 0 !important; }</style><p style="top:0">x'),
        ("<style>p{top:0}@media x{p{left:0}}</style><p>x",
         '<style>@media x{p{left:0 !important}}</style><p style="top:0">x'),
        ("<style>@font-face{font-family:a;src:url(b)}</style><p>x",
         "<style>@font-face{font-family:a;src:url(b)}</style><p>x"),
        ("<style media=print>p{top:0}</style><p>x",
         "<style media=print>p{top:0 !important}</style><p>x"),
        ("<style>p{top:0}</style><p data-css-inline='ignore'>x",
         "<p data-css-inline='ignore'>x"),
        ("<style>:root{--a:red}p{color:var(--a)}</style><p>x", '<p style="color:red">x'),
        ("<p style='top:0'>no sheet", "<p style='top:0'>no sheet"),
        ("", ""),
        ("only words", "only words"),
        ("<p title='never closed", "<p title='never closed"),
    ],
)  # fmt: skip
def test_a_page_of_this_kind(page: str, expected: str) -> None:
    assert inlined(page) == expected


@pytest.mark.parametrize(
    "page",
    [
        # The rule is for a tag that only the browser adds.
        "<style>tbody{top:0}</style><table><tr><td>x</table>",
        "<style>body{top:0}</style><p>x",
        # Outlook's own part of the page has the class.
        "<style>.a{top:0}</style><!--[if mso]><table class='a'><![endif]-->",
    ],
)
def test_a_rule_that_a_tag_of_the_page_does_not_take_stays_in_the_sheet(page: str) -> None:
    sheet = page[: page.index("</style>")]

    assert inlined(page).startswith(sheet)


def test_variables_stay_where_a_rule_that_stays_needs_them() -> None:
    page = "<html><style>:root{--a:red}p{color:var(--a)}@media x{:root{--a:blue}}</style><p>x"

    assert inlined(page) == (
        '<html style="--a:red"><style>@media x{:root{--a:blue !important}}</style>'
        '<p style="color:var(--a)">x'
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its address, and the file that has a line for each request. It is a process of its own, since
    the library holds up this one while it loads something."""
    log = tmp_path / "requests"
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with (
        log.open("wb") as lines,
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=lines) as process,
    ):
        assert process.stdout
        found = re.search(rb"http://[\d.]+:\d+", process.stdout.readline())
        assert found
        yield found[0].decode(), log
        process.terminate()


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path, server: tuple[str, Path]) -> None:
    url, log = server
    file = tmp_path / "a.css"
    for name in "abcdef":
        (tmp_path / f"{name}.css").write_text("p{left:0}")
    page = (
        f"<link rel=stylesheet href='{url}/a.css'>"
        f"<link rel='stylesheet' href='file://{file}'><link rel=stylesheet href='{file}'>"
        f"<style>@import url({url}/b.css);@import '{url}/c.css';p{{top:0}}"
        f"@font-face{{src:url({url}/d.css)}}p{{background:url({url}/e.css)}}</style>"
        f"<p><img src='{url}/f.css'>"
    )

    result = inlined(page)

    assert log.read_text() == ""
    assert "left" not in result
    assert "top:0" in result
    assert result.count("<link rel") == 3
    # As the library does it by itself, which shows that a request is seen here.
    assert "left:0" in css_inline.inline(page).replace(" ", "")
    assert '"GET /a.css' in log.read_text()


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<style>p{top:0}</style>" + "<p>x" * 200_000, "more than"),
        ("<style>" + "p{top:0}" * 3000 + "</style>" + "<p>x" * 3000, "too many rules"),
        ("<style>p{top:0}</style><p>\ud800", "css-inline: "),
        *(
            (f"<style>{name}{{top:0}}</style>" + tag * 2000, "tags within each other")
            for name, tag in (("div", "<div>"), ("b", "<b>"), ("i", "<svg>"), ("b", "<b></i>"))
        ),
        *(
            (f"<style>p{{top:0}}</style><{name}>" + "<div>" * 20_000, "more than 5000 tags")
            for name in ("template", "svg", "noscript", "select", "math")
        ),
        ("<style>p{top:0}</style>" + "<b><table><td></b>" * 900, "tags within each other"),
        ("<style>p{top:0}</style>" + "<div><table></div></table>" * 500, "within each other"),
        ("<style>p{top:0}</style>" + "<div><!-- </div> -->" * 500, "within each other"),
        ("<style>p{left:0}</style><p ' y=\">\" style='top:0;x:<div b'>z</p>", "a quote"),
    ],
)
def test_a_page_that_cannot_be_inlined_says_why(page: str, reason: str) -> None:
    with pytest.raises(NotInlined, match=reason):
        inlined(page)


@pytest.mark.parametrize("row", ["<tr><td>x", "<li>x<p>y<br>", "<div>x</div>", "<b>x</b><p>"])
def test_a_long_page_is_not_a_deep_one(row: str) -> None:
    page = "<style>td,li,p,div{top:0}</style><table>" + row * 1600

    assert inlined(page).count('style="top:0"') >= 1600


@pytest.mark.parametrize(
    "piece", ["<a", "<a ", "<a '", "<!--", "<style>", "<style><!--", "<a b='>", "</style", '"', "<"]
)
def test_a_page_of_nonsense_takes_no_longer_than_others(piece: str) -> None:
    page = "<style>a{top:0}</style>" + piece * 30_000

    try:
        assert len(inlined(page)) > 0
    except NotInlined as error:
        assert str(error)  # noqa: PT017 - either is an answer
