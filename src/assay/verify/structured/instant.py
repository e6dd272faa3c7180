"""Points in time: RFC 3339 instants with a mandatory offset, calendar dates, and durations. All exact.

`2026-03-14T16:40:00+01:00` is an instant; without its offset it is none, since nobody could say which one. Capital or
small t and z, any number of decimals up to nine, years 0001 to 9999, no leap seconds. Two instants are compared on the
line of time, wherever they were written.
"""

from __future__ import annotations

import re
from datetime import date as Calendar
from fractions import Fraction
from typing import NamedTuple

INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
DAY = 86_400


class Span(NamedTuple):
    """A duration in seconds."""

    seconds: Fraction

    def __str__(self) -> str:
        return f"{_seconds(self.seconds)} s"


class Day(NamedTuple):
    """A date of the proleptic Gregorian calendar, as its ordinal: 1 is 0001-01-01."""

    ordinal: int

    def __str__(self) -> str:
        return Calendar.fromordinal(self.ordinal).isoformat()


class Instant(NamedTuple):
    """Seconds since 0001-01-01T00:00:00Z, and the offset in seconds that it was written with."""

    seconds: Fraction
    offset: int = 0

    def __str__(self) -> str:
        days, second = divmod(self.seconds + self.offset, DAY)
        hours, left = divmod(second, 3600)
        minutes, left = divmod(left, 60)
        sign, away = "-" if self.offset < 0 else "+", abs(self.offset) // 60
        whole, part = divmod(left, 1)
        decimals = f".{int(part * 10**9):09d}".rstrip("0") if part else ""
        clock = f"{int(hours):02d}:{int(minutes):02d}:{int(whole):02d}{decimals}"
        zone = f"{sign}{away // 60:02d}:{away % 60:02d}" if self.offset else "Z"
        return f"{Day(int(days) + 1)}T{clock}{zone}"


LAST_DAY = Calendar.max.toordinal()


def read_instant(text: str) -> Instant | None:
    """None for anything else."""
    found = INSTANT.fullmatch(text)
    if found is None:
        return None
    day = _day(found[1], found[2], found[3])
    hour, minute, second = int(found[4]), int(found[5]), int(found[6])
    away_hours, away_minutes = int(found[9] or 0), int(found[10] or 0)
    if day is None or hour > 23 or minute > 59 or second > 59 or away_hours > 23 or away_minutes > 59:
        return None
    offset = (away_hours * 3600 + away_minutes * 60) * (-1 if found[8] == "-" else 1)
    local = (day.ordinal - 1) * DAY + hour * 3600 + minute * 60 + second + Fraction(found[7] or 0)
    return Instant(Fraction(local - offset), offset)


def read_day(text: str) -> Day | None:
    found = DATE.fullmatch(text)
    return _day(*found.groups()) if found else None


def moved(instant: Instant, seconds: Fraction) -> Instant | None:
    """None beyond the calendar."""
    then = Instant(instant.seconds + seconds, instant.offset)
    return then if 0 <= then.seconds + then.offset < LAST_DAY * DAY else None


def local_day(instant: Instant) -> Day | None:
    ordinal = int((instant.seconds + instant.offset) // DAY) + 1
    return Day(ordinal) if 1 <= ordinal <= LAST_DAY else None


def local_time(instant: Instant) -> Span:
    """Since midnight, where it was written."""
    return Span((instant.seconds + instant.offset) % DAY)


def _day(year: str, month: str, day: str) -> Day | None:
    try:
        return Day(Calendar(int(year), int(month), int(day)).toordinal())
    except ValueError:
        return None


def _seconds(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.9g}"
