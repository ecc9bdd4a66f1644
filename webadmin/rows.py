"""Rows of files as values: the same rules as in the forms, each row past one and the same form."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from sqlalchemy import select

from webadmin import filters, forms, images
from webadmin.columns import Column
from webadmin.database import read
from webadmin.fields import TypedField
from webadmin.forms import ReferenceField
from webadmin.images import Key
from webadmin.lenient import readable
from webadmin.messages import gettext
from webadmin.notation import unguard
from webadmin.resource import Resource

# A day written as people do, and what may stand after it: a time.
_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,? +(\d{1,2}:\d\d(?::\d\d)?))?", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(?::00(?:\.0+)?)?", re.ASCII)
_COMMA = re.compile(r"-?\d+,\d+", re.ASCII)
Sent = dict[str, str | None]


@dataclass(frozen=True)
class Problem:
    """Why a row is refused: a column ("" for the row as a whole) and what would be right."""

    column: str
    message: str


class _Formdata(dict[str, str | None]):
    """What a form takes for what was sent: a field that is not in it keeps its value."""

    def getlist(self, name: str) -> list[str | None]:
        return [self[name]]


def importable(resource: Resource) -> dict[str, Any]:
    """Return the columns that a file may write, with their labels: those of forms, and keys.

    Binaries, which forms cannot show, are among them where the form is made from the model.
    """
    form = forms.form_class(resource)
    found = {}
    for name, column in resource.columns.items():
        given = column.source.identity is None or not column.source.identity.always
        in_form = hasattr(getattr(form, forms.attribute_name(name), None), "field_class")
        binary = column.kind.name == "binary" and resource.form is None
        if in_form or binary or (column.primary_key and given):
            found[name] = forms.label_of(resource, name)
    return found


def reader(column: Column, dates: str, comma: bool) -> Callable[[str], str | None]:
    """Return what turns a cell into the text that the column's parser takes; None: no value.

    Args:
        column: The column.
        dates: How days are written besides ISO 8601: "dmy", "mdy" or "ymd" for no other way.
        comma: Whether decimals are written with a comma.
    """
    kind = column.kind.name
    if column.is_text:
        return lambda cell: unguard(cell) if cell else None
    change = {
        "date": lambda text: _MIDNIGHT.sub(r"\1", _iso(text, dates)),
        "datetime": lambda text: _with_time(_iso(text, dates)),
        "boolean": lambda text: _boolean(text),
        "float": lambda text: _point(text, comma),
        "decimal": lambda text: _point(text, comma),
    }.get(kind, str)
    return lambda cell: change(unguard(cell).strip()) or None if cell else None


def _iso(text: str, dates: str) -> str:
    match = _DAY.fullmatch(text)
    if match is None or dates == "ymd":
        return text
    first, _, second, year, clock = match.groups()
    day, month = (first, second) if dates == "dmy" else (second, first)
    iso = f"{year}-{month:>02}-{day:>02}"
    return f"{iso} {clock:0>5}" if clock else iso


def _with_time(text: str) -> str:
    return f"{text} 00:00:00" if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else text


def _boolean(text: str) -> str:
    words = {"1": "true", "0": "false", gettext("Yes"): "true", gettext("No"): "false"}
    small = text.lower()
    return small if small in ("true", "false") else words.get(text, text)


def _point(text: str, comma: bool) -> str:
    return text.replace(",", ".") if comma and _COMMA.fullmatch(text) else text


class Rules:
    """The forms of a resource, one for new records and one for those there are.

    Args:
        resource: The resource.
    """

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        options: dict[str, Any] = {"formdata": None, "meta": {"csrf": False}}
        self._new = forms.build(resource, **options)
        self._stored = forms.build(resource, {}, **options)
        self._references: dict[str, dict[str, Any]] = {}
        for form in (self._new, self._stored):
            for field in form:
                if isinstance(field, TypedField):
                    field.exact = True
                if isinstance(field, ReferenceField) and field.target is not None:
                    field.parse = self._resolver(field)  # type: ignore[method-assign]

    def _resolver(self, field: ReferenceField) -> Callable[[str], Any]:
        plain = field.parse

        def parse(text: str) -> Any:
            known = self._references.get(field.name, {})
            return known[text] if text in known else plain(text)

        return parse

    def foresee(self, sent: Sequence[Sent]) -> None:
        """Look up the records that many rows refer to by key with one statement a column."""
        self._references = {}
        for field in self._new:
            if isinstance(field, ReferenceField) and field.target is not None:
                texts = {row[field.name] for row in sent if row.get(field.name)}
                self._references[field.name] = _referred(field, texts)

    def create(self, sent: Sent) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values of a new record, and what is wrong with them."""
        values, problems = self._past(self._new, sent, {})
        given = {}
        for name, value in values.items():
            column = self.resource.columns[name]
            # What is left out gets its default; what a file says is empty is, where it may be.
            if value is not None or not column.has_default or (name in sent and column.nullable):
                given[name] = value
        return given, problems

    def update(self, sent: Sent, stored: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values that a row changes in a record, and what is wrong with them."""
        values, problems = self._past(self._stored, sent, stored)
        return {name: value for name, value in values.items() if name in sent}, problems

    def _past(
        self, form: FlaskForm, sent: Sent, stored: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Problem]]:
        columns = self.resource.columns
        data = {forms.attribute_name(name): columns[name].exact(v) for name, v in stored.items()}
        form.process(formdata=_Formdata(sent), data=data)
        form.form_errors = []
        problems = []
        if not form.validate():
            for field in form:
                problems += [Problem(field.name, str(each)) for each in field.errors]
            problems += [Problem("", str(each)) for each in form.form_errors]
        values = forms.values(self.resource, form)
        for name in sent.keys() - values.keys():
            try:
                values[name] = _outside(columns[name], sent[name])
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        return values, problems


def _outside(column: Column, text: str | None) -> Any:
    """Return the value of a column that no form has: a key that is made, a binary."""
    if text is None:
        return None
    if column.kind.name != "binary":
        return column.parse(text)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(gettext("Write the bytes in base64.")) from None


def _referred(field: ReferenceField, texts: Iterable[str | None]) -> dict[str, Any]:
    """Return the keys that texts stand for, as far as there are records with them."""
    column, keys = field.column, {}
    for text in texts:
        try:
            keys[text or ""] = column.parse(text or "")
        except ValueError:
            continue  # a name, or wrong: the field itself looks it up
    assert field.target is not None  # noqa: S101 - the caller asks only for such fields
    attribute = field.target.key_columns[0].attribute
    wanted = select(attribute).where(attribute.in_(set(keys.values())))
    there = set(read(wanted.where(*filters.scope(field.target))).scalars()) if keys else set()
    return {text: key for text, key in keys.items() if key in there}


def existing(
    resource: Resource, names: Sequence[str], keys: Sequence[Key]
) -> dict[Key, dict[str, Any]]:
    """Return the named values of the records with some keys that the asking account may see."""
    if not keys:
        return {}
    parts = [column.attribute for column in resource.key_columns]
    shown = [readable(resource.columns[name]) for name in names]
    condition = images.kept(resource).among(keys)
    found = read(select(*parts, *shown).where(condition, *filters.scope(resource)))
    width = len(parts)
    return {tuple(row[:width]): dict(zip(names, row[width:], strict=True)) for row in found}
