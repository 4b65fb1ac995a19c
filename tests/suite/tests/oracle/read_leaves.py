"""Reads messages with `hl7` and `hl7apy` and prints every leaf that they see.

    read_leaves.py MESSAGES

MESSAGES has a line of JSON for each message: its number, its character set, and its bytes in hexadecimal, segments
ended by CR. The answer has a line for each message and library: its leaves that are not empty, by path, or the
exception that the library raised. Nothing is judged here: what a library gives is passed on as it is.
"""
import json
import logging
import sys
import warnings

import hl7
import hl7apy.parser
from hl7apy.base_datatypes import TextualDataType
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import is_base_datatype
from hl7apy.exceptions import InvalidEncodingChars, InvalidName, UnsupportedVersion

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

# What Python calls the sets of HL7 table 0211 that the messages declare.
CODECS = {"UNICODE UTF-8": "utf-8", "ASCII": "ascii", "8859/1": "latin-1", "8859/2": "iso8859-2"}


def parts(container, kind):
    """The children of a container of `hl7`: it leaves out levels in which nothing is divided."""
    return list(container) if isinstance(container, kind) else [container]


def leaves_of_hl7(text):
    message = hl7.parse(text)
    seen = {}
    for segment in message:
        name = str(segment[0])
        seen[name] = seen.get(name, 0) + 1
        for number, field in enumerate(segment):
            if number == 0:
                continue
            for repetition, repeated in enumerate(parts(field, hl7.Field), 1):
                for component, composed in enumerate(parts(repeated, hl7.Repetition), 1):
                    for subcomponent, leaf in enumerate(parts(composed, hl7.Component), 1):
                        path = f"{name}[{seen[name]}]-{number}[{repetition}].{component}.{subcomponent}"
                        is_header = name == "MSH" and number <= 2
                        yield path, str(leaf) if is_header else message.unescape(str(leaf))


def number_of(name):
    """The number at the end of a name such as PID_5 or XPN_1; none of a simple datatype, or without a name."""
    end = (name or "").rpartition("_")[2]
    return int(end) if end.isdigit() else None


def characters_of(text):
    """The delimiters by their places, for `hl7apy`, which refuses a fifth one before version 2.7."""
    field, rest = text[3], text[4:].split(text[3])[0]
    names = ("COMPONENT", "REPETITION", "ESCAPE", "SUBCOMPONENT")
    return dict(zip(names, rest, strict=False)) | {"FIELD": field, "SEGMENT": "\r", "GROUP": "\r"}


def segments_of_hl7apy(text):
    """The whole message; or, where `hl7apy` refuses that for its version, delimiters or one line, line by line."""
    try:
        return hl7apy.parser.parse_message(text, find_groups=False, validation_level=VALIDATION_LEVEL.TOLERANT).children
    except (UnsupportedVersion, InvalidEncodingChars, InvalidName):
        characters = characters_of(text)
        return [segment for line in text.split("\r") for segment in segment_of_hl7apy(line, characters)]


def segment_of_hl7apy(line, characters):
    try:
        yield hl7apy.parser.parse_segment(line, "2.5", characters, VALIDATION_LEVEL.TOLERANT)
    except InvalidName:
        pass


def leaves_of_hl7apy(text):
    segments = segments_of_hl7apy(text)
    seen = {}
    for segment in segments:
        seen[segment.name] = seen.get(segment.name, 0) + 1
        repetitions = {}
        for field in segment.children:
            number = number_of(field.name)
            repetitions[number] = repetitions.get(number, 0) + 1
            where = f"{segment.name}[{seen[segment.name]}]-{number or '?'}[{repetitions[number]}]"
            for path, value in leaves_of_field(field):
                yield f"{where}.{path}", value


def leaves_of_field(field):
    """Where a component is of a simple datatype, its subcomponents are siblings of one name. A part that the
    library's own tables do not know has no number, and so no place that could be told: it is numbered with a `?`."""
    subcomponents = {}
    for place, composed in enumerate(field.children, 1):
        component = number_of(composed.name) or (place if composed.name else f"?{place}")
        is_simple = composed.datatype is None or is_base_datatype(composed.datatype, field.version)
        for leaf in composed.children:
            subcomponents[component] = subcomponents.get(component, 0) + 1
            counted = subcomponents[component]
            subcomponent = number_of(leaf.name) or (counted if is_simple else f"?{counted}")
            is_text = isinstance(leaf.value, TextualDataType)
            yield f"{component}.{subcomponent}", leaf.value.value if is_text else leaf.to_er7()


def answer(number, library, leaves, text):
    found = {}
    try:
        for path, value in leaves(text):
            if value is not None and value != "":
                found[path] = str(value)
        return {"number": number, "library": library, "leaves": found}
    except Exception as error:  # Whatever it is, the other side counts it.
        return {"number": number, "library": library, "error": type(error).__name__, "leaves": {}}


def main():
    with open(sys.argv[1], encoding="utf-8") as messages:
        for line in messages:
            message = json.loads(line)
            try:
                text = bytes.fromhex(message["bytes"]).decode(CODECS[message["charset"]])
            except (UnicodeDecodeError, KeyError) as error:
                for library in ("hl7", "hl7apy"):
                    answered = {"error": type(error).__name__, "leaves": {}}
                    print(json.dumps({"number": message["number"], "library": library} | answered))
                continue
            print(json.dumps(answer(message["number"], "hl7", leaves_of_hl7, text)))
            print(json.dumps(answer(message["number"], "hl7apy", leaves_of_hl7apy, text)))


main()
