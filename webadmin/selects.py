"""The SELECTs of lists: what a list has, what is read of it; kept where the next can use them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from webadmin import filters, prepared, search
from webadmin.columns import Column
from webadmin.database import dialect, read
from webadmin.filters import Filter
from webadmin.lenient import readable
from webadmin.listing import ListState
from webadmin.resource import Resource

SHORT_TEXT = 120


def matching(
    state: ListState, *columns: ColumnElement[Any], indexed: Sequence[Filter] | None = None
) -> Select[Any]:
    """Return the SELECT of the columns of all records that scope, search and filters leave.

    Args:
        state: The list.
        columns: The columns; the first of the key where none is named.
        indexed: The filters whose index may be used where records are walked in the order of a
            sort; None: all, and that of the search.
    """
    criteria = filters.scope(state.resource)
    walk = indexed is not None
    for each in state.filters:
        useful = indexed is None or each in indexed
        criteria.append(each.criterion(useful, walk))
        criteria += [] if walk else search.begun(state.resource, each)
    if not walk and search.streams(state.resource, state.q) is not None:
        criteria += search.streamed(state.resource, state.q)
    else:
        criteria += search.criteria(state.resource, state.q, walk)
    # PostgreSQL counts "SELECT FROM users" as well, the others want a column.
    chosen = columns or (state.resource.key_columns[0].attribute,)
    return select(*chosen).select_from(state.resource.model).where(*criteria)


def shown(column: Column, short: bool) -> Any:
    """Return what is read to show a column: never a whole binary, in lists no long text."""
    if column.kind.name == "binary":
        return func.length(column.attribute)
    if short and column.kind.name == "text":
        return func.substr(column.attribute, 1, SHORT_TEXT + 1)
    return readable(column)


def labelled(resource: Resource, names: Iterable[str], short: bool) -> list[ColumnElement[Any]]:
    """Return what is read of records: the named columns as c0, c1 ...; their key as p0, p1 ..."""
    named = (shown(resource.columns[name], short) for name in names)
    keys = [column.attribute.label(f"p{i}") for i, column in enumerate(resource.key_columns)]
    return [*(each.label(f"c{i}") for i, each in enumerate(named)), *keys]


def rows(
    build: Callable[..., Any], state: ListState, values: dict[str, Any], *form: Any
) -> Sequence[Sequence[Any]]:
    """Return the rows of a list's statement, kept where it can be: to build it takes longer.

    Args:
        build: Makes it from a list, the name of the DBMS and `form`.
        state: The list.
        values: What the statement is run with besides the values of filters and search.
        form: What else it depends on.

    Raises:
        DBAPIError: As SQLAlchemy raises it.
    """
    filtered = None if state.resource.scope else filters.opened(state.filters)
    searched = filtered and search.opened(state.resource, state.q)
    if filtered is None or searched is None:
        return read(build(state, dialect(), *form), values).all()
    shape = ListState(state.resource, sort=state.sort, filters=filtered[0])
    on = build, shape, searched[0], dialect(), *form
    statement = prepared.kept(on, lambda: build(replace(shape, q=state.q), dialect(), *form))
    return prepared.rows(statement, {**values, **filtered[1], **searched[1]}, not state.q)


def kept(build: Callable[..., Any], *arguments: Any) -> Any:
    """Return the statement that a function makes of some arguments: the same object each time."""
    return prepared.kept((build, *arguments), lambda: build(*arguments))
