"""What a page shows as things of their own has a blank between it in the text."""

import pytest

from adapters.templates.text_alternative import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<a href=https://x.example/1>One</a><img alt=Pic><a href=https://x.example/2>Two</a>",
            "One <https://x.example/1> Pic Two <https://x.example/2>",
        ),
        ('<img alt="A"><img alt="B">text<img alt="C">', "A B text C"),
        ('a<img alt="">b', "ab"),
        ("<button>One</button><button>Two</button>", "One Two"),
        (
            '<button>One</button><a href="https://x.example/">x</a><button>y</button>',
            "One x <https://x.example/> y",
        ),
        ('<a href="https://x.example/"><img alt=" Shop "></a>', "Shop <https://x.example/>"),
        ('<pre>a<img alt="b">c</pre>', "a b c"),
    ],
)
def test_field_4_8_pictures_and_buttons_next_to_each_other_are_set_apart(
    html: str, text: str
) -> None:
    assert text_from_html(html).removesuffix("\n") == text
