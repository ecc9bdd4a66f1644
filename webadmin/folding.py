"""What a search holds equal: letters of either case, with or without accents.

A search index keeps the *search text* of a column: its letters folded, and two marks before each
word and each ideograph. So the first one or two letters of a word, or a single ideograph, make
the three characters that a trigram index needs. SQLite's triggers, PostgreSQL's function
(`search_indexes`) and `search_text` here make the same of a text.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MARK = "\x1f\x1f"
SHORT = 3  # shorter words are looked for at the beginning of words only
# Ideographs, kana and hangul are written without spaces: each may begin a word.
IDEOGRAPHS = "\u2e80-\u9fff\uac00-\ud7a3"
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
# Latin, Greek and Cyrillic with the marks that combine with them. In other scripts such marks
# are vowels, or make another letter.
FOLDED = ((0xC0, 0x530), (0x1E00, 0x2000))
COMBINING = (0x300, 0x370)
# Letters that Unicode does not take apart.
_WHOLE = {
    "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "ø": "o", "ŧ": "t", "þ": "th",
    "æ": "ae", "œ": "oe", "ς": "σ",
}  # fmt: skip


def _plain(letter: str) -> str:
    folded = "".join(_WHOLE.get(each, each) for each in letter.casefold())
    parts = unicodedata.normalize("NFD", folded)
    bare = "".join(each for each in parts if not unicodedata.combining(each))
    return "".join(_WHOLE.get(each, each) for each in bare)


def _letters() -> dict[str, str]:
    marks = {chr(code): "" for code in range(*COMBINING)}
    every = (chr(code) for bounds in FOLDED for code in range(*bounds))
    found = {letter: _plain(letter) for letter in every if unicodedata.category(letter)[0] == "L"}
    return marks | {letter: plain for letter, plain in found.items() if plain != letter}


# What stands for a letter with an accent, or one that is folded otherwise.
LETTERS = _letters()
_TABLE = str.maketrans(LETTERS)
_UNEVEN = {letter for letter, plain in LETTERS.items() if len(plain) != 1}


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    return text.lower().translate(_TABLE)


def search_text(text: str | None) -> str | None:
    """Return what a search index keeps of a text."""
    return None if text is None else MARK + _spread(fold(text).replace(" ", f" {MARK}"))


def _spread(folded: str) -> str:
    return _IDEOGRAPH.sub(lambda found: MARK + found[0], folded)


def part(word: str) -> str:
    """Return the part of a search text that tells that a word was found."""
    folded = fold(word).replace(MARK[0], "") or word
    found = _spread(folded)
    return MARK + found if len(found) < SHORT else found


def is_sign(word: str) -> bool:
    """Return whether a word has neither letters nor digits."""
    return not any(map(str.isalnum, word))


def spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Return where words are in a text: beginnings and ends, in order, none touching another.

    Args:
        text: What is shown.
        words: What was searched for.
    """
    whole, origin = _traced(text)
    sought = _expressions(tuple(words))
    found: list[tuple[int, int]] = []
    for span in sorted(each.span() for one in sought for each in one.finditer(whole)):
        start, end = span if origin is None else _origin(span, origin, len(text))
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _origin(span: tuple[int, int], origin: list[int], length: int) -> tuple[int, int]:
    """Return where a part of a folded text comes from, with what combines with its last letter."""
    after = origin[span[1]] if span[1] < len(origin) else length
    return origin[span[0]], max(after, origin[span[1] - 1] + 1)


def _traced(text: str) -> tuple[str, list[int] | None]:
    """Return a text folded, and where each letter of it comes from; None: from the same place."""
    small = text.lower()
    if text.isascii() or (len(small) == len(text) and _UNEVEN.isdisjoint(small)):
        return small.translate(_TABLE), None
    parts = [fold(letter) for letter in text]
    return "".join(parts), [place for place, part in enumerate(parts) for _ in part]


@lru_cache(maxsize=200)
def _expressions(words: tuple[str, ...]) -> list[re.Pattern[str]]:
    folded = (fold(word) for word in words)
    return [re.compile(_expression(each)) for each in folded if each]


def _expression(wanted: str) -> str:
    short = len(wanted) < SHORT and not is_sign(wanted)
    begins = short and not _IDEOGRAPH.search(wanted)
    return ("(?:(?<= )|^)" if begins else "") + re.escape(wanted)
