"""The step's configuration: plain data from the host, made into what the plugin's function expects.

A dataclass says what there is by its annotations: `str`, `int`, `float`, `bool`, `list[..]`, `dict[str, ..]`, `X | None`,
`Literal[..]`, an `Enum` by its values, and other dataclasses. A field without a default has to be given, and a key that is no
field is refused.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import Enum
from typing import Any, Literal, Union

#: What stands in front of each complaint.
_ROOT = "config"

_PLAIN = {str: "a string", int: "an integer", float: "a number", bool: "a boolean"}


class ConfigError(Exception):
    """The configuration is wrong. The text names the key, for the person who wrote it."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}" if where else text)


def check_type(expected: Any) -> None:
    """A `TypeError` where the annotation is none that a configuration can be read into: found when the plugin is built."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any or expected in _PLAIN or expected in (dict, list, type(None)) or origin is Literal:
        return
    if _is_enum(expected):
        return
    if dataclasses.is_dataclass(expected):
        for hint in _fields(expected).values():
            check_type(hint)
    elif origin is list or _is_union(origin):
        for argument in arguments:
            check_type(argument)
    elif origin is dict and arguments[0] is str:
        check_type(arguments[1])
    else:
        raise TypeError(f"a configuration cannot be read into {expected}: {__doc__}")


def read(expected: Any, given: Any, where: str = _ROOT) -> Any:
    """Reads what the host gave as what the plugin expects; a `ConfigError` where it is something else."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return given
    if dataclasses.is_dataclass(expected):
        return _read_dataclass(expected, given, where)
    if _is_enum(expected):
        return expected(_read_choice([member.value for member in expected], given, where))
    if origin is Literal:
        return _read_choice(list(arguments), given, where)
    if _is_union(origin):
        return _read_union(arguments, given, where)
    if origin is list or expected is list:
        items = _of_type(list, "a list", given, where)
        inner = arguments[0] if arguments else Any
        return [read(inner, item, f"{where}[{index}]") for index, item in enumerate(items)]
    if origin is dict or expected is dict:
        entries = _of_type(dict, "a table", given, where)
        inner = arguments[1] if arguments else Any
        return {key: read(inner, item, f"{where}.{key}") for key, item in entries.items()}
    return _read_plain(expected, given, where)


def _read_dataclass(expected: Any, given: Any, where: str) -> Any:
    entries = _of_type(dict, "a table", given, where)
    hints = _fields(expected)
    for key in entries:
        if key not in hints:
            names = [f"`{name}`" for name in hints]
            known = f"expected one of {', '.join(names)}" if len(names) > 1 else f"expected {names[0]}" if names else "none is expected"
            raise ConfigError(f"{where}.{key}", f"unknown field `{key}`, {known}")
    values = {name: read(hint, entries[name], f"{where}.{name}") for name, hint in hints.items() if name in entries}
    for field in dataclasses.fields(expected):
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.init and not has_default and field.name not in values:
            raise ConfigError(where, f"missing field `{field.name}`")
    try:
        return expected(**values)
    except ValueError as error:
        # From `__post_init__`, where a plugin checks what annotations cannot say.
        raise ConfigError(where, str(error)) from None


def _fields(expected: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(expected)
    return {field.name: hints[field.name] for field in dataclasses.fields(expected) if field.init}


def _read_choice(choices: list[Any], given: Any, where: str) -> Any:
    if any(type(given) is type(choice) and given == choice for choice in choices):
        return given
    names = ", ".join(f"`{choice}`" for choice in choices)
    raise ConfigError(where, f"unknown variant `{given}`, expected one of {names}")


def _read_union(members: tuple[Any, ...], given: Any, where: str) -> Any:
    if given is None and type(None) in members:
        return None
    candidates = [member for member in members if member is not type(None)]
    for candidate in candidates[:-1]:
        try:
            return read(candidate, given, where)
        except ConfigError:
            continue
    return read(candidates[-1], given, where)


def _read_plain(expected: Any, given: Any, where: str) -> Any:
    if expected is float and type(given) is int:
        return float(given)
    # A boolean is an int to Python, and none to the person who wrote it.
    return _of_type(expected, _PLAIN.get(expected, "nothing"), given, where)


def _of_type(expected: type, called: str, given: Any, where: str) -> Any:
    if type(given) is expected:
        return given
    raise ConfigError(where, f"invalid type: {_shown(given)}, expected {called}")


def _shown(given: Any) -> str:
    if isinstance(given, bool):
        return f"boolean `{str(given).lower()}`"
    if isinstance(given, (int, float)):
        return f"{'integer' if isinstance(given, int) else 'floating point'} `{given}`"
    if isinstance(given, str):
        return f'string "{given}"'
    return {list: "list", dict: "table", type(None): "nothing"}.get(type(given), type(given).__name__)


def _is_enum(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, Enum)


def _is_union(origin: Any) -> bool:
    return origin is Union or origin is getattr(types, "UnionType", None)
