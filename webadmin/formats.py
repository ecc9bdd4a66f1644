"""How values are shown: one function a column, made once for each language."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from typing import Any

from babel.numbers import format_decimal
from flask import has_request_context
from flask_babel import format_date, format_datetime, format_time, get_locale, get_timezone
from markupsafe import Markup

from webadmin.columns import Column
from webadmin.messages import gettext, language, ngettext
from webadmin.selects import SHORT_TEXT

Formatter = Callable[[Any], Any]
MOST_PLACES = 40  # numbers further from the decimal point are shown with an exponent


def empty() -> Markup:
    """Return what stands for NULL."""
    return _empty(gettext("empty"))


@cache
def _empty(text: str) -> Markup:
    return Markup(
        '<span class="empty" title="{0}"><span aria-hidden="true">–</span>'
        '<span class="visually-hidden">{0}</span></span>'
    ).format(text)


def formatter(column: Column, short: bool = False) -> Formatter:
    """Return the function that shows values of a column: text, or Markup that is safe.

    Args:
        column: The column.
        short: Whether long texts are cut, as in lists.
    """
    return _formatter(column, short, language(), has_request_context())


@lru_cache(maxsize=1000)
def _formatter(column: Column, short: bool, _language: str, _translated: bool) -> Formatter:
    nothing = empty()
    show = _MAKERS.get(column.kind.name, _plain)(column, short)

    def shown(value: Any) -> Any:
        if value is None:
            return nothing
        try:
            return show(value)
        except Exception:  # SQLite may hold any value in any column; Babel fails in many ways
            return str(value)

    return shown


def _plain(_column: Column, _short: bool) -> Formatter:
    return str


def _text(_column: Column, short: bool) -> Formatter:
    blank = Markup('<span class="empty">“”</span>')

    def show(value: str) -> Any:
        if short and len(value) > SHORT_TEXT:
            return value[:SHORT_TEXT] + "…"
        return value or blank

    return show


def _number(_column: Column, _short: bool) -> Formatter:
    locale = get_locale()

    def show(value: Any) -> str:
        number = value if isinstance(value, Decimal) else Decimal(repr(value)).normalize()
        if not number.is_finite() or (number and abs(number.adjusted()) > MOST_PLACES):
            return str(value)
        places = max(0, -int(number.as_tuple().exponent))
        with localcontext(prec=200):  # Babel rounds to 28 digits and refuses more
            return format_decimal(number, f"#,##0.{'0' * places}" if places else "#,##0", locale)

    return show


def _boolean(_column: Column, _short: bool) -> Formatter:
    yes, no = gettext("Yes"), gettext("No")
    return lambda value: yes if value else no


def _choice(column: Column, _short: bool) -> Formatter:
    return lambda value: column.text(value).replace("_", " ")


def _datetime(column: Column, _short: bool) -> Formatter:
    if not getattr(column.type, "timezone", False):
        return lambda value: format_datetime(value, rebase=False)
    return lambda value: moment(column.exact(value))


def moment(value: datetime | str) -> str:
    """Return a time (or its ISO 8601 text), in UTC where it names no zone, in the site's zone."""
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    local = aware.astimezone(get_timezone() or UTC)
    return f"{format_datetime(local, rebase=False)} {local.tzname()}"


def _json(column: Column, short: bool) -> Formatter:
    def show(value: Any) -> Any:
        text = column.text(value)
        if short:
            text = " ".join(text.split())
            return text if len(text) <= SHORT_TEXT else text[:SHORT_TEXT] + "…"
        return Markup("<pre>{}</pre>").format(text)

    return show


def _size(_column: Column, _short: bool) -> Formatter:
    return lambda value: ngettext("%(num)s byte", "%(num)s bytes", int(value))


_MAKERS: dict[str, Callable[[Column, bool], Formatter]] = {
    "string": _text,
    "text": _text,
    "float": _number,
    "decimal": _number,
    "boolean": _boolean,
    "choice": _choice,
    "date": lambda _column, _short: format_date,
    "time": lambda _column, _short: lambda value: format_time(value, rebase=False),
    "datetime": _datetime,
    "interval": lambda column, _short: column.text,
    "json": _json,
    "binary": _size,
}
