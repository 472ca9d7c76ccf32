"""Dates and numbers as the message's language and time zone have them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.templates.formats import FUNCTIONS
from adapters.templates.languages import speech
from adapters.templates.values import UnfitValue
from domain.errors import FailureReason, Permanent
from tests.unit.templates.conftest import Folder, render

NO_CONTEXT: Any = None  # these filters do not use it
AT = "2026-07-31T22:30:00Z"


def _written(folder: Folder, source: str, value: Any = None, **request: Any) -> str:
    folder.write({"t/text.jinja2": source})
    text = folder.render("t", {"v": value}, **request).parts["text"]
    return text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("{{ v|date }}", AT, "1 ago 2026"),
        ("{{ v|date('long') }}", AT, "1 agosto 2026"),
        ("{{ v|date('d MMMM') }}", AT, "1 agosto"),
        ("{{ v|date(locale='de') }}", AT, "01.08.2026"),
        ("{{ v|date(timezone='America/New_York') }}", AT, "31 lug 2026"),
        ("{{ v|date }}", "2026-07-31", "31 lug 2026"),
        ("{{ v|date }}", "2026-07-31T22:30:00", "1 ago 2026"),
        ("{{ v|date }}", "2026-07-31 22:30", "1 ago 2026"),
        ("{{ v|date(timezone='America/New_York') }}", "2026-07-31T00:00:00", "31 lug 2026"),
        ("{{ v|date(timezone='America/New_York') }}", "2026-07-31 00:00:00.000", "31 lug 2026"),
        ("{{ v|date(timezone='America/New_York') }}", "2026-07-31T00:00:00Z", "30 lug 2026"),
        ("{{ v|date }}", 1785537000, "1 ago 2026"),
        ("{{ v|date }}", 1785537000.5, "1 ago 2026"),
        ("{{ now|date }}", None, "31 gen 2026"),
        ("{{ v|time }}", AT, "00:30:00"),
        ("{{ v|time('short') }}", AT, "00:30"),
        ("{{ v|time('short') }}", "2026-07-31T22:30:00+02:00", "22:30"),
        ("{{ v|time('short') }}", "09:15", "09:15"),
        ("{{ v|datetime('short') }}", AT, "01/08/26, 00:30"),
        ("{{ v|datetime('full') }}", AT, "sabato 1 agosto 2026 00:30:00 Ora legale"),
        ("{{ v|number }}", 1234567.891, "1.234.567,891"),
        ("{{ v|number(1) }}", 1234.56, "1.234,6"),
        ("{{ v|number }}", "1234.50", "1.234,5"),
        ("{{ v|currency('EUR') }}", 1234.5, "1.234,50 €"),
        ("{{ v|currency('eur', digits=0) }}", 1234, "1.234 €"),
        ("{{ v|currency('JPY') }}", 1234, "1.234 JPY"),
        ("{{ v|percent }}", 0.25, "25%"),
        ("{{ v|percent(1) }}", 0.256, "25,6%"),
        ("{{ v|map('number', 2)|join(' ') }}", [1, 2.5], "1,00 2,50"),
    ],
)
def test_a_value_is_written_as_in_italy(
    folder: Folder, source: str, value: Any, expected: str
) -> None:
    written = _written(folder, source, value, locale="it-IT", timezone="Europe/Rome")

    assert written.startswith(expected)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        (None, "1,234.5"),
        ("en-IN", "1,234.5"),
        ("de-CH", "1'234.5"),
        ("de-AT", "1.234,5"),
        ("fr", "1 234,5"),
        ("de-Latn-DE-1996", "1.234,5"),
        ("xx-YY", "1,234.5"),
        ("zh-Hant-TW", "1,234.5"),
    ],
)
def test_a_language_falls_back_to_a_wider_one_and_at_last_to_english(
    folder: Folder, locale: str | None, expected: str
) -> None:
    assert _written(folder, "{{ v|number }}", 1234.5, locale=locale) == expected


def test_without_a_time_zone_it_is_utc(folder: Folder) -> None:
    assert _written(folder, "{{ v|time('HH:mm z') }}", AT) == "22:30 UTC"


def test_one_set_serves_each_language_in_turn(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{% from 'm.jinja2' import d %}{{ d }}/{{ v|number }}"})
    folder.write({"m.jinja2": "{% set d = '2026-01-31'|date %}"})
    templates = folder.load()
    said = [
        render(templates, "t", {"v": 1.5}, locale=locale).parts["text"]
        for locale in ("it", "en", "it")
    ]

    assert said == ["31 gen 2026/1,5", "Jan 31, 2026/1.5", "31 gen 2026/1,5"]


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("{{ v.at|date }}", {"at": "31/01/2026"}, "'v.at' given to the filter 'date' is a text"),
        ("{{ v|date }}", [1], "'v' given to the filter 'date' is a list, and no date"),
        ("{{ v|date }}", True, "'v' given to the filter 'date' is true or false"),
        ("{{ v|date }}", 1785537000000, "'v' given to the filter 'date' is no number of seconds"),
        ("{{ v|date }}", float("nan"), "'v' given to the filter 'date' is a number, and no date"),
        ("{{ v|date }}", "09:15", "'v' is a time without a date; use the filter time"),
        ("{{ v|datetime }}", "2026-01-31", "'v' is a date without a time of day"),
        ("{{ v|time }}", "2026-01-31", "'v' is a date without a time of day"),
        ("{{ v|date }}", "9999-12-31T23:59:59Z", "'v' is out of range in this time zone"),
        ("{{ v|date('lnog') }}", AT, "the filter 'date' has no format 'lnog'; did you mean 'long'"),
        ("{{ v|date('%d/%m/%Y') }}", AT, "the format '%d/%m/%Y' of the filter 'date' is one of"),
        ("{{ v|datetime('%-d') }}", AT, "the format '%-d' of the filter 'datetime' is one of"),
        ("{{ v|date('d HH') }}", AT, "the format 'd HH' of the filter 'date' asks for a time of"),
        ("{{ v|time('d HH') }}", AT, "the format 'd HH' of the filter 'time' asks for a date"),
        ("{{ v|date('QQQQQQ') }}", AT, "the format 'QQQQQQ' of the filter 'date': Invalid"),
        ("{{ v|currency }}", 5, "'v' given to the filter 'currency' has no currency such as"),
        ("{{ v|date(timezone='Mars') }}", AT, "timezone must be the name of a time zone"),
        ("{{ v|number }}", "much", "'v' given to the filter 'number' is a text, and no number"),
        ("{{ v|number }}", "1e999999", "'v' given to the filter 'number' is out of range"),
        ("{{ v|number('2') }}", 1, "digits must be a whole number from 0 to 20"),
        ("{{ v|currency('€') }}", 1, "'v' given to the filter 'currency' has no currency such as"),
        ("{{ v|currency(3) }}", 1, "'v' given to the filter 'currency' has no currency such as"),
        ("{{ v|map('date')|join }}", ["x"], "'a value' given to the filter 'date' is a text"),
        ("{% filter date %}x{% endfilter %}", 1, "'a text' given to the filter 'date' is a text"),
    ],
)
def test_what_is_no_date_or_number_is_an_error_with_its_name_and_line(
    folder: Folder, source: str, value: Any, expected: str
) -> None:
    folder.write({"t/text.jinja2": f"\n{source}"})

    error = folder.failure("t", {"v": value}, timezone="Europe/Rome")

    assert error.reason is FailureReason.TEMPLATE_ERROR
    assert str(error).startswith(expected)
    assert str(error).endswith("in t/text.jinja2 line 2")
    assert "31/01" not in str(error), "what the message says is in no error"


def test_a_date_that_is_null_or_missing_is_named(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ v.at|date }}"})

    assert str(folder.failure("t", {"v": {"at": None}})).startswith("'v.at' is null")
    assert str(folder.failure("t", {"v": {}})).startswith("'v.at' is undefined")
    assert folder.render("t", {"v": {}}, options={"lenient": True}).parts["text"] == ""


@pytest.mark.parametrize(
    ("part", "expected"),
    [("html", "a&lt;b<br>\nc<br>\nd"), ("text", "a<b\nc\r\nd"), ("slack", "a&lt;b\nc\r\nd")],
)
def test_nl2br_breaks_lines_where_html_is_written(folder: Folder, part: str, expected: str) -> None:
    folder.write({f"t/{part}.jinja2": "{{ v|nl2br }}"})
    channel = "slack" if part == "slack" else "email"

    assert folder.render("t", {"v": "a<b\nc\r\nd"}, channel=channel).parts[part] == expected


@pytest.mark.parametrize(
    ("source", "hint"),
    [("{{ v|curency('EUR') }}", "currency"), ("{{ v|nl2rb }}", "nl2br"), ("{{ v|uper }}", "upper")],
)
def test_an_unknown_filter_is_named_with_the_one_that_was_meant(
    folder: Folder, source: str, hint: str
) -> None:
    folder.write({"t/text.jinja2": source, "ok.jinja2": "x"})

    [fault] = folder.load().snapshot.faults

    assert fault.endswith(f"Did you mean {hint!r}?")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
texts = st.dates().map(str) | st.datetimes().map(str) | st.decimals().map(str) | st.times().map(str)
values = scalars | texts | st.lists(scalars, max_size=2) | st.dictionaries(st.text(), scalars)


@given(name=st.sampled_from(sorted(FUNCTIONS)), value=values, tag=st.sampled_from(["it", "fa"]))
def test_any_value_is_written_or_refused_with_its_name(name: str, value: Any, tag: str) -> None:
    more = {"currency": "EUR"} if name == "currency" else {}
    try:
        said = FUNCTIONS[name](NO_CONTEXT, value, locale=tag, _expression="v.w", **more)
    except UnfitValue as refused:
        said = str(refused).partition("'v.w'")[1]
    assert said


def test_a_filter_that_is_chosen_at_run_time_writes_the_message_s_language(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ ['2026-01-31']|map(how, 'full')|first }}"})
    templates = folder.load()

    said = [
        render(templates, "t", {"how": "date"}, locale=locale).parts["text"]
        for locale in ("it", "de", None)
    ]

    assert said == [
        "sabato 31 gennaio 2026",
        "Samstag, 31. Januar 2026",
        "Saturday, January 31, 2026",
    ]


def test_after_a_rendering_no_language_is_left(folder: Folder) -> None:
    assert _written(folder, "{{ v|number }}", 1.5, locale="it") == "1,5"
    with pytest.raises(Permanent):
        _written(folder, "{{ v|number }}", "x", locale="it")

    assert speech().locale is None
