"""Notes for the people who run the interface: `log.info("..")`.

The text may hold patient data, so it is kept with the message and under the same protection; operational logs carry only the
plugin, the level and a count. Lines and bytes per message are limited: what goes over is counted and dropped.
"""

from __future__ import annotations

from . import _host


def debug(text: str) -> None:
    """A line that is shown while developing."""
    _write("DEBUG", text)


def info(text: str) -> None:
    """A line that is worth keeping with the message."""
    _write("INFO", text)


def warn(text: str) -> None:
    """A line about something odd that the plugin coped with."""
    _write("WARN", text)


def error(text: str) -> None:
    """A line about something that a person should look at."""
    _write("ERROR", text)


def _write(level: str, text: str) -> None:
    host = _host.needed(_host.log, "log")
    host.write(host.Level[level], text)
