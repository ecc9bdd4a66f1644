"""The state of a list, read from its URL and written back into links."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import MultiDict

from webadmin import cursors, filters, jumps, keys, sorting
from webadmin.database import dialect
from webadmin.filters import LONGEST_SEARCH, MOST_WORDS, Filter
from webadmin.messages import gettext
from webadmin.resource import Resource

SIZES = (25, 50, 100, 200)
DEFAULT_SIZE = 50
# Parameters that say which page of the list is shown: one of them, or the first.
PLACES = ("after", "before", "goto", "around")
NOWHERE = dict.fromkeys(PLACES, "")
MOST_KEYS = 3  # a page is read in up to two legs a key (see keyset)


class ListError(ValueError):
    """A parameter of a list is unknown or malformed.

    Attributes:
        parameter: Its name.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True)
class ListState:
    """What a list shows: the whole of it stands in the URL.

    Attributes:
        resource: What is listed.
        q: The words searched for.
        sort: Names of columns, "-age" descending; empty: the resource's own ordering.
        filters: The conditions in force.
        size: Records a page.
        after: The cursor to go on from; "" begins at the start.
        before: The cursor to go back from; "end" is the end of the list. None: forward.
        goto: A value of the first column of the sort to begin at, as a text.
        around: The key of a record to show with those around it.
        exact: Whether the records are to be counted however many there are.
        patient: Whether a search without an index may take long.
    """

    resource: Resource
    q: str = ""
    sort: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    size: int = DEFAULT_SIZE
    after: str = ""
    before: str = ""
    goto: str = ""
    around: str = ""
    exact: bool = False
    patient: bool = False

    @property
    def ordering(self) -> tuple[str, ...]:
        """The sort in force."""
        return self.sort or self.resource.ordering

    @cached_property
    def anywhere(self) -> "ListState":
        """This list, whatever page of it is shown."""
        return ListState(self.resource, self.q, self.sort, self.filters, self.size)

    @property
    def elsewhere(self) -> bool:
        """Whether another page than the first one is asked for."""
        return bool(self.after or self.before or self.goto or self.around)

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter leaves records out."""
        return bool(self.q or self.filters)

    def parameters(self) -> list[tuple[str, str]]:
        """Return the URL parameters that `parse` turns into this state."""
        found = [(filter_.parameter, filter_.text) for filter_ in self.filters]
        if self.q:
            found.insert(0, ("q", self.q))
        if self.sort:
            found.append(("sort", ",".join(self.sort)))
        if self.size != DEFAULT_SIZE:
            found.append(("size", str(self.size)))
        for name in PLACES:
            if value := getattr(self, name):
                found.append((name, value))
        if self.exact:
            found.append(("count", "exact"))
        if self.patient:
            found.append(("patience", "long"))
        return found

    def query(self, **changes: Any) -> str:
        """Return the query string of this state with changes, "?" included, "" where empty."""
        if not changes:
            return self._query
        # A page has thirty of these links: `replace` would check and copy field by field.
        state = object.__new__(ListState)
        state.__dict__.update(self.__dict__, **changes)
        state.__dict__.pop("_query", None)
        return state._query

    @cached_property
    def _query(self) -> str:
        text = "&".join(f"{name}={quote(value, safe=',')}" for name, value in self.parameters())
        return f"?{text}" if text else ""

    def first_page(self, **changes: Any) -> str:
        """Return the query string of the first page of this list with changes."""
        return self.query(**NOWHERE, **changes)

    def turned(self, **place: str) -> str:
        """Return the query string of the page of this list at a place: one of `PLACES`."""
        return self.query(**(NOWHERE | place))

    def without(self, *parameters: str) -> str:
        """Return the query string without some filters, on the first page."""
        kept = tuple(f for f in self.filters if f.parameter not in parameters)
        return self.first_page(filters=kept)

    def direction(self, name: str) -> str:
        """Return "ascending", "descending" or "" for a column in the sort in force."""
        for key in self.ordering:
            if key.removeprefix("-") == name:
                return "descending" if key.startswith("-") else "ascending"
        return ""

    def sorted_by(self, name: str, add: bool = False) -> str:
        """Return the query string after a click on a heading: up, then down, then off.

        Args:
            name: The column.
            add: Whether the other columns of the sort stay before it.
        """
        up, down = (name,), (f"-{name}",)
        mine = {"": up, "ascending": down, "descending": ()}[self.direction(name)]
        if not self.sort and not mine:
            mine = up  # the resource's own ordering: off would change nothing
        if not add:
            return self.first_page(sort=mine)
        others = [key for key in self._sortable() if key.removeprefix("-") != name]
        return self.first_page(sort=(*others[: MOST_KEYS - 1], *mine))

    def _sortable(self) -> list[str]:
        """Return the keys of the sort in force that a URL may name."""
        shown = self.resource.list_display
        return [key for key in self.ordering if key.removeprefix("-") in shown]


def parse(resource: Resource, args: MultiDict[str, str]) -> ListState:
    """Return the state that a list's URL describes; parameters without a value count as absent.

    Raises:
        ListError: A parameter is unknown or malformed.
    """
    if not args:
        return ListState(resource)
    given: dict[str, str] = {}
    for name, texts in args.lists():
        filled = [text for text in texts if text != ""]
        if len(filled) > 1:
            raise ListError(name, gettext("It is given twice. Give it once."))
        _known(resource, name)
        if filled:
            given[name] = filled[0]
    state = ListState(
        resource,
        q=_q(given.pop("q", "")),
        sort=_sort(resource, given.pop("sort", "")),
        size=_size(given.pop("size", str(DEFAULT_SIZE))),
        **{name: given.pop(name, "") for name in PLACES},
        exact=_chosen(given, "count", "exact"),
        patient=_chosen(given, "patience", "long"),
        filters=(),
    )
    state = replace(state, filters=_filters(resource, given))
    _check_place(state)
    return state


def _known(resource: Resource, name: str) -> None:
    if name in filters.RESERVED:
        return
    try:
        filters.named(resource, name)
    except LookupError:
        known = sorted(filters.RESERVED) + [
            filters.parameter(each, operator)
            for each in resource.list_filter
            for operator in resource.columns[each].kind.operators
        ]
        raise ListError(
            name, gettext("It is unknown. Known are: %(names)s.", names=", ".join(known))
        ) from None


def _q(text: str) -> str:
    if len(text) > LONGEST_SEARCH or len(text.split()) > MOST_WORDS:
        raise ListError(
            "q",
            gettext(
                "Search for at most %(words)s words and %(length)s characters.",
                words=MOST_WORDS,
                length=LONGEST_SEARCH,
            ),
        )
    return " ".join(text.split())


def _sort(resource: Resource, text: str) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    allowed = [name for name in resource.list_display if resource.columns[name].kind.sortable]
    bare = [name.removeprefix("-") for name in names]
    unknown = any(name not in allowed for name in bare)
    if unknown or len(set(bare)) < len(bare) or len(bare) > MOST_KEYS:
        raise ListError(
            "sort",
            gettext(
                "Name at most %(most)s columns, once each, with - before one to reverse it: "
                "%(names)s.",
                most=MOST_KEYS,
                names=", ".join(allowed),
            ),
        )
    return names


def _size(text: str) -> int:
    if text not in map(str, SIZES):
        raise ListError(
            "size", gettext("Choose one of: %(names)s.", names=", ".join(map(str, SIZES)))
        )
    return int(text)


def _chosen(given: dict[str, str], name: str, word: str) -> bool:
    """Return whether a parameter that knows one word is given."""
    text = given.pop(name, "")
    if text not in ("", word):
        raise ListError(name, gettext("Choose one of: %(names)s.", names=word))
    return text == word


def _filters(resource: Resource, given: Mapping[str, str]) -> tuple[Filter, ...]:
    found = []
    for name, text in given.items():
        try:
            found.append(filters.parse(resource, name, text))
        except ValueError as error:
            raise ListError(name, str(error)) from None
    return tuple(found)


def _check_place(state: ListState) -> None:
    given = [name for name in PLACES if getattr(state, name)]
    if len(given) > 1:
        raise ListError(given[1], gettext("Give either after or before or goto or around."))
    if state.goto:
        goto(state)
    if state.around and keys.parse_key(state.resource, state.around, dialect()) is None:
        raise ListError("around", gettext("No record can have this key."))
    _check_cursor(state)


def _check_cursor(state: ListState) -> None:
    cursor = state.after or state.before
    if not cursor or state.before == "end":
        return
    try:
        sort = sorting.sort_keys(state.resource, state.ordering, dialect(), state.filters)
        cursors.decode(cursor, sort, dialect())
    except ValueError:
        raise no_place(state) from None


def goto(state: ListState) -> Any:
    """Return the value to begin at.

    Raises:
        ListError: It is no value of what the list is sorted by.
    """
    if jumps.column(state.resource, state.ordering) is None:
        raise ListError("goto", gettext("First sort the list by a column that it shows."))
    try:
        first = sorting.sort_keys(state.resource, state.ordering, dialect())[0]
        return jumps.value(first, state.goto)
    except ValueError as error:
        raise ListError("goto", str(error)) from None


def no_place(state: ListState) -> ListError:
    """Return the error for a cursor that leads nowhere."""
    return ListError(
        "after" if state.after else "before",
        gettext("It is no place in this list. Begin again at the first page."),
    )
