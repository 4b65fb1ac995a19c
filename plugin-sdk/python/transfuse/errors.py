"""What can go wrong, and whose fault it is.

An error that nobody catches ends the message: as a rejection where the message is at fault, and else as a fault of the
plugin, whose kind and source line an operator is told. The text may quote the message, so it is kept with the message only.
"""

from __future__ import annotations

#: The codes of `PathError` that are the message's fault; every other one, today's and later ones, is the plugin's.
_OF_MESSAGE = frozenset({"undecodable", "no-escape", "not-a-time", "ambiguous-time", "skipped-time"})


class Fault(Exception):
    """Ends the message with a fault of the plugin's own: an invariant that does not hold, a configuration that cannot be
    served.

    `kind` is shown in operational logs, so it is part of the program and never of the message: `no-such-ward`. `text` is for
    the plugin's author and is kept with the message.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class PathError(Exception):
    """A path could not be read or changed. An absent node is not an error.

    Uncaught it does the right thing: where the plugin is at fault (a path that is none, a node with parts, a value that the
    message's character set does not have), the message ends as a fault of the plugin; where the message is (bytes that are
    not text in its character set, a text that is no time, a delimiter in a value for a message that names no escape character),
    it is rejected with code 102 and the path.

    `code` is `malformed`, `not-a-leaf`, `not-settable`, `no-such-group`, `unencodable`, `unsupported`, `undecodable`,
    `no-escape`, `not-a-time`, `ambiguous-time` or `skipped-time`; the set may grow. `path` is as it was given, and `text` says what is
    wrong, without the value.
    """

    def __init__(self, code: str, path: str, text: str) -> None:
        super().__init__(f"{path}: {text} ({code})")
        self.code = code
        self.path = path
        self.text = text

    @property
    def is_fault_of_message(self) -> bool:
        """Whether the message is at fault, and not the plugin."""
        return self.code in _OF_MESSAGE


class ParseError(Exception):
    """Bytes that a plugin made are not an HL7 v2 message. Uncaught, a fault of the plugin.

    `code` is `no-header`, `bad-delimiters`, `too-many-segments`, and others later; `offset` is where the trouble starts, in
    bytes from the beginning.
    """

    def __init__(self, code: str, offset: int, text: str) -> None:
        super().__init__(f"byte {offset}: {text} ({code})")
        self.code = code
        self.offset = offset
        self.text = text


class TableError(Exception):
    """A table could not be used. Always the fault of the plugin or its configuration, never of the message.

    `code` is `no-such-table`, `not-granted` or `no-such-column`; the set may grow. `text` says what exists instead.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text


class StateError(Exception):
    """A value could not be kept, or what is kept is not what it is read as. Always the plugin's doing, never the message's.

    `code` is `over-quota`, `value-too-large`, `bad-key`, or `json` from the SDK itself; the set may grow.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text


class NotHl7(Exception):
    """The input is not an HL7 v2 message. Uncaught, a rejection with code 200 (unsupported message type)."""

    def __init__(self) -> None:
        super().__init__("the input is not an HL7 v2 message")


#: How the SDK's own errors are called in a fault; any other exception is called by the name of its type.
KINDS = {
    PathError: "path-error",
    ParseError: "parse-error",
    TableError: "table-error",
    StateError: "state-error",
}
