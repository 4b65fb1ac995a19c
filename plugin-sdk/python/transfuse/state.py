"""What a plugin keeps between messages: a small keyed store of its own, for each interface that uses it.

Reads see what this message's own chain has written so far. Writes become durable together with the message's outcome, and are
dropped where it is rejected or where any step of its chain faults: so a message that is sent again is never counted twice. The
messages of an interface whose plugins keep state run one after the other. Needs `state = true` in the manifest's `[requests]`
and in the interface's grants.
"""

from __future__ import annotations

import json
from typing import Any, Iterator

from . import _host
from .errors import StateError

#: How many keys cross from the host in one call.
_KEYS_PER_CALL_MAX = 100


def get(key: str) -> bytes | None:
    """The value of a key; `None` where there is none."""
    value = _store().get(key)
    return None if value is None else bytes(value)


def get_text(key: str) -> str | None:
    """The same as text."""
    value = get(key)
    return None if value is None else value.decode()


def set(key: str, value: bytes | str) -> None:
    """Puts a value in place of the one that is there; text is kept as UTF-8."""
    try:
        _store().set(key, value.encode() if isinstance(value, str) else bytes(value))
    except _host.Err as error:
        raise StateError(error.value.code, error.value.text) from None


def get_json(key: str) -> Any:
    """The value of a key that `set_json` wrote; `None` where there is none."""
    value = get(key)
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        # Its own words would quote the value.
        raise StateError("json", "the value is not JSON") from None


def set_json(key: str, value: Any) -> None:
    """Puts a value in place of the one that is there, as JSON."""
    set(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def remove(key: str) -> None:
    """Takes a key out. One that is not there stays so."""
    _store().remove(key)


def keys(prefix: str = "") -> Iterator[str]:
    """The keys that begin with `prefix`, in the order of their bytes."""
    after = ""
    while True:
        found = _store().keys(prefix, after, _KEYS_PER_CALL_MAX)
        yield from found
        if len(found) < _KEYS_PER_CALL_MAX:
            return
        after = found[-1]


def schema_version() -> int:
    """The version of the state's schema, as the manifest of the plugin that last wrote names it; 0 where nothing is kept
    yet."""
    return int(_store().schema_version())


def _store() -> Any:
    return _host.needed(_host.state, "state = true")
