"""The nearest valid word, and lists of words in a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_WORD = 60
MOST_WORDS = 40


def nearest(word: str, valid: Iterable[str]) -> str:
    """The valid word that `word` most likely means; empty when none is near."""
    if len(word) > LONGEST_WORD:
        return ""
    plain = {_plain(candidate): candidate for candidate in valid}
    found = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else ""


def one_of(words: Iterable[str], none: str = "nothing") -> str:
    """`a, b or c` as `one of a, b, c`; `none` when there are no words."""
    told = [
        word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 3] + "..."
        for word in dict.fromkeys(words)
    ]
    if not told:
        return none
    if len(told) == 1:
        return told[0]
    rest = f", and {len(told) - MOST_WORDS} more" if len(told) > MOST_WORDS else ""
    return f"one of {', '.join(told[:MOST_WORDS])}{rest}"


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")
