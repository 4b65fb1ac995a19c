"""`@transform`: marks the function that a plugin is."""

from __future__ import annotations

import inspect
import typing
from typing import Any, Callable, TypeVar

from . import config
from .exchange import Exchange

_Function = TypeVar("_Function", bound=Callable[..., None])

_SHAPES = (
    "a plugin's function looks like one of these:\n"
    "    def name(exchange: Exchange) -> None\n"
    "    def name(exchange: Exchange, config: Config) -> None"
)

#: What is wrong where a site configures a plugin that takes no configuration.
_NONE_TAKEN = "this plugin takes no configuration: remove `config` from the step"


class Plugin:
    """An author's function, and what it expects as its configuration."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.takes_config = _takes_config(function)
        self.config_type: Any = _config_type(function) if self.takes_config else None

    def prepare(self, given: Any) -> Callable[[Exchange], None]:
        """Joins the function with its configuration; a `config.ConfigError` where that is wrong."""
        if not self.takes_config:
            if given:
                raise config.ConfigError("", _NONE_TAKEN)
            return self.function
        read = config.read(self.config_type, given)
        return lambda exchange: self.function(exchange, read)


#: The one plugin of this component.
_registered: list[Plugin] = []


def transform(function: _Function) -> _Function:
    """Marks the plugin's function. It is called for each message, with the exchange and, where it takes a second argument,
    with the step's configuration: a `dict`, or the dataclass that the argument is annotated with.

    The function itself stays as it is, so that a unit test can call it.
    """
    if _registered:
        first = _registered[0].function
        raise TypeError(f"a plugin has one function under @transform, and {first.__name__} is that already")
    _registered.append(Plugin(function))
    return function


def registered() -> Plugin:
    """The plugin; a `TypeError` where no function is marked."""
    if not _registered:
        raise TypeError("the module holds no plugin: put @transform on its function")
    return _registered[0]


def _takes_config(function: Callable[..., None]) -> bool:
    if not inspect.isfunction(function):
        raise TypeError(f"@transform stands on a function, not on {function!r}; {_SHAPES}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{function.__name__} runs to its end in one call: it is neither async nor a generator; {_SHAPES}")
    parameters = list(inspect.signature(function).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) not in (1, 2) or any(parameter.kind not in plain for parameter in parameters):
        raise TypeError(f"{function.__name__} takes other arguments; {_SHAPES}")
    return len(parameters) == 2


def _config_type(function: Callable[..., None]) -> Any:
    second = list(inspect.signature(function).parameters)[1]
    expected = typing.get_type_hints(function).get(second, dict)
    config.check_type(expected)
    return expected
