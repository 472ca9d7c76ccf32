"""The hosts that a mail's pictures would be loaded from are named, whatever the mail is."""

import time

import pytest

from entrypoints.pages.remote import remote_pictures
from entrypoints.pages.views import foreign


@pytest.mark.parametrize(
    "html",
    [
        '<img alt="a>b" src="https://cdn.example/a.png">',
        "<img src=//CDN.example>",
        '<img srcset="a.png 1x, https://cdn.example/b.png 2x">',
        "<img srcset='https://cdn.example/b.png 2x,c.png 3x'>",
        '<video poster=" http://cdn.example:80/a">',
        "<svg><image xlink:href='https://cdn.example/a'></svg>",
        '<td background="https://cdn.example/a">',
        "<p style='background: image-set(&quot;https://cdn.example/a&quot; 1x)'>",
        '<style>p { background: url( "https://cdn.example/a") }',
        "<style><!-- p > b { background: url(//cdn.example/a) } --></style>",
    ],
)
def test_each_host_is_named(html: str) -> None:
    assert [one.partition(":")[0] for one in remote_pictures(html)] == ["cdn.example"]


@pytest.mark.parametrize(
    "html", ["<a href='https://x.example'>//x", "<img src='cid:a'>", "<!-- <img src=//x> -->"]
)
def test_what_is_no_picture_from_elsewhere_is_not_named(html: str) -> None:
    assert remote_pictures(html) == []


@pytest.mark.parametrize(
    "piece",
    [
        "<img a ",
        "<img src=",
        "<head ",
        '<img src="',
        "<style>(  ",
        "url( ",
        "a=' ",
        "<!--",
        " ",
        "<",
    ],
)
def test_a_hostile_mail_takes_no_longer_than_a_long_one(piece: str) -> None:
    html = piece * (1_000_000 // len(piece))
    started = time.process_time()

    remote_pictures(html)
    remote_pictures("<img src=" + html)
    foreign(html)

    assert time.process_time() - started < 5
