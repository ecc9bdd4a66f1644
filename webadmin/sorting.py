"""Sorts: the keys that a list is sorted by, as each DBMS compares them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, literal_column, type_coerce
from sqlalchemy.types import Double, NullType, String

from webadmin.columns import Column
from webadmin.filters import Filter
from webadmin.resource import Resource

# Kinds of which MariaDB has values that Python has not: 0000-00-00, 30:00:00, a boolean 2.
ODD_IN_MARIADB = frozenset({"date", "datetime", "time", "interval", "boolean"})
# What MariaDB sorts of a longer text: 1,024 bytes of its sort key, but it compares the whole.
SORTED_LENGTH = 100


@dataclass(frozen=True)
class SortKey:
    """One key of a sort.

    Attributes:
        column: What is sorted by.
        expression: What ORDER BY and comparisons use.
        value: What is read into the cursor: exactly comparable with `expression`.
        dialect: The name of the DBMS.
        nullable: Whether the list may have records without a value.
        fixed: Whether all of its records are equal in it, by a filter.
    """

    column: Column
    descending: bool
    expression: ColumnElement[Any]
    value: ColumnElement[Any]
    dialect: str
    nullable: bool
    fixed: bool = False

    def order(self, backward: bool) -> ColumnElement[Any]:
        """Return the ORDER BY term."""
        down = self.descending != backward
        return self.expression.desc() if down else self.expression.asc()

    def bound(self, name: str) -> ColumnElement[Any]:
        """Return the parameter that a value of this key is given in when the statement runs."""
        return bindparam(name, type_=self.expression.type)

    def equal(self, value: ColumnElement[Any] | None) -> ColumnElement[bool]:
        """Return the condition for records that have a value; None: that have none."""
        if value is None:
            return self.expression.is_(None)
        found: ColumnElement[bool] = self.expression == value
        return found

    def beyond(self, value: ColumnElement[Any], backward: bool) -> ColumnElement[bool]:
        """Return the condition for records further on than a value."""
        smaller = self.descending != backward
        found: ColumnElement[bool] = self.expression < value if smaller else self.expression > value
        return found

    def reached(self, value: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition for records at a value or further on."""
        down, expression = self.descending, self.expression
        found: ColumnElement[bool] = expression <= value if down else expression >= value
        return found


def sort_keys(
    resource: Resource, sort: Sequence[str], dialect: str, narrowed: Sequence[Filter] = ()
) -> list[SortKey]:
    """Return the keys of a sort such as ("name", "-age"), closed by the primary key.

    Args:
        resource: What is listed.
        sort: Names of columns, "-age" descending.
        dialect: The name of the DBMS.
        narrowed: The filters of the list: legs that could find nothing are left out.
    """
    found = list(_whole(resource, tuple(sort), dialect))
    for each in narrowed:
        found = [_narrowed(key, each) if key.column is each.column else key for key in found]
    if narrowed:
        found[-1] = replace(found[-1], fixed=False)  # a page has one leg at least
    return found


@lru_cache(maxsize=300)
def _whole(resource: Resource, sort: tuple[str, ...], dialect: str) -> tuple[SortKey, ...]:
    """Return the keys of a sort of the whole list."""
    keys: dict[str, SortKey] = {}
    last_down = False
    for name in sort:
        bare, last_down = name.removeprefix("-"), name.startswith("-")
        keys.setdefault(bare, _sort_key(resource.columns[bare], last_down, dialect))
    for column in resource.key_columns:
        # The key runs in the direction of the last column: one index serves both.
        keys.setdefault(column.name, _sort_key(column, last_down, dialect))
    names = list(keys)
    complete = max(names.index(column.name) for column in resource.key_columns)
    return tuple(keys.values())[: complete + 1]


def _sort_key(column: Column, descending: bool, dialect: str) -> SortKey:
    expression: Any = column.attribute
    value: Any = expression
    if dialect == "sqlite" or (dialect != "postgresql" and column.kind.name in ODD_IN_MARIADB):
        # What is stored, not what SQLAlchemy makes of it: other programs write it otherwise.
        expression = value = type_coerce(column.attribute, NullType())
    elif column.kind.name == "float":
        # A single-precision number is shown rounded; widened to double it compares exactly.
        value = column.attribute + literal_column("0e0", Double())
    elif column.kind.name == "text" and dialect != "postgresql" and not column.primary_key:
        expression = value = func.left(column.attribute, SORTED_LENGTH, type_=String())
    elif column.kind.name == "choice" and dialect != "postgresql":
        stored = type_coerce(column.attribute, String())
        # MariaDB sorts an ENUM by number but compares it with a text as a text.
        as_text = stored.concat(literal_column("''", String()))
        expression = value = as_text if sorted_as_text(column, dialect) else stored
    return SortKey(column, descending, expression, value, dialect, column.nullable)


def sorted_as_text(column: Column, dialect: str) -> bool:
    """Return whether a column is sorted by a text that is made of it: by no index of it."""
    if dialect in ("sqlite", "postgresql"):
        return False
    enum = column.kind.name == "choice" and getattr(column.type, "native_enum", True)
    return (column.kind.name == "text" and not column.primary_key) or bool(enum)


def _narrowed(key: SortKey, by: Filter) -> SortKey:
    if by.operator == "isnull" and by.value:
        return replace(key, fixed=key.nullable)
    # SQLite may hold one time in two spellings.
    one = by.operator == "exact" and not (
        key.dialect == "sqlite" and isinstance(by.value, datetime)
    )
    return replace(key, nullable=False, fixed=key.fixed or one)
