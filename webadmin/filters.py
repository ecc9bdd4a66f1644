"""Filters and search: a table of operators, and what they say in SQL."""

import re
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any, cast

from flask import has_request_context
from sqlalchemy import (
    ColumnElement,
    Dialect,
    String,
    UnaryExpression,
    and_,
    bindparam,
    collate,
    false,
    or_,
    type_coerce,
)
from sqlalchemy.sql.operators import custom_op

from webadmin.columns import Column
from webadmin.database import asking, db, dialect
from webadmin.messages import gettext
from webadmin.permissions import Action, allowed
from webadmin.resource import Resource

OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "exact": lambda attribute, value: attribute == value,
    "gt": lambda attribute, value: attribute > value,
    "gte": lambda attribute, value: attribute >= value,
    "lt": lambda attribute, value: attribute < value,
    "lte": lambda attribute, value: attribute <= value,
    "startswith": lambda attribute, value: like(attribute, f"{escaped(value)}%"),
    "contains": lambda attribute, value: like(attribute, f"%{escaped(value)}%"),
    "isnull": lambda attribute, value: attribute.is_(None) if value else attribute.is_not(None),
}
# SQLite refuses a pattern of more than 50,000 bytes, and so do servers a URL of that length.
LONGEST_FILTER = 1000
LONGEST_SEARCH = 200
MOST_WORDS = 10
LED = 3  # letters at the beginning of a text that an index looks up, each in both cases
# The conditions that are the same statement whatever their value is.
OPEN = frozenset({"exact", "gt", "gte", "lt", "lte"})


class Open(str):
    """Stands for the value of a filter in a statement that is kept: the name it is bound by."""

    __slots__ = ()


@dataclass(frozen=True)
class Filter:
    """One condition of a list: a column, an operator, and the value both as text and typed."""

    column: Column
    operator: str
    text: str
    value: Any

    @property
    def parameter(self) -> str:
        """The name of its URL parameter."""
        return parameter(self.column.name, self.operator)

    def criterion(self, indexed: bool = True, walked: bool = False) -> ColumnElement[bool]:
        """Return the condition in SQL.

        Args:
            indexed: Whether an index of the column may be used. SQLite is told so by a plus
                (SQLite manual, The Query Optimizer Overview); the others know better when.
            walked: Whether that index is walked in its order.
        """
        attribute: Any = self.column.attribute
        value = self.value
        if not indexed and dialect() == "sqlite":
            plus = UnaryExpression(attribute, operator=custom_op("+"), type_=attribute.type)
            attribute = plus
        if isinstance(value, Open):
            return OPERATORS[self.operator](attribute, bindparam(value, type_=self.column.type))
        if isinstance(value, datetime) and dialect() == "sqlite":
            return _moment(attribute, self.operator, value)
        found = OPERATORS[self.operator](attribute, held(self.column, value))
        if self.operator == "startswith" and dialect() == "sqlite":
            return and_(_between(attribute, value, walked), found)
        return found


def opened(given: tuple[Filter, ...]) -> tuple[tuple[Filter, ...], dict[str, Any]] | None:
    """Return filters without their values, and these by the names they are to be bound by.

    None where another value may make another statement.
    """
    found, values = [], {}
    for i, each in enumerate(given):
        if each.operator == "isnull":
            found.append(each)
            continue
        spelled = isinstance(each.value, datetime) and dialect() == "sqlite"
        if each.operator not in OPEN or spelled:
            return None
        name = Open(f"f{i}")
        values[str(name)] = held(each.column, each.value)
        found.append(replace(each, text="", value=name))
    return tuple(found), values


def _between(attribute: Any, beginning: str, walked: bool) -> ColumnElement[bool]:
    """Return a condition for which SQLite's index finds the texts with a beginning, and others.

    The index tells upper and lower case apart, LIKE does not: it is looked up for each spelling of
    the first letters, or walked from the first of them to the last.
    """
    letters = (
        [{each.lower(), each.upper()} if each.isascii() else {each} for each in text[:LED]]
        for text in _spellings(beginning)
    )
    heads = sorted("".join(each) for some in letters for each in product(*some))
    plain = collate(attribute, "BINARY")
    pairs = [(heads[0], heads[-1])] if walked else [(head, head) for head in heads]
    return or_(*(and_(plain >= low, plain < high + chr(sys.maxunicode)) for low, high in pairs))


