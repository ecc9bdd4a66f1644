"""Texts of values, as they stand in forms, filters and keys: one parser a kind of column.

Every parser takes (text, SQLAlchemy type) and raises ValueError with a message for people.
Digits are ASCII only: `int()` and Flask's `<int:>` would take those of every script.
"""

import json
import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import has_app_context
from flask_babel import get_timezone
from sqlalchemy import types as sa

from webadmin.database import db, dialect
from webadmin.messages import gettext

_INTEGER = re.compile(r"-?[0-9]{1,40}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_INTERVAL = re.compile(r"(-?)(?:(\d{1,9}) )?(\d{1,2}):([0-5]\d):([0-5]\d)(\.\d{1,6})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?)"
_OFFSET = r"(Z|[+-]\d\d:\d\d(?::\d\d)?)?"
_TIME = re.compile(_CLOCK + _OFFSET, re.ASCII)
_DATETIME = re.compile(rf"(\d{{4}}-\d\d-\d\d)[ T]{_CLOCK}{_OFFSET}", re.ASCII)
# MariaDB and SQLite store a length of time as that long after 1970, so it must end on a date.
_LONGEST_INTERVAL = timedelta(days=700_000)
_DEEPEST_JSON = 100
_SQLITE_DIGITS = 15  # https://www.sqlite.org/floatingpoint.html


def parse_text(text: str, _type: Any) -> str:
    """Take any text but one with a NUL, which PostgreSQL cannot store."""
    if "\0" in text:
        raise ValueError(gettext("Leave out the NUL character."))
    return text


def parse_integer(text: str, type_: Any) -> int:
    """Take a whole number within the range of the column's type, in bits of two's complement."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(gettext("Write a whole number in plain digits, such as 42."))
    wide, narrow = isinstance(type_, sa.BigInteger), isinstance(type_, sa.SmallInteger)
    bits = 63 if wide else 15 if narrow else 31
    return within(int(text), -(2**bits), 2**bits - 1)


def within(number: int, least: int, most: int) -> int:
    """Return the number if it lies in the range; raises ValueError."""
    if not least <= number <= most:
        raise ValueError(
            gettext("Write a number from %(least)s to %(most)s.", least=str(least), most=str(most))
        )
    return number


def parse_float(text: str, _type: Any) -> float:
    """Take a finite number with a decimal point."""
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(gettext("Write a number with a decimal point, such as 12.5."))
    return float(text)


def parse_decimal(text: str, type_: Any) -> Decimal:
    """Take an exact number that fits the precision and scale of the column."""
    if not re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?", text, re.ASCII):
        raise ValueError(gettext("Write a number with a decimal point, such as 12.50."))
    before, _, after = text.lstrip("-").partition(".")
    before, after = before.lstrip("0"), after.rstrip("0")
    precision, scale = _decimal_limits(type_)
    if scale is not None and len(after) > scale:
        raise _too_precise(scale)
    if precision is not None and len(before) > precision - (scale or 0):
        raise ValueError(
            gettext(
                "Write at most %(count)s digits before the decimal point.",
                count=precision - (scale or 0),
            )
        )
    if _dbms() == "sqlite" and len((before + after).strip("0")) > _SQLITE_DIGITS:
        raise ValueError(gettext("Write at most %(count)s digits.", count=_SQLITE_DIGITS))
    return Decimal(text)


def _decimal_limits(type_: Any) -> tuple[int | None, int | None]:
    """Return how many digits the DBMS keeps, in all and after the point; None: any number."""
    precision, scale = type_.precision, type_.scale
    if precision is None and _dbms() in ("mysql", "mariadb"):
        return 10, 0  # MariaDB manual, DECIMAL
    if precision is not None and scale is None:
        return precision, 0  # so the SQL standard has it
    if scale is None and _dbms() == "sqlite":
        scale = type_._effective_decimal_return_scale  # what SQLAlchemy reads back
    return precision, scale


def _too_precise(places: int) -> ValueError:
    return ValueError(
        gettext("Write at most %(count)s digits after the decimal point.", count=places)
    )


def _dbms() -> str:
    """Return the name of the DBMS in use, "" where there is none: then nothing limits values."""
    return dialect() if has_app_context() else ""


def decimal_text(value: Any) -> str:
    """Return plain digits, never an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def parse_boolean(text: str, _type: Any) -> bool:
    """Take true or false."""
    if text not in ("true", "false"):
        raise ValueError(gettext("Write true or false."))
    return text == "true"


def boolean_text(value: Any) -> str:
    """Return true or false."""
    return "true" if value else "false"


