"""Uses all of the contract, as MSH-10 says, and writes down what it saw: into a segment of its own for each thing, so that
the vectors, which are those of JavaScript as well, compare it."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict

from transfuse import AmbiguousTime, Code, Exchange, Fault, Message, Moment, ParseError, Precision, Reject, Table, log, state, transform


def shown(value: str | None) -> str:
    """Absent, empty and anything else apart."""
    return "absent" if value is None else value or "empty"


def code_of(call: Callable[[], Any]) -> str:
    """What an error says it is."""
    try:
        call()
    except ParseError as error:
        return f"{error.code} at {error.offset}"
    except Exception as error:
        return error.code  # type: ignore[attr-defined, no-any-return]
    return "no error"


def note(message: Message, facts: Dict[str, str | None]) -> None:
    """Makes of each name and value a segment at the end of the message."""
    for name, value in facts.items():
        place = message.insert("ZNO")
        message.set_many([(f"{place}-1", name), (f"{place}-2", shown(value))])


def context(exchange: Exchange, message: Message) -> None:
    exchange.set_attribute("seen", "yes")
    note(
        message,
        {
            "id": exchange.id,
            "interface": exchange.interface,
            "arrived": str(exchange.received_at_ms),
            "zone": exchange.time_zone,
            "attempt": str(exchange.attempt),
            "ward": exchange.attribute("ward"),
            "seen": exchange.attribute("seen"),
            "nobody": exchange.attribute("nobody"),
        },
    )


def reading(_: Exchange, message: Message) -> None:
    family, title = message.get_many(["PID-5.1", "PID-5.9"])
    raw = message.get_raw("PID-3")
    counts = [message.count(path) for path in ("OBX", "PID-3", "PID-3[1]", "ORDER_OBSERVATION/")]
    note(
        message,
        {
            "absent": message.get("PID-40"),
            "empty": message.get("PID-2"),
            "delete": message.get("PID-6"),
            "escaped": message.get("NTE-3"),
            "repetition": message.get("PID-3[2].1"),
            "family": family,
            "title": title,
            "rows": " ".join("=".join(map(shown, row)) for row in message.rows("OBX", ["3.1", "5"])),
            "raw": raw.decode() if raw is not None else None,
            "none": "absent" if message.get_raw("ZZZ") is None else "there",
            "counts": ",".join(map(str, counts)),
            "encoded": str(len(message.encode())),
            "name": message.name_of("PID-3"),
            "datatype": message.datatype_of("PID-3"),
            "codes": message.table_of("PID-8"),
            "undefined": message.name_of("ZZZ-1"),
        },
    )


def groups(_: Exchange, message: Message) -> None:
    orders = message.groups("ORDER_OBSERVATION")
    results = ["+".join(shown(value) for (value,) in message.rows(f"{order}OBX", ["5"])) for order in orders]
    note(
        message,
        {
            "orders": " ".join(orders),
            "results": " ".join(results),
            "second": message.get("ORDER_OBSERVATION[2]/OBX[1]-3.1"),
            "within": str(len(message.groups(f"{orders[0]}OBSERVATION"))),
        },
    )
    message.set(f"{message.insert('OBX', 'ORDER_OBSERVATION[1]/')}-5", "added to the first order")


def writing(_: Exchange, message: Message) -> None:
    copy = message.copy()
    copy.set("PID-5.1", "COPIED")
    message.set("PID-5.2", "A|B&C")
    message.set_many({"MSH-5": "EHR", "PID-3[3].1": "third"})
    message.set_raw("PID-13", b"1^PRN~2")
    message.clear("PID-11")
    message.remove("PID-3[1]")
    message.remove("NTE")
    message.copy_from(message, "PID-5", "PID-9")
    message.copy_from(copy, "PID-5.1", "PID-5.1")
    made = Message.parse(b"MSH|^~\\&|MADE\rPV1|1|I|4EAST^401")
    message.insert("PV1", "PID")
    message.copy_from(made, "PV1-3", "PV1-3")


def times(_: Exchange, message: Message) -> None:
    def at(zone: str = "", ambiguous: AmbiguousTime = AmbiguousTime.BEFORE) -> str:
        moment = message.get_time("OBR-7", zone, ambiguous)
        return str(moment.unix_ms if moment is not None else None)

    born = message.get_time("PID-7")
    assert born is not None
    note(
        message,
        {
            "born": f"{born.unix_ms} {born.precision.value}",
            "none": "absent" if message.get_time("PID-29") is None else "there",
            "before": at(),
            "earlier": at(ambiguous=AmbiguousTime.EARLIER),
            "later": at(ambiguous=AmbiguousTime.LATER),
            "elsewhere": at("Asia/Tokyo"),
            "refused": code_of(lambda: at(ambiguous=AmbiguousTime.REJECT)),
            "noZone": code_of(lambda: at("Nowhere/Town")),
        },
    )
    message.set_time("OBR-8", Moment(1_772_362_800_250, Precision.MINUTE))
    message.set_time("OBR-22", Moment(1_772_362_800_250, Precision.FRACTION).datetime, "UTC")


def tables(_: Exchange, message: Message) -> None:
    wards = Table("wards")
    row = wards.find("theirs", "4E")
    assert row is not None
    many = wards.find_many("theirs", ["5W", "9X"])
    note(
        message,
        {
            "columns": ",".join(wards.columns),
            "row": ",".join(row.cells),
            "cell": row["ours"],
            "many": ",".join("missing" if found is None else found["ours"] for found in many),
            "noColumn": code_of(lambda: wards.find("nobody", "4E")),
            "noCell": code_of(lambda: row["nobody"]),
        },
    )


def keeping(_: Exchange, message: Message) -> None:
    before = state.get_text("count")
    state.set_json("count", state.get_json("count") + 1)
    state.set("patient/2", b"two")
    state.set("patient/1", "one")
    state.remove("old")
    note(
        message,
        {
            "before": before,
            "after": state.get_text("count"),
            "none": "absent" if state.get("old") is None else "there",
            "keys": ",".join(state.keys("patient/")),
            "schema": str(state.schema_version()),
            "badKey": code_of(lambda: state.set("", b"x")),
            "tooLarge": code_of(lambda: state.set("large", bytes(70_000))),
        },
    )


def errors(_: Exchange, message: Message) -> None:
    note(
        message,
        {
            "malformed": code_of(lambda: message.get("PID-5-1")),
            "composite": code_of(lambda: message.get("PID-5")),
            "header": code_of(lambda: message.set("MSH-1", "#")),
            "group": code_of(lambda: message.get("NO_SUCH_GROUP/OBX-1")),
            "frame": code_of(lambda: message.set("PID-5.1", "\x1c")),
            "noTime": code_of(lambda: message.get_time("PID-5.1")),
            "noHeader": code_of(lambda: Message.parse(b"PID|1")),
            "delimiters": code_of(lambda: Message.parse(b"MSH||||")),
        },
    )


def documents(exchange: Exchange, message: Message) -> None:
    document = exchange.document()
    assert document is not None
    whole = document.read_all()
    note(message, {"type": document.content_type, "length": str(len(document)), "begins": document.read(0, 3).decode()})
    exchange.forward_document("text/csv", f"{message.get('PID-3.1')};{len(whole)}\n".encode(), ["biobank"])
    exchange.forward(message, ["ehr", "archive"])
    exchange.forward(Message.parse(b"MSH|^~\\&|MADE\rPV1|1|I"))


def logging(_: Exchange, message: Message) -> None:
    log.debug("begun")
    log.info("filed")
    log.warn("odd")
    log.error(f"wrong: {message.get('PID-5.1')}")


def both(exchange: Exchange, message: Message) -> None:
    exchange.forward(message)
    exchange.filter("forwarded as well")


def faulty(*_: Any) -> None:
    raise Fault("no-ward", "the ward is not known")


def reject(*_: Any) -> None:
    raise Reject(Code.UNKNOWN_KEY_IDENTIFIER, "nobody has this number", at="PID-3")


def refuse(*_: Any) -> None:
    raise Reject("SITE-7", "not today")


def stateless(*_: Any) -> None:
    state.set("count", "9")
    raise Reject(Code.OTHER_HL7_ERROR, "nothing of this is kept")


Deed = Callable[[Exchange, Message], Any]

#: What goes on, when this returns, to be forwarded.
NOTING: Dict[str | None, Deed] = {
    "CONTEXT": context,
    "ERRORS": errors,
    "GROUPS": groups,
    "LOG": logging,
    "READ": reading,
    "STATE": keeping,
    "TABLES": tables,
    "TIMES": times,
    "WRITE": writing,
}

#: What ends the message for itself.
ENDING: Dict[str | None, Deed] = {
    "BOTH": both,
    "DOCUMENT": documents,
    "FAULT": faulty,
    "FILTER": lambda exchange, _: exchange.filter("not wanted"),
    "FORGET": lambda *_: None,
    "LEAF": lambda _, message: message.get("PID-5"),
    "NOTIME": lambda _, message: message.get_time("PID-5.1"),
    "QUOTA": lambda *_: state.set("large", bytes(70_000)),
    "REFUSE": refuse,
    "REJECT": reject,
    "STATELESS": stateless,
    "THROW": lambda *_: json.loads("{"),
}


@transform
def contract(exchange: Exchange) -> None:
    message = exchange.message()
    deed = message.get("MSH-10")
    if deed in ENDING:
        ENDING[deed](exchange, message)
        return
    NOTING[deed](exchange, message)
    exchange.forward(message)
