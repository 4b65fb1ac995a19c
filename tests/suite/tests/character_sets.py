"""What the messages of character_sets.rs are, and what has to come out: by Python's own codecs.

Prints lines of interface, destination, and two messages in hexadecimal digits: what is sent, and what is expected.
The second is `-` where nothing may be delivered.
"""

CODECS = {"8859/2": "iso8859_2", "windows-1250": "cp1250", "UNICODE UTF-8": "utf_8"}
SOURCES = {"latin": "8859/2", "windows": "windows-1250", "unicode": "UNICODE UTF-8"}
# The letters that Western sets lack, those that lie elsewhere in the two Central European sets, and for the sets that
# have it a character that ISO 8859-2 lacks.
TEXT = "árvíztűrő tükörfúrógép ÁRVÍZTŰRŐ Šťastný Žľab"
EURO = "5 €"


def message(charset, text):
    return (
        f"MSH|^~\\&|A|KÓRHÁZ|||20261123||ADT^A08^ADT_A01|K1|P|2.5|||||HUN|{charset}\r"
        f"PID|1||7^^^MR||{text}^PRÓBA\\.br\\\\T\\\rZZZ|{text}\r"
    )


def outputs(text):
    """Destination, character set of what it gets, and the text in it; none where a character cannot be written."""
    for name, charset in SOURCES.items():
        for unmappable in ("fault", "escape"):
            known = "€" not in text or charset != "8859/2"
            escaped = text.replace("€", "\\X000020AC\\")
            yield f"{name}-{unmappable}", charset, text if known else escaped if unmappable == "escape" else None


for source, charset in SOURCES.items():
    # A sender of windows-1250 says that it sends ISO 8859-2, because its software knows no other name for it.
    declared = "8859/2" if source == "windows" else charset
    for text in (TEXT, EURO):
        if "€" in text and charset == "8859/2":
            continue
        sent = message(declared, text).encode(CODECS[charset]).hex()
        print(source, "as-it-is", sent, message(charset, text).encode(CODECS[charset]).hex())
        for destination, wanted, written in outputs(text):
            expected = "-" if written is None else message(wanted, written).encode(CODECS[wanted]).hex()
            print(source, destination, sent, expected)
