"""Images: stored rows as JSON, exact for every type, for the history of a table to keep.

A full image is a JSON object of every column by its attribute; one of an edit has only those that
changed. Secret columns and binaries leave a marker, `{"hidden": ...}`, that no value can be.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import islice
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column as TableColumn
from sqlalchemy import (
    ColumnElement,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    inspect,
    select,
    tuple_,
)
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.orm import Mapper

from webadmin import prepared, records
from webadmin.columns import Column
from webadmin.database import db
from webadmin.keys import key_text
from webadmin.lenient import readable
from webadmin.resource import Resource

HIDDEN = "hidden"
MOST_KEYS = 1000  # keys in one statement: SQLite takes 32,766 values, a long IN is slow to build
Key = tuple[Any, ...]
Row = Sequence[Any]
T = TypeVar("T")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class PlainColumn(Column):
    """A column of a table that no model of a resource is mapped to."""

    @cached_property
    def source(self) -> Any:
        """The column of the table."""
        return self.attribute


@dataclass(frozen=True, eq=False)
class Kept:
    """A table whose changes are kept.

    Attributes:
        name: What its changes are filed under: the resource's name, else "table:" and its own.
        table: The table.
        columns: Every column by its attribute.
        key_columns: Those of the key; of a table without one, all.
        resource: The resource, or None.
    """

    name: str
    table: Table
    columns: dict[str, Column]
    key_columns: tuple[Column, ...]
    resource: Resource | None = None

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The columns whose values are not kept."""
        return frozenset(name for name, column in self.columns.items() if _hides(column))

    @cached_property
    def select(self) -> Select[Any]:
        """The SELECT of a whole row, in the order of `columns`."""
        return select(*self.shown(plain=False))

    @cached_property
    def select_one(self) -> Select[Any]:
        """The SELECT of the row with the key `key0`, `key1` ..."""
        parts = enumerate(column.attribute for column in self.key_columns)
        return self.select.where(*(part == bindparam(f"key{i}") for i, part in parts))

    def shown(self, plain: bool) -> list[ColumnElement[Any]]:
        """Return what is read of a row: never a secret, of a binary its length.

        Args:
            plain: Whether it is to stand in RETURNING, where only the table's columns may.
        """
        shown: list[ColumnElement[Any]] = []
        for column in self.columns.values():
            each = PlainColumn(column.name, column.source) if plain else column
            found: Any = readable(each)
            if column.source.info.get("secret"):
                # Not IS NULL: SQLite 3.40 answers it wrongly in RETURNING.
                found = func.length(cast(each.attribute, Text))
            elif column.kind.name == "binary":
                found = func.length(each.attribute)
            shown.append(found.label(f"c{len(shown)}"))
        return shown

    @cached_property
    def key(self) -> Callable[[Row], Key]:
        """What takes the key out of a row."""
        names = list(self.columns)
        places = [names.index(column.name) for column in self.key_columns]
        if len(places) > 1:
            return itemgetter(*places)
        (place,) = places
        return lambda row: (row[place],)

    @cached_property
    def json(self) -> frozenset[str]:
        """The columns in which None would be stored as JSON's null."""
        return frozenset(each.name for each in self.columns.values() if each.kind.name == "json")

    @cached_property
    def in_one_table(self) -> bool:
        """Whether a record is one row: a model that inherits may have one in each of several."""
        if self.resource is None:
            return True
        mapper: Mapper[Any] = inspect(self.resource.model)
        return len(mapper.tables) == 1 and mapper.polymorphic_on is None

    def key_text(self, key: Key) -> str:
        """Return the text of a key."""
        return key_text(self, key)

    def among(self, keys: Sequence[Key]) -> ColumnElement[bool]:
        """Return the condition that finds the rows with some keys."""
        if len(self.key_columns) == 1:
            return self.key_columns[0].attribute.in_([key[0] for key in keys])
        return tuple_(*(column.attribute for column in self.key_columns)).in_(keys)

    def text(self, row: Row) -> str:
        """Return the full image of a row."""
        pieces = zip(self._heads, self._writers, row, strict=True)
        return _object([head + write(value) for head, write, value in pieces])

    def data(self, row: Row, names: Iterable[str]) -> dict[str, Any]:
        """Return some columns of a row as data of an image, as far as there are such."""
        places = self._places
        return {
            name: json.loads(self._writers[places[name]](row[places[name]]))
            for name in names
            if name in places
        }

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def _heads(self) -> list[str]:
        return [f"{encode_basestring(name)}:" for name in self.columns]

    @cached_property
    def _writers(self) -> list[Any]:
        return [_writer(column) for column in self.columns.values()]

    def difference(self, old: Row, new: Row, changed: Iterable[str] = ()) -> tuple[str, str] | None:
        """Return the images of what differs between two rows, None where nothing does.

        Args:
            old: The row before.
            new: The row after.
            changed: Hidden columns that are known to have changed.
        """
        before, after = [], []
        for i, name in enumerate(self.columns):
            was, is_now = old[i], new[i]
            if name in changed:
                marker = _ENCODER.encode({HIDDEN: self.columns[name].kind.name})
                before.append(self._heads[i] + marker)
                after.append(self._heads[i] + marker)
            elif was is not is_now and (was != is_now or type(was) is not type(is_now)):
                pair = [self._writers[i](value) for value in (was, is_now)]
                if pair[0] != pair[1]:  # NaN differs from itself
                    before.append(self._heads[i] + pair[0])
                    after.append(self._heads[i] + pair[1])
        return (_object(before), _object(after)) if before else None

    def load(self, image: str | None) -> dict[str, Any]:
        """Return the values of an image by name.

        Raises:
            ValueError: It is not an image of this table, or has a hidden value.
        """
        data = json.loads(image or "{}")
        try:
            return {name: self.columns[name].load(value) for name, value in data.items()}
        except KeyError as error:
            raise ValueError(f"no column {error}") from None


