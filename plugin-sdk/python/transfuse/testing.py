"""A plugin's vectors as tests of `unittest`, which `pytest` runs as well.

```python
from transfuse.testing import vector_tests

VectorTests = vector_tests(".")
```

makes one test of each folder in `vectors/`. They run in the real sandbox, by the `transfuse` binary: the one that
`TRANSFUSE` names, or else the one on the path. What needs no host, such as a function that tidies a name, is tested like any
other Python: `@transform` leaves functions as they are, and the package can be imported outside a component.
"""

from __future__ import annotations

import json
import os
import subprocess
import unittest
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


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


class TestFailed(Exception):
    """The vectors could not be run: the plugin does not build, or a vector's files have faults. Says what the binary says."""

    __test__ = False


@lru_cache(maxsize=None)
def run_vectors(plugin: str, vectors: str | None = None) -> tuple[VectorReport, ...]:
    """Builds the plugin in a folder and runs its vectors, or those of another folder: once in a process."""
    command = [os.environ.get("TRANSFUSE", "transfuse"), "plugin", "test", "--json", plugin]
    if vectors is not None:
        command += ["--vectors", vectors]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise TestFailed(done.stderr.strip()) from None
    names = VectorReport.__dataclass_fields__
    return tuple(VectorReport(**{name: vector.get(name) for name in names}) for vector in told["vectors"])


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
