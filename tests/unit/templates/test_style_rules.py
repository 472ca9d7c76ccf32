"""Rules that stay in a style sheet win over what was put into the tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.templates.style_rules import with_precedence


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        (".a{color:red}", ".a{color:red}"),
        ("@media (a:9px){.a{color:red}}", "@media (a:9px){.a{color:red !important}}"),
        (
            "@media x { .a { color: red; left: 0 } .b {top:0;} }",
            "@media x { .a { color: red !important; left: 0 !important } .b {top:0 !important;} }",
        ),
        ("@media x{.a{color:red!important}}", "@media x{.a{color:red!important}}"),
        ("@media x{.a{color:red ! IMPORTANT}}", "@media x{.a{color:red ! IMPORTANT}}"),
        ("a:hover{color:red}", "a:hover{color:red !important}"),
        ("@supports (a:b){@media x{p{top:0}}}", "@supports (a:b){@media x{p{top:0 !important}}}"),
        ("@font-face{src:url(a;b)}p{top:0}", "@font-face{src:url(a;b)}p{top:0}"),
        ("@media x{@font-face{src:url(a)}}", "@media x{@font-face{src:url(a)}}"),
        ("@keyframes k{from{top:0}}", "@keyframes k{from{top:0}}"),
        ("@import url(a);@media x{p{top:0}}", "@import url(a);@media x{p{top:0 !important}}"),
        (
            "@media x{p{background:url(data:a;b{c}) red}}",
            "@media x{p{background:url(data:a;b{c}) red !important}}",
        ),
        ("@media x{p{content:'a;b}'}}", "@media x{p{content:'a;b}' !important}}"),
        ("@media x{/* a{b:c;} */p{x:0/* ; */}}", "@media x{/* a{b:c;} */p{x:0/* ; */ !important}}"),
        ("@media x{p{}}", "@media x{p{}}"),
        ("@media x{p{top:0", "@media x{p{top:0"),
        ("}}{;:", "}}{;:"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_holds_at_times_is_made_important(css: str, expected: str) -> None:
    assert with_precedence(css) == expected


def test_a_sheet_for_some_screens_is_important_throughout() -> None:
    assert with_precedence(".a{top:0}", at_times=True) == ".a{top:0 !important}"


@given(st.text(alphabet="a:;{}@media()/*'\"\\ !x", max_size=60))
def test_nothing_is_lost_of_any_sheet(css: str) -> None:
    assert with_precedence(css).replace(" !important", "") == css.replace(" !important", "")
