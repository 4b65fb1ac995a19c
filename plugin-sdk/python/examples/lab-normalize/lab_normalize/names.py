"""PID-5: the case of names, in every repetition, for the family name, the given name and further given names. Prefix, suffix
and degree stay as they came, because `III` and `PhD` have a case of their own."""

from __future__ import annotations

import re

from transfuse import Message

from .config import NameCase
from .edits import WHITE_SPACE, Edits

#: Family name, given name, further given names; of a family name with parts, the surname.
_PARTS = ["1.1", "2.1", "3.1"]

_SEPARATORS = f"[{WHITE_SPACE}\\-\u2010\u2011\u2013'\u2019.]"

#: A word with the separator behind it, or a separator alone.
_WORD = re.compile(f"(?:(?!{_SEPARATORS})[\\s\\S])*(?:{_SEPARATORS}|$)")


def normalize(message: Message, case: NameCase, edits: Edits) -> None:
    """Rewrites the names as the site asks for it."""
    if case is NameCase.KEEP:
        return
    rewrite = title if case is NameCase.TITLE else upper
    paths = _paths(message)
    for path, name in zip(paths, message.get_many(paths)):
        rewritten = rewrite(name or "")
        if rewritten != (name or ""):
            edits.append((path, rewritten))


def _paths(message: Message) -> list[str]:
    return [
        f"PID[{patient}]-5[{repetition}].{part}"
        for patient in range(1, message.count("PID") + 1)
        for repetition in range(1, message.count(f"PID[{patient}]-5") + 1)
        for part in _PARTS
    ]


def upper(name: str) -> str:
    """`Szabó-Nagy` becomes `SZABÓ-NAGY`."""
    return name.upper()


def title(name: str) -> str:
    """`SZABÓ-NAGY` becomes `Szabó-Nagy`, and `o'brien` becomes `O'Brien`.

    A name that has capitals and small letters already was written by somebody who knew: in it only words that are all capitals
    change, so that `McDonald`, `von Neumann` and `Kovács B.` stay.
    """
    is_mixed = any(map(str.isupper, name)) and any(map(str.islower, name))
    return "".join(word if is_mixed and not _is_shouted(word) else _capitalized(word) for word in _WORD.findall(name))


def _is_shouted(word: str) -> bool:
    """More than one letter, and all of them capitals."""
    return sum(map(str.isalpha, word)) > 1 and not any(map(str.islower, word))


def _capitalized(word: str) -> str:
    return word[:1].upper() + word[1:].lower()
