"""OBX-6: units as UCUM writes them. The number beside it is never touched: only spellings of the same unit are joined."""

from __future__ import annotations

from transfuse import log

from .edits import DELETE, WHITE_SPACE, Edits, listed
from .observation import Observation

#: What UCUM writes, and the spellings that analysers send.
#:
#: Case matters, because it carries meaning: `g/l` is grams per litre, but `G/l` in a Hungarian laboratory is giga per litre.
#: What could be either (`G/L`, `MU/L`) is not in the list and stays as it came.
_SPELLINGS = {
    "mmol/L": ["mmol/l", "MMOL/L"],
    "umol/L": ["umol/l", "UMOL/L", "µmol/l", "µmol/L", "μmol/l", "μmol/L", "mikromol/l"],
    "nmol/L": ["nmol/l", "NMOL/L"],
    "pmol/L": ["pmol/l", "PMOL/L"],
    "g/L": ["g/l"],
    "g/dL": ["g/dl", "G/DL"],
    "mg/L": ["mg/l"],
    "mg/dL": ["mg/dl", "MG/DL"],
    "ug/L": ["ug/l", "µg/l", "µg/L", "μg/l", "μg/L"],
    "ng/mL": ["ng/ml", "NG/ML"],
    "pg/mL": ["pg/ml", "PG/ML"],
    "U/L": ["u/l", "U/l"],
    "[IU]/L": ["IU/l", "IU/L", "NE/l"],
    "m[IU]/L": ["mIU/l", "mIU/L"],
    "[IU]/mL": ["IU/ml", "IU/mL"],
    "10*9/L": ["G/l", "Giga/l", "10^9/l", "10^9/L", "10E9/L", "x10^9/L"],
    "10*12/L": ["T/l", "Tera/l", "10^12/l", "10^12/L", "10E12/L", "x10^12/L"],
    "fL": ["fl", "FL"],
    "pg": ["PG"],
    "L/L": ["l/l"],
    "mL/min": ["ml/min", "ML/MIN"],
    "mm/h": ["mm/ó", "MM/H"],
    "s": ["sec"],
}

_UCUM = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}


def normalize(observations: list[Observation], edits: Edits) -> None:
    """Tidies units, fills in those of numbers without one, and warns where one differs from the table's."""
    differing = []
    for observation in observations:
        if observation.unit == DELETE:
            continue
        unit = observation.unit.strip(WHITE_SPACE)
        table_unit = observation.table_unit
        tidy = table_unit if not unit and observation.is_number else _UCUM.get(unit, unit)
        if tidy != unit:
            edits.append((f"{observation.path}-6.1.1", tidy))
        if table_unit and tidy and tidy != table_unit:
            differing.append(f"{observation.path}-6 is {tidy} where the table has {table_unit}")
    if differing:
        log.warn(listed(differing))


def ucum(unit: str) -> str | None:
    """What UCUM writes for a spelling that analysers send; `None` where it is not in the list or is right already."""
    return _UCUM.get(unit)
