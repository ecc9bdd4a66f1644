"""How a page of a list is read, so that no filter makes the DBMS read more than it must.

One index finds a page where it begins with the column that is filtered and goes on in the order
of the sort. For any other pair of a filter and a sort there are two ways, and a DBMS that has to
guess takes the wrong one now and then: it walks a million records for the three that match, or
sorts all but a few of them. So the matches are counted first, which stops at `counts.BOUND`: up
to that many are fetched by the index of the filter and sorted; where there are more, the index of
the sort is walked, and a page is soon full.
"""

from collections.abc import Sequence
from dataclasses import replace

from webadmin import context, search
from webadmin.counts import BOUND, Count
from webadmin.filters import Filter
from webadmin.keyset import Filled
from webadmin.listing import ListState
from webadmin.sorting import SortKey

LIKE = ("startswith", "contains")  # operators whose matches are not side by side in an index
LONG = 60.0  # seconds that a person waits who has chosen to


def served(state: ListState, keys: Sequence[SortKey]) -> bool:
    """Return whether one index, of a column and the key, finds a page of a list by itself."""
    if state.q:
        return streams(state, keys) and not state.filters
    if state.resource.scope:
        return False
    on_first = all(
        each.column is keys[0].column and each.operator not in LIKE for each in state.filters
    )
    return on_first or _by_key(state, keys)


def streams(state: ListState, keys: Sequence[SortKey]) -> bool:
    """Return whether the search index gives records in the order of the sort."""
    in_order = len(keys) == 1 and keys[0].column.primary_key
    return in_order and search.streams(state.resource, state.q) is not None


def along(state: ListState, keys: Sequence[SortKey]) -> list[SortKey]:
    """Return the keys of a sort such that a list runs along its search index, if that has them."""
    if not streams(state, keys):
        return list(keys)
    return [replace(keys[0], expression=search.streams(state.resource, state.q))]


def only_searched(state: ListState) -> bool:
    """Return whether the search index by itself knows what a list has."""
    alone = bool(state.q) and not (state.filters or state.resource.scope)
    return alone and search.is_served(state.resource, state.q)


def patience(state: ListState) -> float:
    """Return how many seconds a statement may take that no index serves."""
    return LONG if state.patient else float(context.app().config["SEARCH_TIMEOUT"])


def _by_key(state: ListState, keys: Sequence[SortKey]) -> bool:
    """Return whether records of one value are sorted by key: so they stand in that index."""
    one = len(state.filters) == 1 and state.filters[0].operator == "exact"
    return one and all(key.column.primary_key for key in keys)


def few(state: ListState, keys: Sequence[SortKey], count: Count | None) -> bool:
    """Return whether what matches is to be fetched and sorted, being no more than `BOUND`."""
    counted = count is not None and count.kind == "exact" and count.number <= BOUND
    return counted and not served(state, keys)


def indexed(
    state: ListState, keys: Sequence[SortKey], there: Filled, backward: bool
) -> list[Filter]:
    """Return the filters of a list whose index is of use where that of the sort is walked.

    One that a place behind it has made needless would make SQLite begin there.
    """
    if _by_key(state, keys):
        return list(state.filters)
    upwards = keys[0].descending == backward
    behind = () if there is None else ("gt", "gte") if upwards else ("lt", "lte")
    return [
        each
        for each in state.filters
        if each.column is keys[0].column and each.operator not in behind
    ]
