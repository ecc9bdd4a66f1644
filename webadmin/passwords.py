"""Which passwords may be chosen: NIST SP 800-63B, 5.1.1.2 - length, and none that is guessed first.

No rule says what a password is made of. What is common, or consists of words that everybody
would try here (the site's name, the email), is refused by zxcvbn's estimate of how many guesses
it withstands.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from flask import current_app
from flask_security import PasswordUtil

from webadmin.database import db
from webadmin.messages import gettext

SHORTEST = 12
LONGEST = 256
LEAST_SCORE = 3  # of zxcvbn's 0 to 4: at least 10^8 guesses
_LEAST_OWN = 6  # characters besides the words that everybody would try here
_ESTIMATED = 72  # characters that the estimate is made of: longer ones take it too long
# Argon2id with the second choice of OWASP's Password Storage Cheat Sheet, but one pass more.
HASHING = {
    "argon2__type": "id",
    "argon2__time_cost": 3,
    "argon2__memory_cost": 47_104,  # KiB
    "argon2__parallelism": 1,
}


def normal(password: str) -> str:
    """Return a password in the one form that is hashed: the same from every keyboard."""
    return unicodedata.normalize("NFKC", password)


def problem(password: str, words: Iterable[str] = ()) -> str:
    """Return what is wrong with a new password, "" where nothing is.

    Args:
        password: In its normal form.
        words: What somebody who knows the person would try.
    """
    if len(password) < SHORTEST:
        return gettext(
            "Write at least %(least)s characters; a few words are easy to remember.", least=SHORTEST
        )
    if len(password) > LONGEST:
        return gettext("Write at most %(most)s characters.", most=LONGEST)
    from zxcvbn import zxcvbn  # its lists of words take a moment to load

    known = {part for word in words for part in (word, *re.split(r"[^\w]", word)) if len(part) > 2}
    found = zxcvbn(password[:_ESTIMATED], user_inputs=list(known))
    if found["score"] < LEAST_SCORE or len(_without(known, password)) < _LEAST_OWN:
        return gettext("This password is among the first that are guessed. Choose another.")
    return ""


def _without(words: Iterable[str], password: str) -> str:
    """Return what of a password is not made of known words."""
    left = password.lower()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word.lower(), "")
    return left


class PasswordRules(PasswordUtil):
    """Flask-Security's way to ask for these rules."""

    def normalize(self, password: str) -> str:
        """Return a password in its normal form; one that is too long to hash becomes none."""
        return normal(password) if len(password) <= LONGEST else ""

    def validate(
        self, password: str, is_register: bool, **known: Any
    ) -> tuple[list[str] | None, str]:
        """Return what is wrong, and the normal form. Nobody waits while it is hashed next."""
        db.session.commit()
        password, account = normal(password), known.get("user")
        words = [str(current_app.config["SITE_NAME"]), "webadmin", "flask"]
        found = problem(password, [*words, account.email] if account else words)
        return ([found] if found else None), password