def _spellings(text: str) -> set[str]:
    """Return the spellings that SQLite's LIKE, which ignores case in ASCII only, is to be given."""
    return {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}


def _moment(attribute: Any, operator: str, value: datetime) -> ColumnElement[bool]:
    """Compare with a time as SQLAlchemy writes it on SQLite, and as others do: without .000000."""
    stored = type_coerce(attribute, String())
    full = value.replace(tzinfo=None).isoformat(" ", "microseconds")
    short = full.removesuffix(".000000")
    if operator == "exact":
        return stored.in_((short, full))
    return OPERATORS[operator](stored, short if operator in ("gte", "lt") else full)


def held(column: Column, value: Any) -> Any:
    """Return a value as a column holds it: a float is rounded where it has 32 bits there."""
    if isinstance(value, float) and _single(column, db.engine.dialect):
        return _rounded(value)
    return value


def _single(column: Column, dbms: Dialect) -> bool:
    """Return whether a column holds floats of 32 bits: SQLite's never do."""
    if dbms.name == "sqlite":
        return False
    name = column.type.compile(dialect=dbms)
    narrow = (getattr(column.type, "precision", None) or 0) <= 24
    return narrow and name.startswith("REAL" if dbms.name == "postgresql" else "FLOAT")


def _rounded(value: float) -> float:
    """Return the nearest float of 32 bits: 0.1 in such a column is not the 0.1 of 64 bits."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return value  # larger than any of them


RESERVED = frozenset(
    {"q", "sort", "size", "after", "before", "goto", "around", "count", "patience"}
)


def parameter(name: str, operator: str) -> str:
    """Return the URL parameter: `age`, `age__gte`, and `sort__exact` for a column named sort."""
    if operator == "exact" and name not in RESERVED and "__" not in name:
        return name
    return f"{name}__{operator}"


def named(resource: Resource, name: str) -> tuple[Column, str]:
    """Return the column and the operator that a URL parameter names.

    Raises:
        LookupError: The list cannot be filtered by it.
    """
    bare, _, operator = name.rpartition("__")
    if not bare or operator not in OPERATORS:
        bare, operator = name, "exact"
    if bare not in resource.list_filter or operator not in resource.columns[bare].kind.operators:
        raise LookupError(name)
    return resource.columns[bare], operator


def parse(resource: Resource, name: str, text: str) -> Filter:
    """Return the filter that a URL parameter asks for.

    Raises:
        LookupError: The list cannot be filtered by it.
        ValueError: The value is not right; the message says what would be.
    """
    column, operator = named(resource, name)
    if operator == "isnull":
        if text not in ("0", "1"):
            raise ValueError(gettext("Write 1 (is empty) or 0 (is not empty)."))
        return Filter(column, operator, text, text == "1")
    if len(text) > LONGEST_FILTER:
        raise ValueError(gettext("Write at most %(most)s characters.", most=LONGEST_FILTER))
    return Filter(column, operator, text, column.parse(text))


def may(action: Action, resource: Resource) -> bool:
    """Return whether the account that asks may take an action; the command line may take all."""
    account = asking()
    if account is None:
        return not has_request_context()
    return allowed(account.role, action, resource.permissions)


def scope(resource: Resource) -> list[ColumnElement[bool]]:
    """Return the condition that the records which the asking account may see meet, if any."""
    if resource.scope is None:
        return []
    account = asking()
    if account is None:
        return [false()] if has_request_context() else []
    condition = resource.scope(account)
    return [] if condition is None else [condition]


def escaped(text: str) -> str:
    """Return text whose %, _ and / are plain characters in `like`."""
    return re.sub(r"([%_/])", r"/\1", text)


def like(attribute: Any, pattern: str) -> ColumnElement[bool]:
    """Return a comparison that takes upper and lower case as equal, as far as the DBMS can.

    MariaDB's LIKE ignores case by its collation, PostgreSQL has ILIKE, and SQLite's LIKE ignores
    it in ASCII only (SQLite manual, The LIKE operator): it is given the usual spellings.
    """
    if dialect() == "postgresql":
        return cast("ColumnElement[bool]", attribute.ilike(pattern, escape="/"))
    spellings = _spellings(pattern) if dialect() == "sqlite" else {pattern}
    return or_(*(attribute.like(each, escape="/") for each in sorted(spellings)))
