"""OBX-3: local codes become LOINC.

The code table has the columns `local` and `loinc`, and where the site keeps them `display` (the name beside the LOINC code)
and `unit` (what the analyser means where it sends none). A local code is looked up exactly as it came.

    OBX|1|NM|GLU^Glükóz^SYNLAB           becomes
    OBX|1|NM|14749-6^Glucose [Moles/volume] in Serum or Plasma^LN^GLU^Glükóz^SYNLAB
"""

from __future__ import annotations

from transfuse import Code, Reject, Row, Table, log

from .config import Config, OnUnknownCode
from .edits import DELETE, Edits, listed
from .observation import Observation

#: How HL7 table 0396 names LOINC.
_LOINC = "LN"

#: How HL7 table 0396 names a code system of the sender's own, where the sender did not name it.
_LOCAL = "L"


def normalize(observations: list[Observation], config: Config, edits: Edits) -> None:
    """Looks all local codes up in one call."""
    local = [observation for observation in observations if _is_local(observation)]
    if not local:
        return
    rows = Table(config.table).find_many("local", [observation.code.code for observation in local])
    unknown = []
    for observation, row in zip(local, rows):
        if row is not None and row["loinc"]:
            _replace(observation, row, edits)
        else:
            unknown.append(observation)
    if unknown:
        _handle_unknown(unknown, config)


def _is_local(observation: Observation) -> bool:
    return observation.code.code not in ("", DELETE) and observation.code.system != _LOINC


def _replace(observation: Observation, row: Row, edits: Edits) -> None:
    loinc = row["loinc"]
    observation.table_unit = row.get("unit")
    path, local, alternate = observation.path, observation.code, observation.alternate
    display = row.get("display") or local.text
    components = [loinc, display, _LOINC, local.code, local.text, local.system or _LOCAL]
    edits += [(f"{path}-3.{number}", value) for number, value in enumerate(components, start=1)]
    if not alternate.code:
        return
    if alternate.system != _LOINC:
        # The place of a second alternate, from 2.7 on; a receiver of an older version ignores components it has none of.
        second = [alternate.code, alternate.text, alternate.system]
        edits += [(f"{path}-3.{number}", value) for number, value in enumerate(second, start=10)]
    elif alternate.code != loinc:
        log.warn(f"{path}-3: the sender's LOINC {alternate.code} gave way to the table's {loinc}")


def _handle_unknown(unknown: list[Observation], config: Config) -> None:
    if config.on_unknown_code is OnUnknownCode.REJECT:
        first = unknown[0]
        reason = f"no LOINC code is known for {first.code.code}"
        raise Reject(Code.TABLE_VALUE_NOT_FOUND, reason, at=f"{first.path}-3")
    codes = listed([observation.code.code for observation in unknown])
    log.warn(f"table {config.table} has no LOINC code for {codes}")
