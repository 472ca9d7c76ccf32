"""When the quiet hours of a template end, in every zone and across every change of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from domain.errors import FailureReason, Permanent, Throttled
from domain.quiet_hours import QuietHours, zone_of
from tests.fakes import a_notification

NIGHT = QuietHours(start=time(22), end=time(8), zone="Europe/Rome")
ROME = ZoneInfo("Europe/Rome")
ZONES = [
    "UTC",
    "Europe/Rome",
    "Europe/Dublin",  # its winter is the exception
    "America/New_York",
    "America/Sao_Paulo",  # until 2019 the clock changed at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Casablanca",  # back for Ramadan
    "Asia/Kathmandu",  # UTC+5:45
    "Pacific/Apia",  # had no 30 December 2011
    "Antarctica/Troll",  # by two hours
]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
walls = st.integers(0, 24 * 60 - 1).map(lambda minutes: time(*divmod(minutes, 60)))
moments = st.integers(1_262_304_000, 1_893_456_000).map(lambda s: datetime.fromtimestamp(s, UTC))
"""Of the years 2010 to 2029."""


def hours(start: time, end: time) -> QuietHours:
    assume(start != end)
    return QuietHours(start=start, end=end)


def is_within(start: time, end: time, wall: time) -> bool:
    return start <= wall < end if start < end else wall >= start or wall < end


def is_calm(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock does not change within three days."""
    offsets = {(moment + n * DAY / 4).astimezone(zone).utcoffset() for n in range(-12, 13)}
    return len(offsets) == 1


@given(walls, walls, moments, zones)
def test_where_no_clock_changes_the_wall_clock_alone_decides(
    start: time, end: time, moment: datetime, zone: ZoneInfo
) -> None:
    assume(is_calm(moment, zone))
    quiet, shown = hours(start, end), moment.astimezone(zone)

    over = quiet.ends_at(moment, zone)

    assert (over is not None) == is_within(start, end, shown.time())
    if over is not None:
        assert over.astimezone(zone).time() == end
        assert timedelta(0) < over - moment <= DAY


@given(walls, walls, moments, zones)
@example(time(22), time(8), datetime(2026, 3, 28, 23, tzinfo=UTC), ROME)
@example(time(22), time(2, 30), datetime(2026, 3, 29, 0, tzinfo=UTC), ROME)
@example(time(2, 30), time(2, 15), datetime(2026, 10, 25, 0, 20, tzinfo=UTC), ROME)
@example(time(0), time(1), datetime(2018, 11, 4, 2, tzinfo=UTC), ZoneInfo("America/Sao_Paulo"))
@example(time(22), time(8), datetime(2011, 12, 30, 9, tzinfo=UTC), ZoneInfo("Pacific/Apia"))
def test_the_end_is_the_first_moment_that_is_not_quiet(
    start: time, end: time, moment: datetime, zone: ZoneInfo
) -> None:
    quiet = hours(start, end)

    over = quiet.ends_at(moment, zone)

    assume(over is not None)
    assert over is not None
    assert over > moment
    assert quiet.ends_at(over, zone) is None
    for part in range(8):  # all of the time before it is quiet, with the same end
        assert quiet.ends_at(moment + (over - moment) * part / 8, zone) == over
    assert quiet.ends_at(over - timedelta(seconds=1), zone) == over
    before = (over - MINUTE).astimezone(zone).utcoffset()
    is_change = before != over.astimezone(zone).utcoffset()
    assert is_change or over.astimezone(zone).time() == end


@given(walls, walls, moments, zones)
def test_a_moment_that_is_not_quiet_shows_no_quiet_time_unless_the_clock_changes(
    start: time, end: time, moment: datetime, zone: ZoneInfo
) -> None:
    quiet = hours(start, end)

    if quiet.ends_at(moment, zone) is None:
        assert not is_calm(moment, zone) or not is_within(
            start, end, moment.astimezone(zone).time()
        )


