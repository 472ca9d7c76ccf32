"""Quiet hours of a template: when its messages wait, by the clock on the recipient's wall.

A quiet period begins at the first moment at which that clock shows `start`, and ends at the last
one at which it shows `end`, or at the change of the clock that skips that time. So the hour that a
clock repeats in autumn belongs to a period that it touches.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.errors import FailureReason, Permanent, Throttled
from domain.notification import Notification
from domain.value_object import value_object

_DAYS = (-2, -1, 0, 1)
"""The days whose period may hold a moment of day 0: a zone may skip a whole day."""
_SECOND = timedelta(seconds=1)


@value_object(kw_only=True)
class QuietHours:
    """From `start` until `end`, which is on the next day where it is not later. `zone`: the IANA
    name of the time zone for messages that name none. `urgent`: a message of this priority, or of a
    higher one, does not wait; None: all wait."""

    start: time
    end: time
    zone: str = "UTC"
    urgent: int | None = None

    def respect(
        self,
        notification: Notification,
        now: datetime,
        priority: int | None,
        expires_at: datetime | None,
    ) -> None:
        """Raise Throttled in the quiet hours, with the exact wait until their end; Permanent where
        the notification expires before that. `priority` and `expires_at` are the template's."""
        given = notification.priority if notification.priority is not None else priority
        if self.urgent is not None and given is not None and given >= self.urgent:
            return
        zone, name = zone_of(notification.timezone, self.zone)
        end = self.ends_at(now, zone)
        if end is None:
            return
        until = f"{end.astimezone(zone).isoformat(timespec='seconds')} ({name})"
        what = f"the quiet hours of template {notification.template!r} last until {until}"
        expiries = [one for one in (notification.expires_at, expires_at) if one is not None]
        if expiries and (first := min(expiries)) <= end:
            text = f"expires at {first.isoformat()}, and {what}"
            raise Permanent(text, reason=FailureReason.EXPIRED)
        raise Throttled(what, retry_after=end - now)

    def ends_at(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """Return when the quiet hours are over that it is in, in UTC; None where it is in none."""
        end = moment
        while (later := self._end_of_period(end, zone)) is not None:
            end = later  # two periods may touch where the clock is set back
        return None if end == moment else end

    def _end_of_period(self, moment: datetime, zone: tzinfo) -> datetime | None:
        ends = (end for begin, end in self._periods(moment, zone) if begin <= moment < end)
        return max(ends, default=None)

    def _periods(self, moment: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        today, nights = moment.astimezone(zone).date(), int(self.end <= self.start)
        for days in _DAYS:
            day = today + timedelta(days=days)
            last = day + timedelta(days=nights)
            yield _moment(day, self.start, zone, fold=0), _moment(last, self.end, zone, fold=1)


def zone_of(wanted: str | None, otherwise: str) -> tuple[tzinfo, str]:
    """Return the time zone of the first name that this machine knows, with its name; else UTC. Only
    here the time zones are loaded."""
    for name in filter(None, (wanted, otherwise)):
        if name == "UTC":
            break
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # most workers need none

        try:
            return ZoneInfo(name), name
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return UTC, "UTC"


def _moment(day: date, wall: time, zone: tzinfo, *, fold: int) -> datetime:
    """When the clock shows this time on this day, for the first time (`fold` 0) or the last, in
    UTC; where it skips that time, when it does so."""
    shown = datetime.combine(day, wall, zone).replace(fold=fold)
    moment = shown.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return moment
    # Read with the offset of after the change it is before the change, and the other way round.
    before = shown.replace(fold=1).astimezone(UTC)
    after = shown.replace(fold=0).astimezone(UTC)
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
