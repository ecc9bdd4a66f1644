"""Differences of two values, as people read them: struck out what was, then what is now."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from markupsafe import Markup, escape

from webadmin.messages import gettext

MOST_WORDS = 2000  # beyond that the comparison itself takes too long
CONTEXT = 6  # words shown around a change
ALIKE = 0.3  # the share of words in common from which on a text reads better merged


def values(old: Any, new: Any) -> Markup:
    """Return an old and a new value, each as it is shown."""
    return Markup("{} <span aria-hidden='true'>→</span> {}").format(_gone(old), _come(new))


def _gone(text: Any) -> Markup:
    hidden = gettext("before:")
    return Markup('<del><span class="visually-hidden">{} </span>{}</del>').format(hidden, text)


def _come(text: Any) -> Markup:
    hidden = gettext("after:")
    return Markup('<ins><span class="visually-hidden">{} </span>{}</ins>').format(hidden, text)


def texts(old: str, new: str) -> Markup | None:
    """Return the difference of two texts word by word; None where they have little in common."""
    was, is_now = _words(old), _words(new)
    if max(len(was), len(is_now)) > MOST_WORDS or min(len(was), len(is_now)) < 2:
        return None
    matcher = SequenceMatcher(None, was, is_now, autojunk=False)
    if _alike(matcher, was, is_now) < ALIKE:
        return None
    return Markup("").join(_parts(matcher, was, is_now))


def _alike(matcher: "SequenceMatcher[str]", was: list[str], is_now: list[str]) -> float:
    """Return the share of words, without what stands between them, that both have."""
    same = [word for a, _, n in matcher.get_matching_blocks() for word in was[a : a + n]]
    total = sum(not word.isspace() for word in was + is_now)
    return 2 * sum(not word.isspace() for word in same) / total if total else 0


def _words(text: str) -> list[str]:
    """Return words and what stands between them."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _parts(matcher: "SequenceMatcher[str]", was: list[str], is_now: list[str]) -> Iterator[Markup]:
    codes = matcher.get_opcodes()
    for place, (tag, a, b, c, d) in enumerate(codes):
        if tag == "equal":
            yield _kept(was[a:b], first=place == 0, last=place == len(codes) - 1)
            continue
        if b > a:
            yield _gone("".join(was[a:b]))
        if d > c:
            yield _come("".join(is_now[c:d]))


def _kept(words: list[str], first: bool, last: bool) -> Markup:
    """Return words that stayed, without those far from any change."""
    before = 0 if first else 2 * CONTEXT
    after = 0 if last else 2 * CONTEXT
    if len(words) <= before + after + 2:
        return escape("".join(words))
    head, tail = words[:before], words[len(words) - after :]
    return escape(f"{''.join(head)} … {''.join(tail)}")
