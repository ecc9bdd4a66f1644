"""Selection: the records of a list that something is done to, some of them or all that match."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, func, select

from webadmin import filters, images, keys, keyset, listing, search, selects, sorting
from webadmin.database import dialect, read
from webadmin.images import MOST_KEYS, Key
from webadmin.lenient import readable
from webadmin.listing import ListError, ListState
from webadmin.messages import gettext
from webadmin.resource import Resource

SAMPLE = 8


@dataclass(frozen=True)
class Selection:
    """Some records of a list.

    Attributes:
        state: The list.
        keys: Keys of those that were chosen one by one.
        every: Whether all that match the list are meant instead.
    """

    state: ListState
    keys: tuple[Key, ...]
    every: bool

    @property
    def resource(self) -> Resource:
        """What the records are of."""
        return self.state.resource

    def matching(self) -> list[ColumnElement[bool]]:
        """Return the conditions of the list, where all that match are meant."""
        if not self.every:
            return []
        found = [filter_.criterion() for filter_ in self.state.filters]
        return found + search.criteria(self.resource, self.state.q)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions that the records meet."""
        chosen = [] if self.every else [images.kept(self.resource).among(self.keys)]
        return [*filters.scope(self.resource), *self.matching(), *chosen]

    def count(self) -> int:
        """Return how many records there are, exactly."""
        statement = select(func.count()).select_from(self.resource.model)
        number: int = read(statement.where(*self.conditions())).scalar_one()
        return number

    def sample(self) -> list[tuple[str, Any]]:
        """Return key and name of the first few records."""
        resource = self.resource
        parts = [column.attribute for column in resource.key_columns]
        label = readable(resource.label_column)
        statement = select(label, *parts).where(*self.conditions()).order_by(*parts).limit(SAMPLE)
        return [(keys.key_text(resource, tuple(row[1:])), row[0]) for row in read(statement)]

    def each(self) -> Iterator[Key]:
        """Yield the keys of the records, those of all that match a thousand at a time."""
        if not self.every:
            yield from self.keys
            return
        resource = self.resource
        order = sorting.sort_keys(resource, (), dialect())
        state = replace(self.state.anywhere, sort=())
        parts: list[Any] = [column.attribute for column in resource.key_columns]
        base = selects.matching(state, *parts)
        place: list[Any] | None = None
        while True:
            statement = keyset.page(base, order, keyset.filled(place), False, MOST_KEYS)
            rows = read(statement, keyset.parameters(place)).all()
            width = len(resource.key_columns)
            yield from (tuple(row[:width]) for row in rows)
            if len(rows) < MOST_KEYS:
                return
            place = list(rows[-1][width:])


def parse(resource: Resource) -> Selection:
    """Return the records that the request's form names, of the list in its URL.

    Raises:
        ListError: A parameter of the list is wrong, or a key, or there are too many.
    """
    state = listing.parse(resource, request.args)
    texts = list(dict.fromkeys(request.form.getlist("key")))
    if len(texts) > MOST_KEYS:
        raise ListError("key", gettext("Choose at most %(most)s records.", most=MOST_KEYS))
    parsed = [keys.parse_key(resource, text, dialect()) for text in texts]
    if None in parsed:
        raise ListError("key", gettext("No record can have this key."))
    return Selection(state, tuple(filter(None, parsed)), request.form.get("every") == "1")
