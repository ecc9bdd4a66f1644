"""Fields judged one by one: what a form would say of a text, in a quarter of the time."""

from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any
from uuid import UUID

from flask_babel.speaklater import LazyString
from flask_wtf import FlaskForm
from sqlalchemy.types import TypeEngine
from wtforms.validators import StopValidation, ValidationError

from webadmin.fields import (
    Between,
    Check,
    MaxLength,
    NoControlCharacters,
    Required,
    TextField,
    TypedField,
    WholeNumberField,
)
from webadmin.forms import Fits, ReferenceField

# Validators that look at their own field and at nothing else.
_PLAIN_CHECKS = frozenset({Required, MaxLength, Between, NoControlCharacters, Fits})
_PLAIN_FIELDS = frozenset({TypedField, TextField, WholeNumberField, ReferenceField})


def is_plain(form: FlaskForm) -> bool:
    """Return whether a form judges each field by itself, so that `judge` says what it would."""
    kind = type(form)
    whole = ("validate", "process", "validate_on_submit", "populate_obj")
    if any(getattr(kind, name) is not getattr(FlaskForm, name) for name in whole):
        return False
    if any(
        name.startswith(("validate_", "filter_")) for name in set(dir(kind)) - set(dir(FlaskForm))
    ):
        return False
    return all(
        type(field) in _PLAIN_FIELDS
        and not field.filters
        and all(type(check) in _PLAIN_CHECKS for check in field.validators)
        for field in form
    )


# What a field is told that shows the same each time.
_FIXED = (
    *(str, bytes, int, float, NoneType, Decimal, date, time, timedelta, Enum, UUID),
    *(LazyString, TypeEngine, Check),
)


def is_static(form: FlaskForm) -> bool:
    """Return whether a form that nobody has filled in shows the same to everybody."""
    kind = type(form)
    own = any(
        getattr(kind, name) is not getattr(FlaskForm, name)
        for name in ("__init__", "__iter__", "Meta")
    )
    told = [(*made.args, *made.kwargs.values()) for _, made in kind._unbound_fields]
    return is_plain(form) and not own and _is_fixed(told)


def _is_fixed(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_fixed, value))
    return isinstance(value, _FIXED)


class _Probe:
    """What validators see of a field."""

    def __init__(self) -> None:
        self.data: Any = None
        self.process_errors: list[str] = []
        self.errors: list[str] = []


def judge(field: TypedField, text: str | None) -> tuple[Any, tuple[str, ...]]:
    """Return the value of a text and what is wrong with it, as `Field.validate` would.

    Only right for a field of a form that `is_plain`.
    """
    probe = _Probe()
    if text is not None:
        try:
            probe.data = field.parse(text)
        except ValueError as error:
            probe.process_errors = [str(error.args[0])]
            probe.errors = list(probe.process_errors)
    for check in field.validators:
        try:
            check.check(probe)  # type: ignore[attr-defined]
        except StopValidation as error:
            probe.errors += [str(each) for each in error.args[:1] if each]
            break
        except ValidationError as error:
            probe.errors.append(str(error.args[0]))
    return probe.data, tuple(probe.errors)


def plain_length(field: TypedField) -> int:
    """Return up to how many printable characters a text is right and is its own value, at least.

    0 where no text is known to be.
    """
    if type(field) not in (TypedField, TextField) or field.kind.name not in ("string", "text"):
        return 0
    most = [check.most for check in field.validators if isinstance(check, MaxLength)]
    most += [
        check.column.max_length or 1000 for check in field.validators if isinstance(check, Fits)
    ]
    return min([1000, *most])
