"""Texts in the reader's language. A page asks for a hundred: its catalogue is looked up once."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel.support import NullTranslations
from flask import has_request_context
from flask_babel import get_translations
from flask_babel.speaklater import LazyString
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webadmin import context
from webadmin.settings import LANGUAGES

TRANSLATIONS = Path(__file__).parent / "translations"


def language() -> str:
    """Return the setting's language, else the best of those that the browser asks for.

    The command line, which nobody's browser asks, speaks English without the setting.
    """
    try:
        kept = context.g()
    except RuntimeError:
        return LANGUAGES[0]
    if "language" not in kept:
        setting = context.app().config["LANGUAGE"]
        asked = has_request_context() and context.request().headers.get("Accept-Language")
        kept.language = str(setting or _best(asked or ""))
    found: str = kept.language
    return found


@lru_cache(maxsize=500)
def _best(header: str) -> str:
    return parse_accept_header(header, LanguageAccept).best_match(LANGUAGES) or LANGUAGES[0]


def translations() -> Any:
    """Return the catalogue of this request's language; without a request, of English."""
    try:
        kept = context.g()
    except RuntimeError:
        return NullTranslations()
    if "translations" not in kept:
        # Without a request there is no language to choose: the command line speaks English.
        kept.translations = _catalogue(language()) if has_request_context() else NullTranslations()
    return kept.translations


@cache
def _catalogue(_language: str) -> Any:
    return get_translations()


def gettext(text: str, **variables: Any) -> str:
    """Return a text translated, with `%(name)s` filled in."""
    translated: str = translations().ugettext(text)
    return translated % variables if variables else translated


def ngettext(one: str, many: str, num: int, **variables: Any) -> str:
    """Return the text for a number, `%(num)s` in it; languages have their own plurals."""
    translated: str = translations().ungettext(one, many, num)
    return translated % (variables | {"num": num})


def lazy_gettext(text: str, **variables: Any) -> Any:
    """Return what becomes a text when it is shown: for texts that stand in tables and classes."""
    return LazyString(gettext, text, **variables)
