"""What a site may set: `config = { facility = "SZENT_IMRE", name_case = "title" }` in a step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional


class OnUnknownCode(Enum):
    """What becomes of a code that the table does not have."""

    KEEP = "keep"
    """The observation keeps its local code, and a warning is logged with the message."""
    REJECT = "reject"
    """The message is rejected with code 103 (table value not found)."""


class NameCase(Enum):
    """How names are written."""

    KEEP = "keep"
    """As they came."""
    TITLE = "title"
    """`SZABÓ-NAGY` becomes `Szabó-Nagy`; see `names.title`."""
    UPPER = "upper"
    """`Szabó-Nagy` becomes `SZABÓ-NAGY`."""


@dataclass(frozen=True)
class Config:
    """The configuration of a step. Every key may be left out; an unknown one is refused."""

    application: Optional[str] = None
    """The receiving application, MSH-5. Left as it came where not set."""
    facility: Optional[str] = None
    """The receiving facility, MSH-6. Left as it came where not set."""
    table: str = "lab-codes"
    """The code table; see `codes`."""
    on_unknown_code: OnUnknownCode = OnUnknownCode.KEEP
    """What becomes of a code that the table does not have."""
    name_case: NameCase = NameCase.KEEP
    """How names in PID-5 are written."""
    pass_others: bool = False
    """Whether messages other than ORU^R01 are passed on as they came, instead of being rejected."""
