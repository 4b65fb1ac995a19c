"""HL7 v2 messages by path."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any, Callable, Iterable, Mapping, Sequence, TypeVar, cast

from . import _host
from .errors import ParseError, PathError
from .times import AmbiguousTime, Moment, Precision

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _by_path(method: _Method) -> _Method:
    """Makes the contract's path error a `PathError`, raised where the plugin asked."""

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return method(*arguments, **named)
        except _host.Err as error:
            raise PathError(error.value.code, error.value.path, error.value.text) from None

    return cast(_Method, call)


class Message:
    """A message that the host holds, read and changed by path.

    Paths follow HL7's own notation and count from one: `PID-5.1` is a component, `PID-3[2].1` the second repetition,
    `OBX[3]-5` the third OBX. An omitted occurrence or repetition is the first. Groups of the message's structure may stand
    before the segment: `ORDER_OBSERVATION[2]/OBX-5`, see `groups`.

    A *leaf* is a node without parts of its own in the message at hand. Where a field holds one component, `PID-5`, `PID-5.1`
    and `PID-5.1.1` are the same leaf; asking `PID-5` for a composite is an error, because a value would be lost without
    anybody noticing. So a plugin that must cope with every sender reads `PID-5.1.1`.

    Absent (`None`), empty (`""`) and the delete marker (`'""'`) stay apart. Each call crosses from the plugin to the host: for
    many values there are `get_many`, `rows` and `set_many`.
    """

    __slots__ = ("_host",)

    def __init__(self, host: Any) -> None:
        self._host = host

    @staticmethod
    def parse(raw: bytes) -> Message:
        """Parses bytes that the plugin made. Forwarding the result needs the grant `create`."""
        host = _host.needed(_host.hl7v2, "create = true")
        try:
            return Message(host.Message.parse(bytes(raw)))
        except _host.Err as error:
            raise ParseError(error.value.code, error.value.offset, error.value.text) from None

    def copy(self) -> Message:
        """A second message with the same content, to be changed on its own. Cheap: both share what neither has changed."""
        return Message(self._host.copy())

    @_by_path
    def get(self, path: str) -> str | None:
        """The decoded text of one leaf."""
        return self._host.get(path)

    @_by_path
    def get_many(self, paths: Iterable[str]) -> list[str | None]:
        """The decoded text of several leaves in one call, in the order asked:
        `family, given = message.get_many(["PID-5.1", "PID-5.2"])`."""
        return self._host.get_many(list(paths))

    @_by_path
    def rows(self, segment: str, fields: Sequence[str]) -> list[list[str | None]]:
        """For each segment of a name, in order, the decoded text of the leaves asked for, in one call:
        `for code, unit in message.rows("OBX", ["3.1.1", "6.1.1"])`. The name may stand in a group:
        `ORDER_OBSERVATION[2]/OBX`."""
        return self._host.rows(segment, list(fields))

    @_by_path
    def get_raw(self, path: str) -> bytes | None:
        """The bytes of any node as they stand in the message, escapes and character set included. A path that is only a
        segment gives the whole segment without its terminator. Needs the grant to read everything."""
        raw = self._host.get_raw(path)
        return None if raw is None else bytes(raw)

    @_by_path
    def set(self, path: str, value: str) -> None:
        """Puts text into a leaf, escaping what the message's delimiters ask for. Missing fields, repetitions and components
        on the way there are made; a missing segment is not: see `insert`. Where the node had parts, they are replaced."""
        self._host.set(path, value)

    @_by_path
    def set_many(self, values: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Many of `set` in one call, in order. Stops at the first error; what came before it stays set."""
        pairs = values.items() if isinstance(values, Mapping) else values
        self._host.set_many([(path, value) for path, value in pairs])

    @_by_path
    def set_raw(self, path: str, value: bytes) -> None:
        """Puts encoded bytes into any node, delimiters and escapes and all. Segment terminators are refused."""
        self._host.set_raw(path, bytes(value))

    @_by_path
    def copy_from(self, source: Message, source_path: str, path: str) -> None:
        """Copies a node of another message, or of this one, without its bytes visiting the plugin. Both paths name nodes of
        the same kind: field to field, component to component, segment to segment."""
        self._host.copy_from(source._host, source_path, path)

    @_by_path
    def clear(self, path: str) -> None:
        """Empties a node; the nodes after it keep their places. Clearing what is absent does nothing."""
        self._host.clear(path)

    @_by_path
    def count(self, path: str) -> int:
        """How many there are: segments of a name for `OBX`, repetitions for `PID-3`, components for `PID-3[2]`; 0 where the
        node is absent."""
        return self._host.count(path)

    @_by_path
    def insert(self, segment: str, after: str = "") -> str:
        """Adds an empty segment after the one that `after` names (`OBX[2]`), and gives its path (`OBX[3]`). A group
        (`ORDER_OBSERVATION[2]/`) adds at its end, an empty `after` at the end of the message."""
        return self._host.insert(segment, after)

    @_by_path
    def remove(self, path: str) -> None:
        """Takes a whole segment or repetition out; what follows moves up."""
        self._host.remove(path)

    @_by_path
    def groups(self, group: str) -> list[str]:
        """The groups of a name in the order of the message, as paths to be put before a segment's:
        `for order in message.groups("ORDER_OBSERVATION"): message.get(f"{order}OBR-4.1")`. Groups within one of them are
        asked for by its path: `message.groups(f"{order}OBSERVATION")`."""
        return self._host.groups(group)

    @_by_path
    def name_of(self, path: str) -> str | None:
        """What HL7 calls a field, component or subcomponent in the message's version: `Patient Identifier List` for `PID-3`;
        `None` where the version does not define it."""
        return self._host.name_of(path)

    @_by_path
    def datatype_of(self, path: str) -> str | None:
        """The datatype of a field, component or subcomponent: `CX` for `PID-3`; `None` where the version does not define it.
        For `OBX-5` it is the one that `OBX-2` names, and `varies` where that names none."""
        return self._host.datatype_of(path)

    @_by_path
    def table_of(self, path: str) -> str | None:
        """The number of the HL7 table that the codes of a field, component or subcomponent are of: `0001` for `PID-8`; `None`
        where there is none."""
        return self._host.table_of(path)

    @_by_path
    def get_time(
        self, path: str, zone: str = "", ambiguous: AmbiguousTime = AmbiguousTime.BEFORE
    ) -> Moment | None:
        """The moment at which the timestamp (DTM, DT, TS) at a path begins; `None` where the node is absent, empty or `""`.

        A timestamp with an offset is read by it. One without is read in `zone`, an IANA name such as `Europe/Budapest`, or
        where that is empty in the interface's own.
        """
        found = self._host.get_time(path, zone, AmbiguousTime(ambiguous).value)
        return None if found is None else Moment(found[0], Precision(found[1]))

    @_by_path
    def set_time(self, path: str, moment: Moment | datetime, zone: str = "") -> None:
        """Puts a moment into a leaf as a timestamp, as clocks in `zone` show it (in the interface's own where that is empty),
        with the offset where it has an hour. A `datetime` needs a tzinfo; see `Moment.of`."""
        if isinstance(moment, datetime):
            moment = Moment.of(moment)
        self._host.set_time(path, moment.unix_ms, Precision(moment.precision).value, zone)

    def encode(self) -> bytes:
        """The whole message as bytes. Untouched parts come out exactly as they went in. Needs the grant to read
        everything."""
        return bytes(self._host.encode())