@pytest.mark.parametrize(
    ("day", "lasts"),
    [
        (date(2026, 1, 10), 10),
        (date(2026, 3, 28), 9),  # the night in which an hour is missing
        (date(2026, 10, 24), 11),  # the night that has one twice
    ],
)
def test_a_night_lasts_until_the_clock_shows_its_end(day: date, lasts: int) -> None:
    begin = datetime.combine(day, time(22), ROME).astimezone(UTC)

    end = NIGHT.ends_at(begin, ROME)

    assert end is not None
    assert end - begin == timedelta(hours=lasts)
    assert NIGHT.ends_at(begin - timedelta(seconds=1), ROME) is None


def test_an_end_that_the_clock_skips_is_the_change_itself() -> None:
    quiet = QuietHours(start=time(22), end=time(2, 30))

    end = quiet.ends_at(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), ROME)

    assert end == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # there it becomes three


def test_an_end_that_the_clock_shows_twice_is_the_later_one() -> None:
    quiet = QuietHours(start=time(22), end=time(2, 30))

    end = quiet.ends_at(datetime(2026, 10, 25, 0, 10, tzinfo=UTC), ROME)

    assert end == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "otherwise", "name"),
    [
        ("Asia/Tokyo", "Europe/Rome", "Asia/Tokyo"),
        (None, "Europe/Rome", "Europe/Rome"),
        (None, "UTC", "UTC"),
        ("Mars/Base", "Europe/Rome", "Europe/Rome"),
        ("../../etc/passwd", "UTC", "UTC"),
        ("Europe", "Mars/Base", "UTC"),
    ],
)
def test_the_zone_is_the_message_s_then_the_template_s_then_utc(
    wanted: str | None, otherwise: str, name: str
) -> None:
    zone, found = zone_of(wanted, otherwise)

    assert found == name
    assert datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone).utcoffset() is not None


MIDNIGHT = datetime(2026, 1, 10, 23, 0, tzinfo=UTC)


def test_a_message_waits_exactly_until_the_end() -> None:
    with pytest.raises(Throttled) as waits:
        NIGHT.respect(a_notification(), MIDNIGHT, None, None)

    assert waits.value.retry_after == timedelta(hours=8)
    assert str(waits.value) == (
        "the quiet hours of template 'welcome' last until 2026-01-11T08:00:00+01:00 (Europe/Rome)"
    )


def test_a_message_s_own_zone_comes_first() -> None:
    NIGHT.respect(a_notification(timezone="Asia/Tokyo"), MIDNIGHT, None, None)  # eight there

    with pytest.raises(Throttled) as waits:
        NIGHT.respect(
            a_notification(timezone="America/New_York"), MIDNIGHT + 5 * 60 * MINUTE, 0, None
        )

    assert waits.value.retry_after == timedelta(hours=9)


@pytest.mark.parametrize(
    ("own", "template", "waits"),
    [(7, None, False), (6, 9, True), (None, 9, False), (None, 0, True)],
)
def test_an_urgent_message_does_not_wait(
    own: int | None, template: int | None, waits: bool
) -> None:
    quiet = QuietHours(start=time(22), end=time(8), zone="Europe/Rome", urgent=7)
    notification = a_notification(priority=own)

    if waits:
        with pytest.raises(Throttled):
            quiet.respect(notification, MIDNIGHT, template, None)
    else:
        quiet.respect(notification, MIDNIGHT, template, None)


@pytest.mark.parametrize(
    ("own", "template"), [(7.5, None), (None, 8), (9, 7), (8, 9)], ids=["own", "its", "both", "end"]
)
def test_what_expires_before_the_end_is_refused_at_once(
    own: float | None, template: float | None
) -> None:
    expiries = [None if h is None else MIDNIGHT + timedelta(hours=h) for h in (own, template)]

    with pytest.raises(Permanent) as refused:
        NIGHT.respect(a_notification(expires_at=expiries[0]), MIDNIGHT, None, expiries[1])

    assert refused.value.reason is FailureReason.EXPIRED
    assert "expires at" in str(refused.value)
    assert "quiet hours of template 'welcome' last until" in str(refused.value)
