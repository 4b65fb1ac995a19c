"""Parses a message and reads values of it, with `hl7` and with `hl7apy`; prints the nanoseconds that each took.

    read_thirty.py MESSAGE WANTED

WANTED has a line for each value: segment, occurrence, field, component, and what must stand there.
"""
import sys
import time

import hl7
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

BATCHES = 5


def read_with_hl7(text, wanted):
    message = hl7.parse(text)
    for segment, occurrence, field, component, value in wanted:
        found = message.extract_field(segment, occurrence, field, 1, component, 1)
        assert found == value, (segment, field, found)


def read_with_hl7apy(text, wanted):
    message = parse_message(text, find_groups=False, validation_level=VALIDATION_LEVEL.TOLERANT)
    for segment, occurrence, field, component, value in wanted:
        found = getattr(getattr(message, segment.lower())[occurrence - 1], f"{segment}_{field}".lower())[0]
        if len(found.children) > 1 or component > 1:
            found = getattr(found, f"{segment}_{field}_{component}".lower())[0]
        # It leaves escapes as they are.
        assert found.to_er7().replace("\\T\\", "&") == value, (segment, field, found.to_er7())


def best(read, text, wanted, rounds):
    times = []
    for _ in range(BATCHES):
        started = time.perf_counter_ns()
        for _ in range(rounds):
            read(text, wanted)
        times.append((time.perf_counter_ns() - started) // rounds)
    return min(times)


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    with open(sys.argv[2], encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    wanted = [(segment, int(at), int(field), int(component), value) for segment, at, field, component, value in rows]
    print(best(read_with_hl7, text, wanted, 200), best(read_with_hl7apy, text, wanted, 5))


main()
