"""Filters that write dates and numbers as the message's language does, by Babel."""

import re
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache, partial
from typing import Any

from jinja2 import Undefined
from jinja2.runtime import Context

from adapters.templates.date_patterns import written
from adapters.templates.languages import speech
from adapters.templates.values import UnfitValue, described_kind

_DEFAULT_LANGUAGE = "en"
_MILLISECONDS = 1e11  # as seconds, this is in the year 5138
_MOST_DIGITS = 20
_HIGHEST_POWER = 100
_A_DATE = "an ISO 8601 time such as 2026-01-31T08:00:00Z, or seconds since 1970"
_CURRENCY = re.compile("[A-Za-z]{3}")
_READERS: tuple[Callable[[str], datetime | date | time], ...] = (
    date.fromisoformat,
    datetime.fromisoformat,
    time.fromisoformat,
)


def _write_date(
    value: Any,
    format: str = "medium",  # noqa: A002 - the name that authors know
    locale: str | None = None,
    timezone: str | None = None,
    *,
    _expression: str = "a value",
) -> str:
    """The filter `date`. A date without a time is the same in each time zone, and so is one with
    midnight but without an offset, as some programs write a day."""
    from babel.dates import format_date

    zone = _zone(timezone)
    moment = _moment(value, "date", _expression)
    if isinstance(moment, time):
        raise UnfitValue(f"{_expression!r} is a time without a date; use the filter time")
    if isinstance(moment, datetime) and not (moment.tzinfo is None and moment.time() == time.min):
        moment = _in_zone(moment, zone, _expression)
    return written(format_date, moment, format, "date", locale=_locale(locale))


def _write_time(
    value: Any,
    format: str = "medium",  # noqa: A002
    locale: str | None = None,
    timezone: str | None = None,
    *,
    _expression: str = "a value",
) -> str:
    """The filter `time`. A time without a date is the same in each time zone."""
    from babel.dates import format_time

    zone = _zone(timezone)
    moment = _timed(_moment(value, "time", _expression), _expression)
    if isinstance(moment, datetime):
        moment = _in_zone(moment, zone, _expression)
    return written(format_time, moment, format, "time", tzinfo=zone, locale=_locale(locale))


def _write_datetime(
    value: Any,
    format: str = "medium",  # noqa: A002
    locale: str | None = None,
    timezone: str | None = None,
    *,
    _expression: str = "a value",
) -> str:
    """The filter `datetime`."""
    from babel.dates import format_datetime

    zone = _zone(timezone)
    moment = _timed(_moment(value, "datetime", _expression), _expression)
    if isinstance(moment, time):
        raise UnfitValue(f"{_expression!r} is a time without a date; use the filter time")
    moment = _in_zone(moment, zone, _expression)
    more = {"tzinfo": zone, "locale": _locale(locale)}
    return written(format_datetime, moment, format, "datetime", **more)


def _write_number(
    name: str,
    value: Any,
    digits: int | None = None,
    locale: str | None = None,
    *,
    _expression: str = "a value",
) -> str:
    """The filters `number` and `percent`. `digits`: how many after the point, always."""
    language = _locale(locale)
    patterns = language.percent_formats if name == "percent" else language.decimal_formats
    number = _number(value, name, _expression)
    return _applied(_with_digits(patterns[None], digits), number, language)


def _write_currency(
    value: Any,
    currency: Any = None,
    digits: int | None = None,
    locale: str | None = None,
    *,
    _expression: str = "a value",
) -> str:
    """The filter `currency`. Without `digits` there are as many as the currency has."""
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise UnfitValue(
            f"{_expression!r} given to the filter 'currency' has no currency such as \"EUR\": "
            f"it got {'nothing' if currency is None else described_kind(currency)}"
        )
    number, language = _number(value, "currency", _expression), _locale(locale)
    pattern = _with_digits(language.currency_formats["standard"], digits)
    more = {"currency": currency.upper(), "currency_digits": digits is None}
    return _applied(pattern, number, language, **more)


def _applied(pattern: Any, number: Decimal, language: Any, **more: Any) -> str:
    with localcontext(prec=3 * _HIGHEST_POWER):
        return str(pattern.apply(number, language, **more))


def _with_digits(pattern: Any, digits: Any) -> Any:
    """The language's pattern with so many digits after the point."""
    if digits is None:
        return pattern
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= _MOST_DIGITS:
        raise UnfitValue(f"digits must be a whole number from 0 to {_MOST_DIGITS}")
    changed = copy(pattern)
    changed.frac_prec = (digits, digits)
    return changed


def _number(value: Any, name: str, expression: str) -> Decimal:
    """A number, or a text that is one."""
    number = None
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        with suppress(InvalidOperation):
            number = Decimal(str(value).strip() if isinstance(value, float | str) else value)
    if number is None or not number.is_finite():
        raise UnfitValue(
            f"{expression!r} given to the filter {name!r} is {described_kind(value)}, "
            "and no number such as 1234.5"
        )
    if number and abs(number.adjusted()) > _HIGHEST_POWER:
        raise UnfitValue(f"{expression!r} given to the filter {name!r} is out of range")
    return number


def _moment(value: Any, name: str, expression: str) -> datetime | date | time:
    """What a value says of a moment; a time without an offset is in UTC."""
    match value:
        case datetime() | date() | time():
            return value
        case str():
            for read in _READERS if ":" in value else _READERS[:2]:
                with suppress(ValueError):
                    return read(value.strip())
        case int() | float() if not isinstance(value, bool):
            if abs(value) >= _MILLISECONDS:
                raise UnfitValue(
                    f"{expression!r} given to the filter {name!r} is no number of seconds since "
                    "1970; if these are milliseconds, divide by 1000"
                )
            with suppress(ValueError, OverflowError, OSError):
                return datetime.fromtimestamp(value, UTC)
    raise UnfitValue(
        f"{expression!r} given to the filter {name!r} is {described_kind(value)}, "
        f"and no date; write {_A_DATE}"
    )


def _timed(moment: datetime | date | time, expression: str) -> datetime | time:
    if isinstance(moment, datetime | time):
        return moment
    raise UnfitValue(f"{expression!r} is a date without a time of day; use the filter date")


def _in_zone(moment: datetime, zone: tzinfo, expression: str) -> datetime:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
    except OverflowError:
        raise UnfitValue(f"{expression!r} is out of range in this time zone") from None


def _zone(name: str | None) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = name or speech().timezone
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError, AttributeError):
        raise UnfitValue("timezone must be the name of a time zone such as Europe/Rome") from None


def _locale(tag: str | None) -> Any:
    """The language's data: it-IT, else it, else English."""
    return _babel_locale(str(tag or speech().locale or _DEFAULT_LANGUAGE).replace("_", "-"))


@lru_cache(maxsize=64)
def _babel_locale(tag: str) -> Any:
    from babel.core import Locale, UnknownLocaleError

    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            tag = tag.rpartition("-")[0]
    return Locale.parse(_DEFAULT_LANGUAGE)


def _filter(
    write: Callable[..., str], _context: Context, value: Any, *more: Any, **named: Any
) -> str:
    """Write a value, unless it is undefined."""
    return str(value) if isinstance(value, Undefined) else write(value, *more, **named)


FUNCTIONS = {
    "date": partial(_filter, _write_date),
    "time": partial(_filter, _write_time),
    "datetime": partial(_filter, _write_datetime),
    "number": partial(_filter, partial(_write_number, "number")),
    "percent": partial(_filter, partial(_write_number, "percent")),
    "currency": partial(_filter, _write_currency),
}
"""By their names in templates."""
