"""A media type is taken apart as mail programs write it."""

import pytest

from domain.media_type import MediaType


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("application/pdf", "application/pdf", {}),
        (" Text/HTML\t", "text/html", {}),
        ("text/calendar; method=REQUEST", "text/calendar", {"method": "REQUEST"}),
        (
            "text/calendar ;\tMethod = Request ; b=2",
            "text/calendar",
            {"method": "Request", "b": "2"},
        ),
        ('a/b; name="a \\"b\\" c; d"', "a/b", {"name": 'a "b" c; d'}),
        ('a/b; name=""', "a/b", {"name": ""}),
        ("a/b; name=two words", "a/b", {"name": "two words"}),
        ("a/b; name=größe.pdf", "a/b", {"name": "größe.pdf"}),
        ("a/b; x=1; x=2", "a/b", {"x": "1"}),
        ("a/b;", "a/b", {}),
        ("a/b; ;x=1;", "a/b", {"x": "1"}),
        ("a/b; name*=utf-8'en'%e2%82%ac%20rates", "a/b", {"name": "€ rates"}),
        ("a/b; name*=iso-8859-1''%A3", "a/b", {"name": "£"}),
        ("a/b; name*=plain", "a/b", {"name*": "plain"}),
        ("a/b; name=utf-8''%41", "a/b", {"name": "utf-8''%41"}),
        ("a/" + "b" * 498, "a/" + "b" * 498, {}),
    ],
)
def test_a_media_type_is_read_with_its_parameters(
    text: str, name: str, parameters: dict[str, str]
) -> None:
    assert MediaType.parse(text) == MediaType(name, parameters)


@pytest.mark.parametrize(
    "text", ["", "pdf", "a/", "/b", "a/b x", "a/b; =1", 'a/b; x="1', "a/b; x=1\r\nBcc: c", "a/ö"]
)
def test_anything_else_is_no_media_type(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a media type such as application/pdf$"):
        MediaType.parse(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a/" + "b" * 499, "must be at most 500 characters"),
        ("a/b; name*=klingon''%41", "has a parameter name* in no known charset"),
        ("a/b; name*=utf-8''%ff", "has a parameter name* in no known charset"),
        ("a/b; name*=utf-8''%0d", "has a parameter name* with a line break or NUL in it"),
        ("a/b; name*=utf-8''%0A", "has a parameter name* with a line break or NUL in it"),
        ("a/b; name*=utf-8''%00", "has a parameter name* with a line break or NUL in it"),
        (
            f"a/b; {'n' * 50}*=utf-8''%00",
            f"has a parameter {'n' * 40} with a line break or NUL in it",
        ),
        (f"a/b; {'n' * 50}*=klingon''%41", f"has a parameter {'n' * 40} in no known charset"),
    ],
)
def test_what_no_mail_may_carry_is_refused_and_named(text: str, fault: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        MediaType.parse(text)

    assert str(caught.value) == fault
