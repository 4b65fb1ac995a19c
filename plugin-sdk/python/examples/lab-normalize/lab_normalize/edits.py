"""What the parts of the plugin have in common."""

from __future__ import annotations

from typing import List, Sequence, Tuple

#: Values to put into the message, by path: collected, so that one call sets them all.
Edits = List[Tuple[str, str]]

#: HL7's delete marker: a value to be removed at the receiver, and none itself.
DELETE = '""'

#: What Unicode calls white space. Python's own idea of it has four control characters besides.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

#: How many names a line of the log holds.
_LISTED_MAX = 20


def listed(names: Sequence[str]) -> str:
    """Names for a line of the log: each once, and no more of them than a person would read."""
    once = list(dict.fromkeys(names))
    more = len(once) - _LISTED_MAX
    shown = ", ".join(once[:_LISTED_MAX])
    return f"{shown} and {more} more" if more > 0 else shown
