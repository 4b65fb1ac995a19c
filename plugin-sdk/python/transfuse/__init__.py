"""What a Transfuse plugin in Python is written with.

```python
from transfuse import Exchange, transform

@transform
def redact(exchange: Exchange) -> None:
    \"""Drops the patient's address before the message leaves the hospital.\"""
    message = exchange.message()
    message.clear("PID-11")
    exchange.forward(message)
```

A plugin is one function under `@transform`. It must end by forwarding the message, by filtering it, or by raising
`Reject`; one that does none of these would lose the message, and that is a fault.

There is no clock, no file and no network: `exchange.received_at` is the time, what a plugin needs is imported at the top
of its module, and `print` writes a line to the log of the message.
"""

from . import log, state
from ._host import VERSION as __version__
from .errors import Fault, NotHl7, ParseError, PathError, StateError, TableError
from .exchange import Document, Exchange
from .message import Message
from .plugin import transform
from .reject import Code, Reject
from .tables import Row, Table
from .times import AmbiguousTime, Moment, Precision

__all__ = [
    "AmbiguousTime",
    "Code",
    "Document",
    "Exchange",
    "Fault",
    "Message",
    "Moment",
    "NotHl7",
    "ParseError",
    "PathError",
    "Precision",
    "Reject",
    "Row",
    "StateError",
    "Table",
    "TableError",
    "__version__",
    "log",
    "state",
    "transform",
]
