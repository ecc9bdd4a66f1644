"""References: the records that foreign keys name, their labels, and which there are to choose."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select

from webadmin import filters
from webadmin.columns import Column
from webadmin.database import read
from webadmin.permissions import Action
from webadmin.records import resources
from webadmin.resource import Resource
from webadmin.selects import shown

MOST_CHOICES = 100


def resource_of(column: Column) -> Resource | None:
    """Return the resource whose records a foreign key names; None where none may be seen."""
    if column.reference is None:
        return None
    for resource in resources().values():
        mapper = inspect(resource.model)
        # A child has some of the records in its parent's table alone.
        whole = mapper.local_table is column.reference.table and not mapper.single
        if whole and [key.source for key in resource.key_columns] == [column.reference]:
            return resource if filters.may(Action.VIEW, resource) else None
    return None


def labels(column: Column, keys: Iterable[Any]) -> dict[Any, Any]:
    """Return the labels of the records that values of a foreign key name, by value."""
    resource = resource_of(column)
    wanted = {key for key in keys if key is not None}
    if resource is None or not wanted:
        return {}
    attribute = resource.key_columns[0].attribute
    statement = select(attribute, shown(resource.label_column, short=True))
    rows = read(statement.where(attribute.in_(wanted), *filters.scope(resource))).all()
    return {row[0]: row[1] for row in rows}


def choices(resource: Resource) -> list[tuple[Any, Any]] | None:
    """Return (key, label) of every record where there are few enough to choose from, else None."""
    label = resource.label_column
    statement = select(resource.key_columns[0].attribute, shown(label, short=True))
    rows = read(statement.where(*filters.scope(resource)).limit(MOST_CHOICES + 1)).all()
    if len(rows) > MOST_CHOICES:
        return None
    pairs = [(key, key if label in (None, "") else label) for key, label in rows]
    return sorted(pairs, key=lambda pair: str(pair[1]).casefold())


def with_label(resource: Resource, text: str) -> list[Any]:
    """Return the keys of at most two records whose label is a text."""
    label = resource.label_column
    try:
        value = label.parse(text)
    except ValueError:
        return []
    statement = select(resource.key_columns[0].attribute).where(label.attribute == value)
    statement = statement.where(*filters.scope(resource))
    return list(read(statement.limit(2)).scalars())
