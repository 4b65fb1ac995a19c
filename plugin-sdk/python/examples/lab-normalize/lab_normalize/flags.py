"""OBX-8: abnormal flags as HL7 table 0078 has them."""

from __future__ import annotations

from transfuse import log

from .edits import DELETE, WHITE_SPACE, Edits, listed
from .observation import Observation

#: HL7 table 0078 (2.9), with what 2.3 had.
_FLAGS = (
    "< > A AA AC B D DET H HH HM HU I IND L LL LU MS N ND NEG NR NS POS QCF R RR S SDD SYN-R SYN-S TOX U VS W WR null"
).split()

_BY_CAPITALS = {flag.upper(): flag for flag in _FLAGS}

#: Words that analysers send instead, in lower case.
_WORDS = {
    "abnormal": "A",
    "alacsony": "L",
    "high": "H",
    "kóros": "A",
    "low": "L",
    "magas": "H",
    "norm": "N",
    "normal": "N",
    "normál": "N",
    "ok": "N",
}

#: Signs that analysers send beside numbers. Beside anything else `+` says positive and not high, so it is left alone.
_SIGNS = {"+": "H", "++": "HH", "+++": "HH", "-": "L", "--": "LL", "---": "LL"}


def normalize(observations: list[Observation], edits: Edits) -> None:
    """Puts the standard's flag in place of each that is known."""
    unknown = []
    for observation in observations:
        for repetition, flag in enumerate(observation.flags, start=1):
            if flag in ("", DELETE):
                continue
            known = standard(flag, observation.is_number)
            if known is None:
                unknown.append(flag)
            elif known != flag:
                edits.append((f"{observation.path}-8[{repetition}].1.1", known))
    if unknown:
        log.warn(f"abnormal flags that are not in HL7 table 0078 stay as they came: {listed(unknown)}")


def standard(flag: str, is_number: bool) -> str | None:
    """The flag of table 0078 that is meant; `None` where that is not known."""
    flag = flag.strip(WHITE_SPACE)
    if flag in _FLAGS:
        return flag
    known = _BY_CAPITALS.get(flag.upper()) if flag.isascii() else None
    return known or _WORDS.get(flag.lower()) or (_SIGNS.get(flag) if is_number else None)
