r"""A plugin's messages and vectors as tests of `unittest`, which `pytest` runs as well.

```python
import unittest
from transfuse.testing import run, vector_tests

VectorTests = vector_tests(".")

class Addresses(unittest.TestCase):
    def test_the_address_goes(self) -> None:
        report = run(".", "MSH|^~\\&|LAB\nPID|1||||||||||1 Teszt utca")
        self.assertEqual(report.forwarded_once(), "MSH|^~\\&|LAB\nPID|1")
```

`vector_tests` makes one test of each folder in `vectors/`, and `run` takes one message through the plugin. Both run the
component in the real sandbox, by the `transfuse` binary: the one that `TRANSFUSE` names, or else the one on the path. Compiled
code is kept in the plugin's `target/compiled`, unless `TRANSFUSE_CACHE` names another folder. What needs no host, such as a
function that tidies a name, is tested like any other Python: `@transform` leaves functions as they are, and the package can be
imported outside a component.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence


@dataclass(frozen=True)
class VectorReport:
    """What became of one vector."""

    name: str
    """Its folder below `vectors`."""
    description: str
    """What it is there for."""
    passes: bool
    """Whether the plugin did what is expected."""
    outcome: str
    """What the plugin did: `forwarded`, `filtered`, `rejected` or `faulted`, and how."""
    mismatches: list[Any]
    """What differs from what is expected, as `transfuse plugin test --json` tells it."""
    fuel: int | None
    """The instructions that it took; the same for every run."""


@dataclass(frozen=True)
class Output:
    """A message or document that a plugin sent on."""

    content: bytes
    """The bytes, as they leave the plugin."""
    content_type: str | None
    """The media type of a document; `None` for a message."""
    to: List[str]
    """The destinations named; empty where routing decides."""

    @property
    def text(self) -> str:
        """The text of it, in UTF-8; of a message with one segment a line."""
        text = self.content.decode(errors="replace")
        return text if self.content_type is not None else text.rstrip("\r").replace("\r", "\n")


@dataclass(frozen=True)
class Report:
    """What a plugin did with a message."""

    outcome: str
    """How it ended: `forwarded`, `filtered`, `rejected` or `faulted`."""
    outputs: List[Output] = field(default_factory=list)
    """What it sent on, in this order; empty where it ended otherwise."""
    code: str | None = None
    """The code of a rejection."""
    path: str | None = None
    """The path of a rejection, where it has one."""
    reason: str | None = None
    """Why it was rejected or filtered."""
    fault: Dict[str, str] | None = None
    """What went wrong: `kind` (`trapped`, `denied`, `misconfigured`, ..), `detail` with the type of an exception, `location`
    with the line of the source, `text` with its words, and `hint`."""
    log: List[str] = field(default_factory=list)
    """The lines of the log, as `warn: ..`."""
    state: Dict[str, str] = field(default_factory=dict)
    """What the plugin keeps for later messages; as before where the message was rejected or faulted."""

    def forwarded_once(self) -> str:
        """The text of the one message that the plugin forwarded; an `AssertionError` that tells what it did instead."""
        if len(self.outputs) != 1:
            raise AssertionError(f"one forwarded message is expected, this happened: {self}")
        return self.outputs[0].text


class TestFailed(Exception):
    """The vectors could not be run: the plugin does not build, or a vector's files have faults. Says what the binary says."""

    __test__ = False


@lru_cache(maxsize=None)
def run_vectors(plugin: str, vectors: str | None = None) -> tuple[VectorReport, ...]:
    """Builds the plugin in a folder and runs its vectors, or those of another folder: once in a process."""
    told = _answer(plugin, vectors)
    names = VectorReport.__dataclass_fields__
    return tuple(VectorReport(**{name: vector.get(name) for name in names}) for vector in told["vectors"])


def run(
    plugin: str,
    message: str | bytes,
    *,
    config: Mapping[str, Any] | None = None,
    tables: Mapping[str, Sequence[Sequence[str]]] | None = None,
    state: Mapping[str, str] | None = None,
    grants: Mapping[str, Any] | None = None,
    **context: Any,
) -> Report:
    """Runs a plugin, the one in a folder with `plugin.toml`, on a message: text with one segment a line, or the bytes.

    What surrounds the message may all be left out: `config` is the step's configuration (one that `config.schema.json` does not
    allow is a `TestFailed`: no site could start with it), `tables` are code tables by name, each the names of the columns and
    then the rows (each that the manifest requests is needed), `state` is what the plugin has kept, and `grants` are those of a vector.
    Others are those of a vector's `[context]`: `received_at`, `time_zone`, `charset`, `interface`, `attempt`, `attributes`.
    """
    given = {"description": "a unit test", "config": config or {}, "context": context, "state": state or {}}
    if tables:
        given["tables"] = list(tables)
    if grants is not None:
        given["grants"] = grants
    with tempfile.TemporaryDirectory(prefix="transfuse-test-") as name:
        folder = Path(name)
        place = folder / "message"
        place.mkdir()
        (place / "vector.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in given.items()), "utf-8")
        (place / "input.bin").write_bytes(_segments(message) if isinstance(message, str) else message)
        (folder / "tables").mkdir()
        for table, rows in (tables or {}).items():
            (folder / "tables" / f"{table}.csv").write_text("".join(map(_csv, rows)), "utf-8")
        return _report(_answer(plugin, name)["vectors"][0]["found"])


def _answer(plugin: str, vectors: str | None) -> Any:
    """What `transfuse plugin test --json` tells."""
    command = [os.environ.get("TRANSFUSE", "transfuse"), "plugin", "test", "--json", plugin]
    if vectors is not None:
        command += ["--vectors", vectors]
    surroundings = {"TRANSFUSE_CACHE": str(Path(plugin, "target", "compiled").absolute()), **os.environ}
    done = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", env=surroundings)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise TestFailed(done.stderr.strip()) from None


def _report(found: Dict[str, Any]) -> Report:
    outputs = [_output(output) for output in found.pop("outputs", [])]
    return Report(outputs=outputs, **found)


def _output(output: Dict[str, Any]) -> Output:
    content = output["content"]
    # Bytes that are not UTF-8 come as one character each.
    encoded = content["text"].encode(content["encoding"])
    return Output(encoded, output.get("content_type"), output["to"])


def _segments(text: str) -> bytes:
    """One segment a line, however the text is indented."""
    lines = [line.lstrip() for line in text.splitlines()]
    return "\r".join(line for line in lines if line).encode()


def _csv(row: Sequence[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it: texts as JSON does, and a table in one line."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items() if one is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def vector_tests(plugin: str, vectors: str | None = None) -> type[unittest.TestCase]:
    """A test case with a test for each vector of the plugin in a folder, or of another folder with vectors."""

    class VectorTests(unittest.TestCase):
        """Each folder of vectors is a test."""

    folder = Path(vectors) if vectors is not None else Path(plugin) / "vectors"
    for file in sorted(folder.glob("*/vector.toml")):
        name = file.parent.name
        setattr(VectorTests, f"test_{name}", _test_of(name, plugin, vectors))
    return VectorTests


def _test_of(name: str, plugin: str, vectors: str | None) -> Any:
    def test(self: unittest.TestCase) -> None:
        found = [report for report in run_vectors(plugin, vectors) if report.name == name]
        self.assertTrue(found, f"`transfuse plugin test` does not know the vector {name}")
        self.assertTrue(found[0].passes, f"{found[0].outcome}\n{json.dumps(found[0].mismatches, indent=2, ensure_ascii=False)}")

    return test