def _object(pieces: list[str]) -> str:
    return "{" + ",".join(pieces) + "}"


def _hides(column: Column) -> bool:
    return column.kind.name == "binary" or bool(column.source.info.get("secret"))


def _writer(column: Column) -> Any:
    """Return the function that writes a value of a column as JSON."""
    if _hides(column):
        marker = _ENCODER.encode({HIDDEN: column.kind.name})
        return lambda value: "null" if value is None else marker
    dump, encode = column.dump, _ENCODER.encode
    if column.kind.name == "json":  # a text there may be half a surrogate pair
        return lambda value: encode(dump(value))

    def write(value: Any) -> str:
        type_ = type(value)
        if type_ is str:
            return encode_basestring(value)
        if type_ is int:
            return repr(value)
        return "null" if value is None else encode(dump(value))

    return write


def is_hidden(data: Any) -> bool:
    """Return whether data of an image is the marker of a value that is not kept."""
    return isinstance(data, dict) and HIDDEN in data


def home(resource: Resource) -> Resource:
    """Return the resource that a model's changes are filed under: the first one of the model."""
    found = (each for each in records.resources().values() if each.model is resource.model)
    return next(found, resource)


def kept(resource: Resource) -> Kept:
    """Return the table of a resource."""
    return _of_resource(home(resource))


@cache
def _of_resource(resource: Resource) -> Kept:
    columns = dict(resource.columns)
    for attribute in inspect(resource.model).column_attrs:
        source, name = attribute.columns[0], attribute.key
        if isinstance(source, TableColumn) and source.info.get("secret"):
            columns.setdefault(name, Column(name, getattr(resource.model, name)))
    return Kept(resource.name, resource.table, columns, resource.key_columns, resource)


def of_mapper(mapper: Mapper[Any]) -> Kept | None:
    """Return the table of a mapped class, None where its changes are not kept."""
    return _of_mapper(mapper, tuple(records.resources().values()))


@lru_cache(maxsize=300)
def _of_mapper(mapper: Mapper[Any], resources: tuple[Resource, ...]) -> Kept | None:
    found = {inspect(each.model): each for each in reversed(resources)}
    return next((kept(found[each]) for each in mapper.iterate_to_root() if each in found), None)


def of_table(table: Table) -> Kept:
    """Return the table of the resource that a table belongs to, else the table by itself."""
    for resource in records.resources().values():
        if resource.table is table or resource.table.fullname == table.fullname:
            return kept(resource)
    columns: dict[str, Column] = {each.key: PlainColumn(each.key, each) for each in table.columns}  # type: ignore[arg-type]
    keys = tuple(columns[each.key] for each in table.primary_key) or tuple(columns.values())
    return Kept(f"table:{table.fullname}", table, columns, keys)


def named(name: str) -> Kept | None:
    """Return the table that changes are filed under by a name which is no resource's."""
    full = name.removeprefix("table:")
    if full == name:
        return None
    for resource in records.resources().values():
        if full in resource.table.metadata.tables:
            return of_table(resource.table.metadata.tables[full])
    schema, _, bare = full.rpartition(".")
    try:
        connection = db.session.connection()
        return of_table(
            Table(
                bare, MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False
            )
        )
    except NoSuchTableError:
        return None


def read(kept: Kept, keys: Sequence[Key], lock: bool = False, *where: Any) -> list[Row]:
    """Return the rows with some keys, locked against other writers where that is asked for.

    Args:
        kept: The table.
        keys: At most `MOST_KEYS` are read by one statement.
        lock: Whether to lock; SQLite's transactions that write are alone anyway.
        where: Further conditions.
    """
    if len(keys) == 1:
        statement, values = kept.select_one, {f"key{i}": part for i, part in enumerate(keys[0])}
        if not (lock or where):
            return list(prepared.rows(statement, values))
    found: list[Row] = []
    for some in chunks(keys):
        if len(keys) > 1:
            statement, values = kept.select.where(kept.among(some)), {}
        statement = statement.where(*where) if where else statement
        statement = statement.with_for_update(of=kept.table) if lock else statement
        found += db.session.connection().execute(statement, values).all()
    return found


def chunks(found: Iterable[T], size: int = MOST_KEYS) -> Iterator[list[T]]:
    """Yield lists of at most so many, read from the source as they are asked for."""
    source = iter(found)
    while chunk := list(islice(source, size)):
        yield chunk


def by_key(kept: Kept, rows: Iterable[Row]) -> Mapping[str, Row]:
    """Return rows by the texts of their keys."""
    return {kept.key_text(kept.key(row)): row for row in rows}
