"""Links: which tables refer to one, and what becomes of their rows when its rows are deleted.

What a mapper's relationship says counts first, then the ON DELETE of the database itself, as it
stands there: a table may have been made by another program than its model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import MetaData, Select, Table, inspect, tuple_
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from webadmin import records
from webadmin.columns import Column
from webadmin.database import db
from webadmin.images import Kept, Row


class Effect(Enum):
    """What becomes of rows that refer to one that is deleted."""

    TAKEN = "taken"  # they are deleted as well
    EMPTIED = "emptied"  # their reference is set to NULL
    NEEDED = "needed"  # they keep it from being deleted


@dataclass(frozen=True)
class Link:
    """A foreign key of a table.

    Attributes:
        table: The table that refers.
        columns: Its columns that refer.
        referred: The columns that they name.
    """

    table: Table
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    effect: Effect

    def referring(self, kept: Kept, statement: Select[Any], to: Any) -> Select[Any]:
        """Narrow a SELECT of the referring table to rows that refer to some values.

        Args:
            kept: The referring table.
            statement: The SELECT.
            to: Tuples of values of the referred columns, or a SELECT of them.
        """
        found = [_by_source(kept, name).attribute for name in self.columns]
        if len(found) > 1:
            return statement.where(tuple_(*found).in_(to))
        return statement.where(found[0].in_(to if isinstance(to, Select) else [v for (v,) in to]))

    def values(self, kept: Kept, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return the values of the referred columns in rows of the referred table."""
        names = list(kept.columns)
        places = [names.index(_by_source(kept, name).name) for name in self.referred]
        found = dict.fromkeys(tuple(row[place] for place in places) for row in rows)
        return [values for values in found if None not in values]

    def names(self, kept: Kept) -> list[str]:
        """Return the attributes of the columns that refer."""
        return [_by_source(kept, name).name for name in self.columns]


def _by_source(kept: Kept, name: str) -> Column:
    return next(column for column in kept.columns.values() if column.source.name == name)


_EFFECTS = {"CASCADE": Effect.TAKEN, "SET NULL": Effect.EMPTIED}


class Graph:
    """The links of the database, read once for an operation."""

    def __init__(self) -> None:
        self.known = _tables()
        self.inspector = inspect(db.session.connection())
        self.keys: dict[str | None, Any] = {}
        self.found: dict[str, list[Link]] = {}

    def to(self, table: Table) -> list[Link]:
        """Return the links to a table."""
        if table.fullname not in self.found:
            by_columns = {(link.table.fullname, link.columns): link for link in self._links(table)}
            self.found[table.fullname] = list(by_columns.values())
        return self.found[table.fullname]

    def _links(self, table: Table) -> Iterator[Link]:
        """Yield links; what comes later about the same columns is meant."""
        for other in self.known.values():
            for constraint in other.foreign_key_constraints:
                if constraint.elements[0].column.table is table:
                    referred = tuple(each.column.name for each in constraint.elements)
                    columns = tuple(each.parent.name for each in constraint.elements)
                    yield Link(other, columns, referred, Effect.NEEDED)
        yield from self._in_database(table)
        for mapper in _mappers():
            if table in mapper.tables:
                for relationship in mapper.relationships:
                    yield from _of_relationship(relationship)

    def _in_database(self, table: Table) -> Iterator[Link]:
        if table.schema not in self.keys:
            self.keys[table.schema] = self.inspector.get_multi_foreign_keys(schema=table.schema)
        for (_, name), constraints in self.keys[table.schema].items():
            for each in constraints:
                named = (each["referred_schema"] or table.schema, each["referred_table"])
                if named == (table.schema, table.name):
                    rule = (each["options"].get("ondelete") or "").upper()
                    yield Link(
                        self._table(name, table.schema),
                        tuple(each["constrained_columns"]),
                        tuple(each["referred_columns"]),
                        _EFFECTS.get(rule, Effect.NEEDED),
                    )

    def _table(self, name: str, schema: str | None) -> Table:
        full = f"{schema}.{name}" if schema else name
        if full not in self.known:  # no model is mapped to it
            self.known[full] = Table(
                name,
                MetaData(),
                schema=schema,
                autoload_with=db.session.connection(),
                resolve_fks=False,
            )
        return self.known[full]


def _mappers() -> Iterator[Mapper[Any]]:
    registries = {inspect(each.model).registry for each in records.resources().values()}
    for registry in registries:
        yield from registry.mappers


def _tables() -> dict[str, Table]:
    metadatas = {each.table.metadata: None for each in records.resources().values()}
    return {table.fullname: table for metadata in metadatas for table in metadata.tables.values()}


def _of_relationship(relationship: RelationshipProperty[Any]) -> Iterator[Link]:
    """Yield what the ORM takes along: records under a delete cascade, rows of a `secondary`."""
    if relationship.viewonly or relationship.direction is RelationshipDirection.MANYTOONE:
        return
    if relationship.secondary is not None or relationship.cascade.delete:
        pairs = relationship.synchronize_pairs
        table = pairs[0][1].table
        referred = tuple(local.name for local, _ in pairs)
        yield Link(table, tuple(remote.name for _, remote in pairs), referred, Effect.TAKEN)


def rows(link: Link, child: Kept, parent: Kept, of: Sequence[Row], limit: int) -> list[Row]:
    """Return at most so many rows that refer to rows of another table, locked."""
    values = link.values(parent, of)
    if not values:
        return []
    statement = link.referring(child, child.select, values).limit(limit)
    return list(db.session.connection().execute(statement.with_for_update(of=child.table)).all())


def own_tables(kept: Kept) -> set[Table]:
    """Return the tables that hold the records of one: those of a model that inherits, too."""
    if kept.resource is None:
        return {kept.table}
    return set(inspect(kept.resource.model).tables)
