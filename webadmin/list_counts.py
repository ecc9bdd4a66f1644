"""How many records a list has, as far as there is time to count them."""

from contextlib import suppress
from typing import Any

from webadmin import counts, plans, search, selects
from webadmin.counts import Count
from webadmin.listing import ListState
from webadmin.resource import Resource
from webadmin.time_limit import TookTooLongError, limited


def of_list(state: ListState) -> Count:
    """Return how many records a list has, exactly if its state asks and there is time for that."""
    if state.exact:
        with suppress(TookTooLongError):
            return counts.exact(selects.matching(state))
    if plans.only_searched(state):
        return search.probe(state.resource, state.q)
    if state.narrowed or state.resource.scope:
        return _hurried(state)
    kept = counts.remembered(state.resource)
    if kept and kept.kind == "about":
        return kept
    return counts.of_table(state.resource)


def _hurried(state: ListState) -> Count:
    """Count up to a bound, as long as a search may take; "more" than none where that is longer."""
    what = state.q, state.filters, state.patient
    known = counts.beyond(state.resource, what)
    if known is not None:
        return known
    try:
        with limited(plans.patience(state)):
            ((number,),) = selects.rows(_count_statement, state, {})
        found = counts.told(number)
    except TookTooLongError:
        found = Count(0, "more")
    if not state.resource.scope:  # that differs from account to account
        counts.keep_beyond(state.resource, what, found)
    return found


def _count_statement(state: ListState, _dialect: str) -> Any:
    return counts.bounding(selects.matching(state))


def whole(state: ListState, number: int) -> Count:
    """Return the count of a list that its first page shows wholly."""
    found = Count(number)
    if not (state.narrowed or state.resource.scope):
        counts.remember(state.resource, found)
    return found


def of_resource(resource: Resource) -> Count:
    """Return how many records of a resource the asking account may see."""
    if resource.scope:
        return counts.bounded(selects.matching(ListState(resource)))
    return counts.of_table(resource)
