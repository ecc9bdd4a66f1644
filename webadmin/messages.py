"""Texts in the reader's language. A page asks for a hundred: its catalogue is looked up once."""

from functools import cache
from pathlib import Path
from typing import Any

from babel.support import NullTranslations
from flask import g, has_request_context
from flask_babel import get_locale, get_translations
from flask_babel.speaklater import LazyString

TRANSLATIONS = Path(__file__).parent / "translations"


def language() -> str:
    """Return the code of this request's language; without a request, of the setting's."""
    try:
        return str(g.language)
    except AttributeError:
        g.language = str(get_locale())
        return str(g.language)
    except RuntimeError:
        return "en"


def translations() -> Any:
    """Return the catalogue of this request's language; without a request, of English."""
    try:
        return g.translations
    except AttributeError:
        # Without a request there is no language to choose: the command line speaks English.
        g.translations = _catalogue(language()) if has_request_context() else NullTranslations()
        return g.translations
    except RuntimeError:
        return NullTranslations()


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
