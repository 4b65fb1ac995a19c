"""The host's functions, where this runs in a component; `None` everywhere else.

Outside a component (in an editor, in a unit test of a plugin's own functions) the package can be imported, and whatever
asks the host says that there is none. A component has `tables` and `state` only where its manifest requests them.
"""

from __future__ import annotations

from typing import Any

VERSION = "0.1.0"

exchanges: Any = None
faults: Any = None
hl7v2: Any = None
log: Any = None
state: Any = None
tables: Any = None


class Err(Exception):
    """What a host function raises; its `value` is the contract's record."""

    value: Any


try:
    from componentize_py_types import Err  # type: ignore[no-redef]
    from wit_world.imports import exchanges, faults, hl7v2, log
except ImportError:
    pass
try:
    from wit_world.imports import tables
except ImportError:
    pass
try:
    from wit_world.imports import state
except ImportError:
    pass


def is_there() -> bool:
    """Whether this runs in a component."""
    return faults is not None


def needed(interface: Any, request: str) -> Any:
    """An interface of the host, or an error that says how a plugin comes by it."""
    if interface is not None:
        return interface
    from .errors import Fault

    if is_there():
        raise Fault("not-requested", f"plugin.toml requests none: add `{request}` to its section [requests]")
    raise RuntimeError("there is no host here: run the plugin with `transfuse plugin test`, or by `transfuse.testing`")
