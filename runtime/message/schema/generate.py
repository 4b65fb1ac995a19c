#!/usr/bin/env python3
"""Writes the schema's tables from a folder of JSON files, one for each version of HL7 v2.

usage: generate.py FOLDER     (FOLDER holds hl7v2_1.json ... hl7v2_8_2.json)

Writes segments.txt, datatypes.txt, structures.txt and tables.txt beside this script. The format is explained in
README.md; `cargo test -p transfuse-message --test schema_facts` compares the result with the same folder.
"""

import json
import pathlib
import re
import sys

VERSIONS = ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2"]
LETTERS = "abcdefghijkl"

# Words of names that stay in capitals, or have a spelling of their own.
ACRONYMS = """
AIG AIL AIP AIS BP BPO BPX BTX CDM CE CM CP CPU CRL CSR DB1 DEA DG1 DIN DMV DNR DRG DSP DT EI ESR FM FT1 GT1 HCFA HD HIT
HL7 IAM ICD ID IDS III II IIM IN1 IN2 IN3 IPR IRB ISO IV IVT LCC LCH LDP LOA LRL MCP MDM MFA MFE MFN MVX NDC NK1 NM
NTE OBR OBX OCE OID PCA PCCL PCE PID PR1 PRA PRC PRN PSRO PV1 QRY RDT RGS RX RXA RXV SAAL SAC SFT SI SSN STF TM TQ1 TQ2
TS TX TXA UB UB1 UB2 UB82 UB92 UID UPIN VAT VIP VND VT ZIP CNE CWE CX XCN XPN XAD XTN XON SNM ST DOB
""".split()
SMALL = {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "per", "the", "to", "was", "with", "than"}
SPELLED = {"IDS": "IDs"}

# Where the facts hold a slip of their own: what is meant.
FIELD_CORRECTIONS = {("2.1", "RX1", 30): ["INSTRUCTIONS_SIG", "TX", None]}

# Groups in which one of the segments stands, beside those whose names end in CHOICE.
CHOICES = {"OBRRQDRQ1RXOODSODT_SUPPGRP", "OBRRXO_SUPPGRP", "OBRANYHL7SEGMENT_SUPPGRP"}


def main(folder):
    facts = [json.loads((folder / f"hl7v{version.replace('.', '_')}.json").read_text()) for version in VERSIONS]
    here = pathlib.Path(__file__).parent
    write(here / "segments.txt", nodes(facts, "segments", cardinality_index=5))
    write(here / "datatypes.txt", nodes(facts, "datatypes", cardinality_index=4))
    write(here / "structures.txt", structures(facts))
    write(here / "tables.txt", tables(facts))


def write(path, lines):
    text = "\n".join(lines) + "\n"
    path.write_text(text)
    print(f"{path.name}: {len(text)} bytes, {len(lines)} lines")


def nodes(facts, kind, cardinality_index):
    """One block for each segment or datatype: a heading, then a line for each form that a position has had."""
    holders, forms = {}, {}
    for number, version in enumerate(facts):
        for name, parts in version[kind].items():
            if parts and parts[0][0] is None:
                continue  # not a segment: a leaf that the source took for one
            holders.setdefault(name, set()).add(number)
            for part in parts:
                position, *rest = part
                title, datatype, table = FIELD_CORRECTIONS.get((VERSIONS[number], name, position), rest[:3])
                quantity = cardinality(part[cardinality_index])
                datatype = {None: "", "wd": "WD"}.get(datatype, datatype)
                table = f" #{table}" if table else ""
                form = f"{datatype}{quantity}{table} {readable(title, name)}".rstrip()
                forms.setdefault(name, {}).setdefault((position, form), set()).add(number)
    lines = []
    for name in sorted(holders):
        lines.append(f"{name} {letters(holders[name])}")
        by_age = sorted(forms.get(name, {}).items(), key=lambda item: (item[0][0], sorted(item[1])))
        lines += [f" {position} {letters(held)} {form}" for (position, form), held in by_age]
    return lines


def cardinality(pair):
    short = {(1, 1): "", (0, 1): "?", (0, -1): "*", (1, -1): "+", (0, 0): "-"}
    return short.get(tuple(pair), f"{{{pair[0]},{pair[1]}}}")


def readable(title, holder):
    """DATE_TIME_OF_BIRTH as people write it: Date/Time of Birth. The holder's own name stands apart: Set ID - PID."""
    title = re.sub(r" {2,}(?=[A-Z])", "", title).replace(" ", "_")
    title = re.sub(r"(?<=[A-Z])_S(?=_|$)", "'s", title)
    words = [word for word in title.split("_") if word]
    text = " ".join(capitalised(word, first=index == 0) for index, word in enumerate(words))
    text = re.sub(r"\bDate Time\b", "Date/Time", text)
    return re.sub(rf" {holder}$", f" - {holder}", text)


def capitalised(word, first):
    if word in SPELLED:
        return SPELLED[word]
    if word in ACRONYMS:
        return word
    lower = word.lower()
    return lower if lower in SMALL and not first else lower[:1].upper() + lower[1:]


def structures(facts):
    """One line for each form that a message structure has had, with its groups in it."""
    forms = {}
    for number, version in enumerate(facts):
        for name, elements in version["messages"].items():
            form = written(version, name, elements)
            forms.setdefault(name, {}).setdefault(form, set()).add(number)
    return [
        line
        for name in sorted(forms)
        for line in [name]
        + [f" {letters(held)} {form}" for form, held in sorted(forms[name].items(), key=lambda item: sorted(item[1]))]
    ]


def written(version, structure, elements):
    parts = []
    for name, pair, kind in elements:
        if kind == "SEG":
            parts.append(("*" if name == "ANYHL7SEGMENT" else name) + cardinality(pair))
            continue
        prefix = structure.upper() + "_"
        short = name[len(prefix) :] if name.startswith(prefix) else name
        content = written(version, structure, version["groups"][name])
        opening, closing = "<>" if short.endswith("CHOICE") or short in CHOICES else "()"
        parts.append(f"{short}{cardinality(pair)}{opening}{content}{closing}")
    return " ".join(parts)


def tables(facts):
    """One block for each table: its titles, then codes by the versions that hold them."""
    titles, codes = {}, {}
    for number, version in enumerate(facts):
        for table, (title, held) in version["tables"].items():
            titles.setdefault(table, {}).setdefault(cleaned(title), set()).add(number)
            for code in filter(None, map(cleaned, held)):
                codes.setdefault(table, {}).setdefault(code, set()).add(number)
    lines = []
    for table in sorted(titles):
        lines.append(table)
        by_age = sorted(titles[table].items(), key=lambda item: sorted(item[1]))
        lines += [f" ={letters(held)} {title}" for title, held in by_age]
        by_versions = {}
        for code, held in codes.get(table, {}).items():
            by_versions.setdefault(letters(held), []).append(code)
        lines += ["\t".join([f" {held}"] + sorted(group)) for held, group in sorted(by_versions.items())]
    return lines


def cleaned(text):
    return text.replace("\u00c2\u00a0", " ").replace("\u00a0", " ").strip()


def letters(numbers):
    """Versions as letters, neighbours as a range: a-cf."""
    runs, previous = [], None
    for number in sorted(numbers):
        if previous is not None and number == previous + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
        previous = number
    return "".join(
        LETTERS[a] if a == b else LETTERS[a] + LETTERS[b] if b == a + 1 else f"{LETTERS[a]}-{LETTERS[b]}" for a, b in runs
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
