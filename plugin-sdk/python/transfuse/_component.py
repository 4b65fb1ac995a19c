"""What a component starts with: the two functions that it exports, and the way out for a plugin that cannot go on.

Not for plugins: `transfuse plugin build` writes the module that calls `serve`, and it may change with any version.
"""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any, Callable

from . import _host
from .config import ConfigError
from .errors import KINDS, Fault, NotHl7, PathError
from .exchange import Exchange
from .log import debug
from .plugin import registered
from .reject import Code, Reject


class _Log:
    """Takes the place of the standard output, which a component has not: each line of `print` is a line of the log."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            debug(line)
        return len(text)

    def flush(self) -> None:
        """A line goes to the log where it ends."""


def serve(module_folder: str, source_folder: str) -> type:
    """The class that a component exports, for the plugin that the author's module has registered.

    `module_folder` is where the author's files lie while the component is made, and `source_folder` how the author calls it
    (`src/`): the locations of faults are written like that.
    """
    plugin = registered()
    raised = _Raiser(module_folder, source_folder)
    # An object of the class is made for each call, so what `init` prepares is kept beside it.
    prepared: list[Callable[[Exchange], None]] = []

    class Transformer:
        """`transformer` of the contract."""

        def init(self, config: bytes) -> None:
            """Called once per instance; a host that calls it again keeps what it set first."""
            if prepared:
                return
            sys.stdout = sys.stderr = _Log()  # type: ignore[assignment]
            try:
                prepared.append(plugin.prepare(json.loads(bytes(config) or b"{}")))
            except ConfigError as error:
                raise _host.Err(str(error)) from None
            except BaseException as error:
                raised.end(error)

        def transform(self, exchange: Any) -> None:
            """Called for each message."""
            try:
                if not prepared:
                    raise Fault("not-initialised", "the host called `transform` before `init`")
                _seed(exchange)
                prepared[0](Exchange(exchange))
            except BaseException as error:
                rejection = _rejection(error)
                if rejection is None:
                    raised.end(error)
                else:
                    raise _host.Err(_host.exchanges.Rejection(*rejection)) from None

    return Transformer


def _seed(exchange: Any) -> None:
    """A plugin that uses `random` gets other numbers for each message, and the same ones when it is run again."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed(exchange.id())


def _rejection(error: BaseException) -> tuple[str, str | None, str] | None:
    """Code, path and reason, where the message is at fault."""
    if isinstance(error, Reject):
        return error.code, error.path, error.reason
    if isinstance(error, PathError) and error.is_fault_of_message:
        return Code.DATA_TYPE_ERROR.value, error.path, error.text
    if isinstance(error, NotHl7):
        return Code.UNSUPPORTED_MESSAGE_TYPE.value, None, str(error)
    return None


class _Raiser:
    """Tells the host of an exception that nobody caught."""

    def __init__(self, module_folder: str, source_folder: str) -> None:
        self._module_folder = module_folder
        self._source_folder = source_folder

    def end(self, error: BaseException) -> None:
        """Ends the instance: kind and location are the program's own, the text may hold patient data."""
        kind = error.kind if isinstance(error, Fault) else KINDS.get(type(error), type(error).__name__)
        _host.faults.raise_(kind, self.location(error.__traceback__), str(error))

    def location(self, traceback: TracebackType | None) -> str:
        """The innermost place in the author's own files, such as `src/plugin.py:12`."""
        found = ""
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file.startswith(self._module_folder + "/"):
                within = file[len(self._module_folder) + 1 :]
                found = f"{self._source_folder}{within}:{traceback.tb_lineno}"
            traceback = traceback.tb_next
        return found
