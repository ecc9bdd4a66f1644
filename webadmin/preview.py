"""Preview: what a delete would take along, empty, or be kept from by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select, tuple_

from webadmin import counts, filters, images, keys
from webadmin.counts import Count
from webadmin.database import read
from webadmin.images import Kept
from webadmin.links import Effect, Graph, Link, own_tables
from webadmin.permissions import Action
from webadmin.templating import site_url

DEPTH = 5  # so many steps are followed from one record to another
SAMPLE = 3


@dataclass(frozen=True)
class Touched:
    """Records of one kind that a delete would touch.

    Attributes:
        effect: "taken", "emptied" or "needed".
        label: What they are called.
        count: How many there are, up to `counts.BOUND`.
        url: The list of just them, or of all of their kind; "" where there is none.
        sample: Name and URL of the first few.
    """

    effect: str
    label: Any
    count: Count
    url: str
    sample: list[tuple[str, str]]


def touched(kept: Kept, conditions: Sequence[ColumnElement[bool]], key: str = "") -> list[Touched]:
    """Return what deleting records would touch: what keeps them first.

    Args:
        kept: Their table.
        conditions: What they meet.
        key: The text of the key, where it is one record.
    """
    found = list(_Walk(kept, conditions, key).walk(kept, list(conditions), DEPTH))
    order = [Effect.NEEDED.value, Effect.TAKEN.value, Effect.EMPTIED.value]
    return sorted(found, key=lambda each: order.index(each.effect))


class _Walk:
    """A walk from records to those that refer to them.

    Args:
        top: The table of the records that are to be deleted.
        conditions: What they meet.
        key: The text of the key, where it is one record.
    """

    def __init__(self, top: Kept, conditions: Sequence[ColumnElement[bool]], key: str) -> None:
        self.top, self.key, self.graph = top, key, Graph()
        chosen = select(*(column.attribute for column in top.key_columns)).where(*conditions)
        self.chosen = chosen.subquery()

    def walk(self, kept: Kept, conditions: list[Any], depth: int) -> Iterator[Touched]:
        for link in self.graph.to(kept.table):
            child = images.of_table(link.table)
            if not kept.in_one_table and link.table in own_tables(kept):
                continue
            condition = _referring(link, child, kept, conditions)
            statement = select(*(column.attribute for column in child.key_columns))
            statement = statement.where(condition)
            if child.name == self.top.name:  # those that are chosen as well keep nobody
                statement = statement.where(self._not_chosen())
            count = counts.bounded(statement)
            if not count.number:
                continue
            direct = kept is self.top
            yield _touched(link, child, count, statement, self.key if direct else "")
            if link.effect is Effect.TAKEN and depth > 1:
                yield from self.walk(child, [condition], depth - 1)

    def _not_chosen(self) -> ColumnElement[bool]:
        parts = [column.attribute for column in self.top.key_columns]
        key = tuple_(*parts) if len(parts) > 1 else parts[0]
        return key.not_in(select(self.chosen))


def _referring(link: Link, child: Kept, parent: Kept, conditions: list[Any]) -> Any:
    """Return the condition for rows of a table that refer to some of another."""
    by_source = {column.source.name: column for column in parent.columns.values()}
    named = [by_source[name].attribute for name in link.referred]
    # A subquery in FROM: a table that refers to itself would else be taken for the outer one.
    referred = select(*named).where(*conditions).subquery()
    return and_(*link.referring(child, child.select, select(referred))._where_criteria)


def _touched(link: Link, child: Kept, count: Count, statement: Any, key: str) -> Touched:
    resource = child.resource
    if resource is None:
        return Touched(link.effect.value, child.table.name, count, "", [])
    if not filters.may(Action.VIEW, resource):
        return Touched(link.effect.value, resource.labels[1], count, "", [])
    prefix = site_url(f"{resource.name}/")
    (name, *more) = link.names(child)
    narrows = key and not more and name in resource.list_filter
    shown = []
    for row in read(statement.where(*filters.scope(resource)).limit(SAMPLE)):
        text = keys.key_text(resource, tuple(row))
        title = f"{resource.labels[0]} {keys.readable(resource, text)}"
        shown.append((title, prefix + keys.in_url(text)))
    url = f"{prefix}?{filters.parameter(name, 'exact')}={keys.in_url(key)}" if narrows else prefix
    return Touched(link.effect.value, resource.labels[1], count, url, shown)
