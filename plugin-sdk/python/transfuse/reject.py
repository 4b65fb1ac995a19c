"""Rejections: the message is not acceptable, and its sender is told why."""

from __future__ import annotations

from enum import Enum


class Code(str, Enum):
    """What sort of trouble a message has: HL7 table 0357."""

    SEGMENT_SEQUENCE_ERROR = "100"
    """The segments are not in the order, or not those, that the message type asks for."""
    REQUIRED_FIELD_MISSING = "101"
    """A required field is missing."""
    DATA_TYPE_ERROR = "102"
    """A field holds something else than its data type allows."""
    TABLE_VALUE_NOT_FOUND = "103"
    """A value is not in the code table that it should come from."""
    VALUE_TOO_LONG = "104"
    """A value is too long."""
    NON_CONFORMANT_CARDINALITY = "198"
    """Too many or too few of something."""
    OTHER_HL7_ERROR = "199"
    """None of the others."""
    UNSUPPORTED_MESSAGE_TYPE = "200"
    """This interface does not take messages of this type."""
    UNSUPPORTED_EVENT_CODE = "201"
    """This interface does not take this trigger event."""
    UNSUPPORTED_PROCESSING_ID = "202"
    """Test, production and training are not to be mixed."""
    UNSUPPORTED_VERSION_ID = "203"
    """This interface does not take this version of HL7."""
    UNKNOWN_KEY_IDENTIFIER = "204"
    """The patient, order or account is not known."""
    DUPLICATE_KEY_IDENTIFIER = "205"
    """The patient, order or account exists already."""
    APPLICATION_RECORD_LOCKED = "206"
    """The record is locked; the same message may succeed later."""
    APPLICATION_INTERNAL_ERROR = "207"
    """Something went wrong that is not the message's fault."""


class Reject(Exception):
    """Raised to turn the message away. It becomes the ERR segment of the negative acknowledgement.

    `raise Reject(Code.REQUIRED_FIELD_MISSING, "a result without a name cannot be filed", at="PID-5")`

    `code` is one of `Code`, or text that the site has agreed on with the sender. `reason` is for the people at the sender; it
    may quote the message, because it goes to no log. `at` is the place in the message; left out where the rejection is about
    the message as a whole.
    """

    def __init__(self, code: Code | str, reason: str, at: str | None = None) -> None:
        super().__init__(reason)
        self.code: str = code.value if isinstance(code, Code) else code
        self.reason = reason
        self.path = at
