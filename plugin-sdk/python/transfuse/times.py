"""Times: what a timestamp of a message means as a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Precision(str, Enum):
    """How precise a time is."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"
    FRACTION = "fraction"
    """Parts of a second: milliseconds where it is written."""

    @classmethod
    def _missing_(cls, value: object) -> Precision:
        # A word that a later host may add is finer than those known here.
        return cls.FRACTION


class AmbiguousTime(str, Enum):
    """What becomes of a local time that the zone has twice, when clocks are set back, or skips, when they are set forward."""

    BEFORE = "before"
    """As if the clock had not been changed yet: the first of the two, and for a skipped hour as much later."""
    EARLIER = "earlier"
    """The earlier moment in both cases."""
    LATER = "later"
    """The later moment in both cases."""
    REJECT = "reject"
    """An error of the message: `ambiguous-time`, `skipped-time`."""


@dataclass(frozen=True)
class Moment:
    """A moment, and how precisely it is known."""

    unix_ms: int
    """Milliseconds since 1970-01-01 UTC at which it begins."""
    precision: Precision = Precision.SECOND
    """How precise it was written, or is to be written."""

    @classmethod
    def of(cls, time: datetime, precision: Precision | None = None) -> Moment:
        """A moment from a time with an offset; by default to the second, and to the millisecond where it has parts of one."""
        if time.tzinfo is None:
            raise ValueError("a time without an offset is no moment: give it a tzinfo")
        if precision is None:
            precision = Precision.FRACTION if time.microsecond else Precision.SECOND
        return cls((time - _EPOCH) // timedelta(milliseconds=1), precision)

    @property
    def datetime(self) -> datetime:
        """The moment at which it begins, in UTC."""
        return _EPOCH + timedelta(milliseconds=self.unix_ms)
