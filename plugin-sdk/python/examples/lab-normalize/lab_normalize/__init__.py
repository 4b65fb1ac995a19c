"""Laboratory results (ORU^R01) in the hospital's vocabulary.

- OBX-3: local codes become LOINC through a code table; the local code stays as the alternate.
- OBX-6: units as UCUM writes them; a missing unit of a number is filled in from the table.
- OBX-8: abnormal flags of HL7 table 0078.
- PID-5: the case of names, where the site asks for it.
- MSH-5 and MSH-6: the receiver, where the site names it.

Values are never converted, and everything else, Z-segments included, stays as it came, byte for byte. It does the same as
`plugins/lab-normalize`, and passes the same vectors.
"""

from __future__ import annotations

from transfuse import Code, Exchange, Message, Reject, log, transform

from . import codes, flags, names, observation, units
from .config import Config
from .edits import Edits


@transform
def lab_normalize(exchange: Exchange, config: Config) -> None:
    """Puts a laboratory result into the hospital's vocabulary."""
    message = exchange.message()
    if not _is_result(message):
        _pass_or_reject(exchange, message, config)
        return
    edits = _receiver(config)
    names.normalize(message, config.name_case, edits)
    observations = observation.read_all(message)
    codes.normalize(observations, config, edits)
    units.normalize(observations, edits)
    flags.normalize(observations, edits)
    message.set_many(edits)
    exchange.forward(message)


def _is_result(message: Message) -> bool:
    return message.get_many(["MSH-9.1.1", "MSH-9.2.1"]) == ["ORU", "R01"]


def _pass_or_reject(exchange: Exchange, message: Message, config: Config) -> None:
    """Handing on unseen what this plugin was not made for would look like success, so the site has to ask for it."""
    if not config.pass_others:
        reason = "only laboratory results (ORU^R01) are taken here"
        raise Reject(Code.UNSUPPORTED_MESSAGE_TYPE, reason, at="MSH-9")
    log.debug("not an ORU^R01: passed on as it came")
    exchange.forward(message)


def _receiver(config: Config) -> Edits:
    named = [("MSH-5", config.application), ("MSH-6", config.facility)]
    return [(path, name) for path, name in named if name is not None]
