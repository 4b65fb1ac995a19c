"""What the plugin reads of each OBX, in one call for the whole message."""

from __future__ import annotations

from dataclasses import dataclass, field

from transfuse import Message

#: How often OBX-8 may repeat, by the standard (2.3 to 2.7). Further repetitions stay as they came.
_FLAGS_MAX = 5

#: Subcomponents are named, so that a code with parts is read by its first one and not refused.
_FIELDS = ["2.1.1", "3.1.1", "3.2.1", "3.3.1", "3.4.1", "3.5.1", "3.6.1", "6.1.1"]
_FLAGS = [f"8[{repetition}].1.1" for repetition in range(1, _FLAGS_MAX + 1)]


@dataclass
class Coding:
    """A code, what it stands for, and the system that it belongs to."""

    code: str
    text: str
    system: str


@dataclass
class Observation:
    """One OBX segment, as far as this plugin looks at it. Absent and empty are both the empty string: neither has a value."""

    path: str
    """The path of the segment, such as `OBX[3]`."""
    is_number: bool
    """Whether OBX-2 says that the value is a number (NM, SN)."""
    code: Coding
    """OBX-3.1 to OBX-3.3."""
    alternate: Coding
    """OBX-3.4 to OBX-3.6."""
    unit: str
    """OBX-6.1."""
    flags: list[str]
    """OBX-8, one for each repetition."""
    table_unit: str = field(default="")
    """The unit that the code table has for this code; set by `codes`."""


def read_all(message: Message) -> list[Observation]:
    """Every OBX of the message."""
    rows = message.rows("OBX", _FIELDS + _FLAGS)
    return [_observation(number, [value or "" for value in row]) for number, row in enumerate(rows, start=1)]


def _observation(number: int, row: list[str]) -> Observation:
    return Observation(
        path=f"OBX[{number}]",
        is_number=row[0] in ("NM", "SN"),
        code=Coding(*row[1:4]),
        alternate=Coding(*row[4:7]),
        unit=row[7],
        flags=row[8:],
    )
