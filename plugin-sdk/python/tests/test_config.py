"""How configurations are read: without a component."""

from __future__ import annotations

import unittest
from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, List, Literal, Optional

from transfuse import config


class Case(Enum):
    KEEP = "keep"
    UPPER = "upper"


@dataclass
class Ward:
    name: str
    beds: int = 0


@dataclass
class Config:
    facility: str
    case: Case = Case.KEEP
    share: float = 1.0
    mode: Literal["on", "off"] = "on"
    strict: Optional[bool] = None
    codes: List[int] = field(default_factory=list)
    wards: Dict[str, Ward] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ValueError("`share` is at most 1")


class Reading(unittest.TestCase):
    def complaint(self, given: object) -> str:
        with self.assertRaises(config.ConfigError) as caught:
            config.read(Config, given)
        return str(caught.exception)

    def test_a_configuration_becomes_the_dataclass(self) -> None:
        given = {
            "facility": "SZENT_IMRE",
            "case": "upper",
            "share": 1,
            "mode": "off",
            "strict": True,
            "codes": [1, 2],
            "wards": {"east": {"name": "4EAST"}},
        }
        read = config.read(Config, given)
        wards = {"east": Ward("4EAST")}
        self.assertEqual(read, Config("SZENT_IMRE", Case.UPPER, 1.0, "off", True, [1, 2], wards))
        self.assertEqual(config.read(Config, {"facility": "X"}), Config("X"))

    def test_a_wrong_configuration_is_told_by_its_key(self) -> None:
        self.assertEqual(self.complaint({}), "config: missing field `facility`")
        self.assertEqual(self.complaint([]), "config: invalid type: list, expected a table")
        self.assertEqual(
            self.complaint({"facility": 5}), "config.facility: invalid type: integer `5`, expected a string"
        )
        self.assertEqual(
            self.complaint({"facility": "X", "codes": [1, True]}),
            "config.codes[1]: invalid type: boolean `true`, expected an integer",
        )
        self.assertEqual(
            self.complaint({"facility": "X", "case": "Upper"}),
            "config.case: unknown variant `Upper`, expected one of `keep`, `upper`",
        )
        self.assertEqual(
            self.complaint({"facilty": "X"}),
            "config.facilty: unknown field `facilty`, expected one of `facility`, `case`, `share`, `mode`, `strict`, "
            "`codes`, `wards`",
        )
        self.assertEqual(
            self.complaint({"facility": "X", "wards": {"east": {"name": "4EAST", "bed": 1}}}),
            "config.wards.east.bed: unknown field `bed`, expected one of `name`, `beds`",
        )
        self.assertEqual(self.complaint({"facility": "X", "share": 2.5}), "config: `share` is at most 1")

    def test_what_no_configuration_can_be_read_into_is_found_when_the_plugin_is_built(self) -> None:
        for annotation in (bytes, List[bytes], Dict[int, str], complex):
            with self.assertRaises(TypeError):
                config.check_type(annotation)
        config.check_type(Config)


if __name__ == "__main__":
    unittest.main()
