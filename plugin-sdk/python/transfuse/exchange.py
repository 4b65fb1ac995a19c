"""One message on its way through a chain, as a plugin sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Sequence

from .errors import NotHl7
from .message import Message
from .times import Moment


class Document:
    """The input as bytes, whatever it is. Reading it needs the grant `read = ["*"]`."""

    __slots__ = ("_host",)

    #: How much crosses from the host in one call of `read_all`.
    _CHUNK_BYTES_MAX = 1 << 20

    def __init__(self, host: Any) -> None:
        self._host = host

    @property
    def content_type(self) -> str:
        """Its media type: `x-application/hl7-v2+er7` for HL7 v2, `application/octet-stream` where nobody knows."""
        return self._host.content_type()

    def __len__(self) -> int:
        """How many bytes it has."""
        return self._host.length()

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, at most `length` of them, and fewer at the end."""
        return bytes(self._host.read(offset, length))

    def read_all(self) -> bytes:
        """All of it."""
        whole = len(self)
        return b"".join(self.read(offset, self._CHUNK_BYTES_MAX) for offset in range(0, whole, self._CHUNK_BYTES_MAX))


class Exchange:
    """The message at hand: its context, its input, and where its outcome goes.

    A plugin must end with at least one `forward`, with `filter`, or by raising `Reject`. An exchange lives as long as the call
    that it was given to.
    """

    __slots__ = ("_host",)

    def __init__(self, host: Any) -> None:
        self._host = host

    def message(self) -> Message:
        """The message that came in, as a copy of the plugin's own; `NotHl7` where the input is something else."""
        host = self._host.message()
        if host is None:
            raise NotHl7
        return Message(host)

    def document(self) -> Document | None:
        """What came in, as bytes."""
        host = self._host.document()
        return None if host is None else Document(host)

    def forward(self, message: Message, to: Sequence[str] = ()) -> None:
        """Sends the message, as it is now, to the next step or, from the last one, to destinations: those named in `to`, or
        all whose routing rules fit where none is named. The interface grants each name.

        May be called several times; outputs keep their order.
        """
        self._host.forward(message._host, list(to))

    def forward_document(self, content_type: str, body: bytes, to: Sequence[str] = ()) -> None:
        """Sends bytes of the plugin's own making, such as a CSV line or a report. Needs the grant `create`, and is for the
        last step of a chain."""
        self._host.forward_document(content_type, bytes(body), list(to))

    def filter(self, reason: str) -> None:
        """Ends this message here on purpose: it is recorded as filtered, and acknowledged as accepted."""
        self._host.filter(reason)

    @property
    def id(self) -> str:
        """The message's id in the engine: the same for every step and every attempt."""
        return self._host.id()

    @property
    def interface(self) -> str:
        """The name of the interface."""
        return self._host.interface_name()

    @property
    def received_at_ms(self) -> int:
        """When the message arrived, in milliseconds since 1970-01-01 UTC: the only clock a plugin has, so that running the
        same message again gives the same result."""
        return self._host.received_at_ms()

    @property
    def received_at(self) -> datetime:
        """The same as a time in UTC."""
        return Moment(self.received_at_ms).datetime

    @property
    def time_zone(self) -> str:
        """The time zone of the source, as an IANA name such as `Europe/Budapest`."""
        return self._host.time_zone()

    @property
    def attempt(self) -> int:
        """1 for the first run of this message, more where it is run again."""
        return self._host.attempt()

    def attribute(self, name: str) -> str | None:
        """A value that an earlier step or the source left; `None` where nobody did."""
        return self._host.attribute(name)

    def set_attribute(self, name: str, value: str) -> None:
        """Leaves a value for later steps and for routing."""
        self._host.set_attribute(name, value)