def parse_enum(text: str, type_: Any) -> Any:
    """Take one of the names of the enumeration."""
    if type_.enum_class and text in type_.enum_class.__members__:
        return type_.enum_class[text]
    if not type_.enum_class and text in type_.enums:
        return text
    names = type_.enum_class.__members__ if type_.enum_class else type_.enums
    raise ValueError(gettext("Choose one of: %(names)s.", names=", ".join(names)))


def enum_text(value: Any) -> str:
    """Return the name of the member, or the string itself."""
    return value.name if isinstance(value, Enum) else str(value)


def parse_date(text: str, _type: Any) -> date:
    """Take a date as ISO 8601 writes it."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(gettext("Write a date as year-month-day, such as 2026-03-31."))


def parse_time(text: str, type_: Any) -> time:
    """Take a time of day as ISO 8601 writes it."""
    match = _TIME.fullmatch(text)
    if not match or (match[2] and not type_.timezone):
        raise ValueError(gettext("Write a time as hours:minutes, such as 16:20 or 16:20:05."))
    value = time.fromisoformat(text)
    _check_fraction(value.microsecond, type_)
    return value


def _check_fraction(microseconds: int, type_: Any) -> None:
    """Refuse the parts of a second that MariaDB would cut off (its manual, Microseconds)."""
    if _dbms() in ("mysql", "mariadb"):
        places = getattr(type_.dialect_impl(db.engine.dialect), "fsp", None) or 0
        if microseconds % 10 ** (6 - places):
            raise _too_precise(places)


def parse_datetime(text: str, type_: Any) -> datetime:
    """Take a date and time; in a column with a zone, without one written it is the site's."""
    match = _DATETIME.fullmatch(text)
    try:
        if not match or (match[3] and not type_.timezone):
            raise ValueError
        value = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}")
        utc = _to_utc(value) if type_.timezone else value
    except (ValueError, OverflowError):
        raise ValueError(gettext("Write a date and time such as 2026-03-31 16:20.")) from None
    if type_.timezone and not match[3] and _local(utc).replace(tzinfo=None) != value:
        raise ValueError(gettext("There is no such time: the clocks go forward then."))
    _check_fraction(value.microsecond, type_)
    return utc


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(str(get_timezone())))
    return value.astimezone(UTC)


def _local(value: datetime) -> datetime:
    return value.astimezone(ZoneInfo(str(get_timezone())))


def datetime_text(value: datetime) -> str:
    """Return ISO 8601 with a space; a zoned time stands in the site's time zone."""
    if value.tzinfo is None:
        return value.isoformat(" ")
    try:
        local = _local(value)
    except OverflowError:  # at the ends of the calendar
        return value.isoformat(" ")
    # Of the two equal clock times when clocks go back, only the offset tells which is meant.
    ambiguous = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.isoformat(" ") if ambiguous else local.replace(tzinfo=None).isoformat(" ")


def parse_interval(text: str, type_: Any) -> timedelta:
    """Take [-][days ]hours:minutes:seconds."""
    match = _INTERVAL.fullmatch(text)
    if not match:
        raise ValueError(gettext("Write a length of time such as 02:30:00 or 3 02:30:00 (days)."))
    sign, days, hours, minutes, seconds, fraction = match.groups()
    value = timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or ".0")[1:].ljust(6, "0")),
    )
    if value > _LONGEST_INTERVAL:
        raise ValueError(gettext("Write at most %(days)s days.", days=_LONGEST_INTERVAL.days))
    _check_fraction(value.microseconds, type_)
    return -value if sign else value


def interval_text(value: timedelta) -> str:
    """Return [-][days ]hours:minutes:seconds[.microseconds]."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    days = f"{value.days} " if value.days else ""
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"{sign}{days}{hours:02d}:{rest // 60:02d}:{rest % 60:02d}{fraction}"


def parse_uuid(text: str, type_: Any) -> Any:
    """Take a UUID as RFC 9562 writes it."""
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text, re.ASCII):
        raise ValueError(gettext("Write a UUID such as 123e4567-e89b-12d3-a456-426614174000."))
    return UUID(text) if type_.as_uuid else text.lower()


def parse_json(text: str, _type: Any) -> Any:
    """Take JSON as RFC 8259 defines it: no NaN, no Infinity, no halves of a surrogate pair."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise ValueError(number)
        return float(number)

    try:
        value = json.loads(text, parse_constant=refuse, parse_float=finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError(
            gettext('Write JSON, such as {"colour": "red", "sizes": [1, 2]}.')
        ) from None
    if _depth(value) > _DEEPEST_JSON:
        raise ValueError(gettext("Nest JSON at most %(count)s deep.", count=_DEEPEST_JSON))
    return value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, dict | list) else 0


def json_text(value: Any) -> str:
    """Return indented JSON, in ASCII where it holds what UTF-8 cannot."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)
    return text
