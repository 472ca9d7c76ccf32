"""The HTML check finds what mail clients do not show, and names the clients and the line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.mailbox.html_check import CLIPPED_AT, check_html, client_features


def found(html: str) -> dict[str, tuple[int, int]]:
    """What is used as it is written, with the line and how often."""
    return {use.text: (use.line, use.times) for use in check_html(html).uses}


def clients(html: str, text: str) -> tuple[str, ...]:
    [use] = [use for use in check_html(html).uses if use.text == text]
    return use.feature.missing_in


def test_plain_old_html_has_nothing_to_look_at() -> None:
    check = check_html('<table width="600"><tr><td style="color: red">Hi <a href="https://a">a</a>')

    assert check.uses == ()
    assert check.problems == 0


def test_flex_is_not_shown_by_outlook() -> None:
    html = '<p>\n<div style="Display : FLEX; color: red"></div>'

    assert clients(html, "display: flex") == ("Outlook for Windows", "GMX")
    assert found(html)["display: flex"] == (2, 1)


def test_a_style_sheet_is_read_with_what_is_nested_in_it() -> None:
    html = """<style>
    /* position: fixed; a > b { gap: 1px } */
    @media (prefers-color-scheme: dark) {
      a:hover { border-radius: 3px; background: url("x;y{z}.png") }
    }
    @import url(other.css);
    </style><b style="border-radius: 1px">"""

    uses = found(html)

    assert uses["@media (prefers-color-scheme: dark)"][0] == 3
    assert uses["a:hover"] == (4, 1)
    assert uses["border-radius"] == (4, 2)
    assert uses["@import"] == (6, 1)
    assert not {"position", "gap", "a > b"} & uses.keys()


def test_each_use_of_something_is_counted_and_the_first_named() -> None:
    html = '<i style="opacity: 1"></i>\n<i style="opacity: 2"></i>\n<i style="opacity: 1"></i>'

    assert found(html) == {"opacity": (1, 3)}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<video src=a.mp4></video>", "<video>"),
        ("<svg></svg>", "<svg>"),
        ("<form></form>", "<form>"),
        ('<img alt="" src="a.webp?size=2">', ".webp"),
        ('<img alt="" src="data:image/png;base64,AAAA">', "data:"),
        ('<img alt="" src="a.png" srcset="b.png 2x">', "srcset"),
        ("<p style='width: calc(100% - 2px)'>", "width: calc(100% - 2px)"),
        ("<p style='color: var(--main)'>", "color: var(--main)"),
        ("<style>@font-face { src: url(a) }</style>", "@font-face"),
        ("<style>p::before { content: 'x' }</style>", "p::before"),
        ("<style>@supports (display: grid) { }</style>", "@supports"),
    ],
)
def test_elements_attributes_values_and_rules_are_known(html: str, text: str) -> None:
    assert text in found(html)


def test_what_only_outlook_reads_is_not_looked_at() -> None:
    assert found("<!--[if mso]><v:rect style='position: absolute'><![endif]-->") == {}


def test_links_without_text_are_found() -> None:
    html = """<a href="1"><img src="a.png" alt=""></a>
    <a href="2"></a> <a href="3"><img src="a.png" alt="Shop"></a> <a href="4">text</a>
    <a href="5" aria-label="Shop"></a> <a name="anchor"></a> <a href="6"> &#32; </a>
    <a href="7">"""

    assert check_html(html).silent_links == (1, 2, 3, 4)


def test_pictures_without_alt_are_found() -> None:
    assert check_html('<img alt="">\n<img src="a">\n<img alt="x">').silent_pictures == (2,)


def test_gmail_clips_what_is_larger_than_102_kb() -> None:
    assert not check_html("é" * (CLIPPED_AT // 2)).is_clipped
    assert check_html("é" * (CLIPPED_AT // 2) + "x").is_clipped


def test_every_feature_names_its_page_and_a_client() -> None:
    features = client_features()

    assert len(features) > 100
    assert all(one.page.startswith("https://www.caniemail.com/features/") for one in features)
    assert all(one.missing_in or one.partly_in for one in features)
    assert {one.kind for one in features} == {
        "property", "value", "at-rule", "selector", "element", "attribute", "picture",
    }  # fmt: skip


@given(st.text(alphabet="<>/=\"'a{}:;@/*urlst yle()\n"))
def test_any_text_can_be_checked(html: str) -> None:
    check_html(html)
    check_html(f"<style>{html}</style><p style='{html}'>")


@pytest.mark.parametrize(
    "piece", ["/*", "url(", '"', "<a href=x>", "{", "@a", "<p style='", "<style>"]
)
def test_a_hostile_mail_takes_no_longer_than_a_long_one(piece: str) -> None:
    started = time.process_time()
    check_html(piece * 20_000)
    check_html("<style>" + piece * 20_000)

    assert time.process_time() - started < 10
