"""What the list page shows: headings, rows, chips of the filters in force, filter controls."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from webadmin import counts, filters, formats, forms, indexes, jumps, listing, records, references
from webadmin.columns import Column
from webadmin.filters import Filter
from webadmin.listing import ListState
from webadmin.messages import gettext, language, lazy_gettext


@dataclass(frozen=True)
class Heading:
    """The head of a column.

    Attributes:
        look: How its cells are set: "key", "num" (to the right) or "".
        direction: "ascending", "descending" or "": for aria-sort.
        href: Where a click leads; "" where the column cannot be sorted.
        add_href: Where a click with Shift leads: the column as a further key.
    """

    name: str
    label: Any
    look: str
    direction: str
    href: str
    add_href: str


@dataclass(frozen=True)
class Chip:
    """A filter in force as a sentence: what, how, and where a click removes it."""

    label: Any
    text: str
    remove: str


@dataclass(frozen=True)
class Control:
    """One input of the filter form.

    Attributes:
        type: The type of an <input>, or "select".
        choices: (value, label) of a select.
        keyboard: The inputmode: which keyboard a phone shows.
    """

    name: str
    label: Any
    type: str
    value: str
    choices: list[tuple[str, Any]]
    keyboard: str = ""


WORDS = {
    "exact": lazy_gettext("is %(value)s"),
    "gt": lazy_gettext("over %(value)s"),
    "gte": lazy_gettext("from %(value)s"),
    "lt": lazy_gettext("under %(value)s"),
    "lte": lazy_gettext("up to %(value)s"),
    "startswith": lazy_gettext("starts with %(value)s"),
    "contains": lazy_gettext("contains %(value)s"),
}
# How the inputs of the filter form are called, in their order.
CONTROLS = {
    "exact": lazy_gettext("is"),
    "gt": lazy_gettext("over"),
    "gte": lazy_gettext("from"),
    "lt": lazy_gettext("under"),
    "lte": lazy_gettext("to"),
    "startswith": lazy_gettext("starts with"),
    "contains": lazy_gettext("contains"),
    "isnull": lazy_gettext("is empty"),
}
_INPUT_TYPES = {"date": "date", "datetime": "datetime-local", "time": "time"}


def headings(state: ListState) -> list[Heading]:
    """Return the heads of the columns."""
    return _headings(state.anywhere, language())


@lru_cache(maxsize=300)
def _headings(state: ListState, _language: str) -> list[Heading]:
    found = []
    for name in state.resource.list_display:
        column = state.resource.columns[name]
        sortable = column.kind.sortable
        found.append(
            Heading(
                name,
                str(forms.label_of(state.resource, name)),  # it is written in every cell
                _look(column),
                state.direction(name),
                (state.sorted_by(name) or "?") if sortable else "",
                (state.sorted_by(name, add=True) or "?") if sortable else "",
            )
        )
    return found


def _look(column: Column) -> str:
    if column.reference is not None:
        return ""
    return "key" if column.primary_key else "num" if column.kind.numeric else ""


def chips(state: ListState) -> list[Chip]:
    """Return a chip for each filter in force; the two ends of a range share one."""
    by_name = {(f.column.name, f.operator): f for f in state.filters}
    found = []
    for filter_ in state.filters:
        name, operator = filter_.column.name, filter_.operator
        label = forms.label_of(state.resource, name)
        other = by_name.get((name, "lte" if operator == "gte" else "gte"))
        if operator == "lte" and other:
            continue
        if operator == "gte" and other:
            text = f"{_value(filter_)} – {_value(other)}"
            found.append(Chip(label, text, state.without(filter_.parameter, other.parameter)))
            continue
        found.append(Chip(label, _sentence(filter_), state.without(filter_.parameter)))
    return [Chip(chip.label, chip.text, chip.remove or "?") for chip in found]


def _value(filter_: Filter) -> str:
    column, value = filter_.column, filter_.value
    if column.reference is not None:
        label = references.labels(column, [value]).get(value)
        return filter_.text if label in (None, "") else str(label)
    if column.is_text and filter_.operator == "exact":
        return f"“{value}”"
    return str(formats.formatter(column)(value))


def _sentence(filter_: Filter) -> str:
    if filter_.operator == "isnull":
        return str(gettext("is empty") if filter_.value else gettext("is not empty"))
    return str(WORDS[filter_.operator]) % {"value": _value(filter_)}


def controls(state: ListState) -> list[tuple[Any, list[Control]]]:
    """Return the filter form: for each column its label and its inputs."""
    return [
        (forms.label_of(state.resource, name), _controls(state, state.resource.columns[name]))
        for name in state.resource.list_filter
    ]


def _controls(state: ListState, column: Column) -> list[Control]:
    in_force = {f.operator: f for f in state.filters if f.column is column}
    choices = _choices(column)
    # What the URL filters by is in the form as well, so that sending the form keeps it.
    offered = {*_offered(column), *in_force}
    return [
        _control(column, operator, in_force.get(operator), choices)
        for operator in CONTROLS
        if operator in offered
    ]


def _offered(column: Column) -> list[str]:
    """Return the operators that the form always offers; the URL understands more."""
    if column.is_text and column.reference is None:
        found = ["exact", "startswith"]
    elif "gte" in column.kind.operators and column.reference is None:
        found = ["gte", "lte"]  # the same in both says "is"
    else:
        found = ["exact"]
    return [each for each in found if each in column.kind.operators] + ["isnull"] * column.nullable


def _control(
    column: Column, operator: str, filter_: Filter | None, choices: list[tuple[str, Any]]
) -> Control:
    name, label = filters.parameter(column.name, operator), CONTROLS[operator]
    text = filter_.text if filter_ else ""
    if operator == "isnull":
        choices = [("1", gettext("yes")), ("0", gettext("no"))]
    if operator == "isnull" or (operator == "exact" and choices):
        return Control(name, label, "select", text, [("", gettext("any")), *choices])
    type_ = _INPUT_TYPES.get(column.kind.widget, "text")
    if filter_ and type_ == "datetime-local":
        text = column.text(filter_.value).replace(" ", "T")
    return Control(name, label, type_, text, [])


def _choices(column: Column) -> list[tuple[str, Any]]:
    """Return (text, label) of every value where they are few: more references are typed."""
    if column.kind.name == "boolean":
        return [("true", gettext("Yes")), ("false", gettext("No"))]
    target = references.resource_of(column)
    if target is not None:
        found = references.choices(target) or []
        return [(column.text(key), label) for key, label in found]
    return [(text, text.replace("_", " ")) for text in column.choices]


def slow_sort(state: ListState, page: records.Page) -> str:
    """Return why a list of many records is slow, "" where its sort has an index."""
    many = page.count.kind != "exact" or page.count.number > counts.BOUND
    if not (many and state.ordering):
        return ""
    name = state.ordering[0].removeprefix("-")
    need = indexes.unindexed(state.resource, name)
    if need is None:
        return ""
    label = forms.label_of(state.resource, name)
    if need.reason:
        return gettext("No index can serve a sort by %(label)s, so this list is slow.", label=label)
    return gettext(
        "Sorting by %(label)s has no index, so this list is slow while it has many records. An "
        "operator can make one: webadmin indexes --create",
        label=label,
    )


def jump(state: ListState) -> Control | None:
    """Return the input of what the list is sorted by; None where nothing can be named there."""
    column = jumps.column(state.resource, state.ordering)
    if column is None:
        return None
    label = gettext("Go to %(column)s", column=forms.label_of(state.resource, column.name))
    if column.reference is None and column.kind.name in ("boolean", "choice"):
        return Control("goto", label, "select", state.goto, [("", "—"), *_choices(column)])
    type_, value = _INPUT_TYPES.get(column.kind.widget, "text"), state.goto
    if column.kind.name == "datetime":
        type_, value = "date", value[: len("2026-03-31")]
    number = "numeric" if column.kind.name == "integer" else "decimal"
    return Control("goto", label, type_, value, [], number if column.kind.numeric else "")


def filters_are_fixed(state: ListState) -> bool:
    """Return whether the filter form holds nothing of the database."""
    columns = (state.resource.columns[name] for name in state.resource.list_filter)
    return all(column.reference is None for column in columns)


def sizes(state: ListState) -> list[tuple[int, str]]:
    """Return the numbers of records a page can have, and where each leads."""
    return [(size, state.first_page(size=size) or "?") for size in listing.SIZES]
