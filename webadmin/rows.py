"""Rows of files as values: the same rules as in the forms, each row past one and the same form."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask_wtf import FlaskForm
from sqlalchemy import select

from webadmin import filters, forms, images, judging
from webadmin.columns import Column
from webadmin.database import read
from webadmin.fields import TypedField
from webadmin.forms import ReferenceField
from webadmin.images import Key
from webadmin.lenient import readable
from webadmin.messages import gettext
from webadmin.notation import SUSPECTS, unguard
from webadmin.resource import Resource

# A day written as people do, and what may stand after it: a time.
_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,? +(\d{1,2}:\d\d(?::\d\d)?))?", re.ASCII)
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)[ T]00:00(?::00(?:\.0+)?)?", re.ASCII)
_COMMA = re.compile(r"-?\d+,\d+", re.ASCII)
REMEMBERED = 1000  # cells of a column whose answer is kept


class Cell(NamedTuple):
    """What a cell says: its text for a field, the value of that, and what is wrong with it."""

    text: str | None
    value: Any
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Why a row is refused: a column ("" for the row as a whole) and what would be right."""

    column: str
    message: str


class _Formdata(dict[str, str | None]):
    """What a form takes for what was sent: a field that is not in it keeps its value."""

    def __bool__(self) -> bool:
        return True  # also where nothing was sent

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
    change: Callable[[str], str] = {
        "date": lambda text: _MIDNIGHT.sub(r"\1", _iso(text, dates)),
        "datetime": lambda text: _with_time(_iso(text, dates)),
        "boolean": _boolean,
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
    """The rules of a resource's forms for the cells and rows of a file.

    Args:
        resource: The resource.
        dates: See `reader`.
        comma: See `reader`.
    """

    def __init__(self, resource: Resource, dates: str = "ymd", comma: bool = False) -> None:
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
                    field.parse = self._resolver(field)  # type: ignore[method-assign,assignment]
        columns = resource.columns
        self._readers = {name: reader(columns[name], dates, comma) for name in importable(resource)}
        self._fields = {field.name: field for field in self._new}
        self._plain = judging.is_plain(self._new)
        self._known: dict[str, dict[str, Cell]] = {name: {} for name in self._readers}
        self._unsent = self._past(self._new, {}, {})
        self._defaulted = [name for name, column in columns.items() if column.has_default]
        self._lengths = {
            field.name: judging.plain_length(field) for field in self._new if self._plain
        }

    def _resolver(self, field: ReferenceField) -> Callable[[str], Any]:
        plain = field.parse

        def parse(text: str) -> Any:
            known = self._references.get(field.name, {})
            return known[text] if text in known else plain(text)

        return parse

    def column(self, name: str, raw: Sequence[str]) -> list[Cell]:
        """Return what cells of a column say; where the form is to judge, without problems."""
        known, most, cell = self._known[name], self._lengths.get(name, 0), self._cell
        found = []
        for text in raw:
            if text in known:
                found.append(known[text])
            elif (
                most
                and text
                and len(text) <= most
                and text[0] not in SUSPECTS
                and text.isprintable()
            ):
                found.append(Cell(text, text, ()))
            else:
                found.append(cell(name, text, known))
        return found

    def _cell(self, name: str, raw: str, known: dict[str, Cell]) -> Cell:
        text = self._readers[name](raw)
        found = Cell(text, *self._judged(name, text))
        if len(known) >= REMEMBERED:
            known.clear()
        known[raw] = found
        return found

    def _judged(self, name: str, text: str | None) -> tuple[Any, tuple[str, ...]]:
        """Return the value of a text and what is wrong with it, as far as one cell tells."""
        field = self._fields.get(name)
        if field is not None:
            return judging.judge(field, text) if self._plain else (None, ())
        try:
            return _outside(self.resource.columns[name], text), ()
        except ValueError as error:
            return None, (str(error),)

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Return the columns of stored records that are needed to judge changes of some."""
        whole = [] if self._plain else [name for name in self._fields if name in self._readers]
        return list(dict.fromkeys([*names, *whole]))

    def foresee(self, name: str, raw: Sequence[str]) -> None:
        """Look up the records that cells of a column refer to by key with one statement."""
        field = self._fields.get(name)
        if isinstance(field, ReferenceField) and field.target is not None:
            self._known[name].clear()  # what was said of a record may hold no longer
            texts = set(map(self._readers[name], raw)) - {None}
            self._references[name] = _referred(field, texts)

    def create(self, cells: Mapping[str, Cell]) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values of a new record, and what is wrong with them."""
        columns = self.resource.columns
        if self._plain:
            values, problems = self._unsent
            values = {**values, **{name: cell[1] for name, cell in cells.items()}}
            problems = [each for each in problems if each.column not in cells]
            problems += _problems(cells)
        else:
            sent = {name: cell.text for name, cell in cells.items() if name in self._fields}
            values, problems = self._past(self._new, sent, {})
            others = {name: cell for name, cell in cells.items() if name not in sent}
            values |= {name: cell.value for name, cell in others.items()}
            problems += _problems(others)
        for name in self._defaulted:
            # What is left out gets its default; what a file says is empty is, where it may be.
            if values.get(name, ...) is None and not (name in cells and columns[name].nullable):
                del values[name]
        return values, problems

    def update(
        self, cells: Mapping[str, Cell], stored: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values that the cells of a row change in a record, and what is wrong."""
        values = {name: cell.value for name, cell in cells.items()}
        if self._plain:
            return values, _problems(cells)
        sent = {name: cell.text for name, cell in cells.items() if name in self._fields}
        found, problems = self._past(self._stored, sent, stored)
        values |= {name: found[name] for name in sent}
        return values, problems + _problems(cells)

    def _past(
        self, form: FlaskForm, sent: Mapping[str, str | None], stored: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Problem]]:
        """Let the form itself judge what was sent."""
        columns = self.resource.columns
        data = {forms.attribute_name(name): columns[name].exact(v) for name, v in stored.items()}
        form.process(formdata=_Formdata(sent), data=data)
        form.form_errors = []
        problems = []
        if not form.validate():
            for field in form:
                problems += [Problem(field.name, str(each)) for each in field.errors]
            problems += [Problem("", str(each)) for each in form.form_errors]
        return forms.values(self.resource, form), problems


def _problems(cells: Mapping[str, Cell]) -> list[Problem]:
    return [Problem(name, each) for name, cell in cells.items() if cell[2] for each in cell[2]]


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
