"""What the list page shows: headings, rows, chips of the filters in force, filter controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, lazy_gettext
from markupsafe import Markup

from webadmin import filters, formats, forms, keys, listing, records
from webadmin.columns import Column
from webadmin.listing import ListState
from webadmin.records import Page
from webadmin.resource import Resource


@dataclass(frozen=True)
class Heading:
    """The head of a column.

    Attributes:
        direction: "ascending", "descending" or "": for aria-sort.
        href: Where a click leads; "" where the column cannot be sorted.
        add_href: Where a click with Shift leads: the column as a further key.
    """

    name: str
    label: Any
    numeric: bool
    direction: str
    href: str
    add_href: str


@dataclass(frozen=True)
class Row:
    """A record: its key, the URL of its page, its cells, and which cell is the link to it."""

    key: str
    href: str
    cells: list[Any]


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
    """

    name: str
    label: Any
    type: str
    value: str
    choices: list[tuple[str, Any]]


WORDS = {
    "exact": lazy_gettext("is %(value)s"),
    "gt": lazy_gettext("over %(value)s"),
    "gte": lazy_gettext("from %(value)s"),
    "lt": lazy_gettext("under %(value)s"),
    "lte": lazy_gettext("up to %(value)s"),
    "startswith": lazy_gettext("starts with %(value)s"),
    "contains": lazy_gettext("contains %(value)s"),
}
# What the filter form offers of each operator; the URL understands all of them.
CONTROLS = {
    "exact": lazy_gettext("is"),
    "gte": lazy_gettext("from"),
    "lte": lazy_gettext("to"),
    "startswith": lazy_gettext("starts with"),
    "isnull": lazy_gettext("is empty"),
}
_INPUT_TYPES = {"date": "date", "datetime": "datetime-local", "time": "time"}


def headings(state: ListState) -> list[Heading]:
    """Return the heads of the columns."""
    found = []
    for name in state.resource.list_display:
        column = state.resource.columns[name]
        sortable = column.kind.sortable
        found.append(
            Heading(
                name,
                forms.label_of(state.resource, name),
                column.kind.numeric and not column.reference,
                state.direction(name),
                (state.sorted_by(name) or "?") if sortable else "",
                (state.sorted_by(name, add=True) or "?") if sortable else "",
            )
        )
    return found


def rows(state: ListState, page: Page, prefix: str) -> list[Row]:
    """Return the records of a page as cells to show.

    Args:
        state: The list.
        page: What was read.
        prefix: The URL of the list, which record URLs begin with.
    """
    resource, suffix = state.resource, state.query()
    show = [
        _cell(resource.columns[name], [record.values[i] for record in page.records])
        for i, name in enumerate(resource.list_display)
    ]
    return [
        Row(
            record.key,
            f"{prefix}{keys.in_url(record.key)}{suffix}",
            [each(value) for each, value in zip(show, record.values, strict=True)],
        )
        for record in page.records
    ]


def _cell(column: Column, values: Sequence[Any]) -> formats.Formatter:
    if column.reference is None:
        return formats.formatter(column, short=True)
    return reference(column, values, short=True)


def reference(column: Column, values: Sequence[Any], short: bool = False) -> formats.Formatter:
    """Return what shows a foreign key as a link to its record, with one query for all values."""
    target = records.resource_of(column)
    plain = formats.formatter(column, short)
    if target is None:
        return plain
    labels = records.reference_labels(column, values)
    show_label = formats.formatter(target.label_column, short=True)

    def show(value: Any) -> Any:
        if value not in labels:
            return plain(value)
        label = labels[value]
        text = plain(value) if label in (None, "") else show_label(label)
        path = keys.in_url(keys.key_text(target, (value,)))
        return Markup('<a href="{}/{}">{}</a>').format(f"/{target.name}", path, text)

    return show


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


def _value(filter_: filters.Filter) -> str:
    column, value = filter_.column, filter_.value
    if column.reference is not None:
        label = records.reference_labels(column, [value]).get(value)
        return filter_.text if label in (None, "") else str(label)
    if column.kind.name in ("string", "text") and filter_.operator == "exact":
        return f"“{value}”"
    return str(formats.formatter(column)(value))


def _sentence(filter_: filters.Filter) -> str:
    if filter_.operator == "isnull":
        return str(gettext("is empty") if filter_.value else gettext("is not empty"))
    return str(WORDS[filter_.operator]) % {"value": _value(filter_)}


def controls(state: ListState) -> list[tuple[Any, list[Control]]]:
    """Return the filter form: for each column its label and its inputs."""
    texts = {filter_.parameter: filter_.text for filter_ in state.filters}
    return [
        (forms.label_of(state.resource, name), _controls(state.resource, name, texts))
        for name in state.resource.list_filter
    ]


def _controls(resource: Resource, name: str, texts: dict[str, str]) -> list[Control]:
    column = resource.columns[name]
    choices = _choices(column)
    found = []
    for operator, label in CONTROLS.items():
        if operator not in column.kind.operators or (operator == "isnull" and not column.nullable):
            continue
        if operator == "exact" and "gte" in column.kind.operators and not choices:
            continue  # a range from and to the same value says it
        if choices and operator in ("gte", "lte", "startswith"):
            continue
        parameter = filters.parameter(name, operator)
        value = texts.get(parameter, "")
        if operator == "isnull":
            options = [("", gettext("any")), ("1", gettext("yes")), ("0", gettext("no"))]
            found.append(Control(parameter, label, "select", value, options))
        elif operator == "exact" and choices:
            options = [("", gettext("any")), *choices]
            found.append(Control(parameter, label, "select", value, options))
        else:
            type_ = _INPUT_TYPES.get(column.kind.widget, "text")
            found.append(Control(parameter, label, type_, value.replace(" ", "T"), []))
    return found


def _choices(column: Column) -> list[tuple[str, Any]]:
    if column.kind.name == "boolean":
        return [("true", gettext("Yes")), ("false", gettext("No"))]
    target = records.resource_of(column)
    if target is not None:
        found = records.reference_choices(target) or []
        return [(column.text(key), key if label in (None, "") else label) for key, label in found]
    return [(text, text.replace("_", " ")) for text in column.choices]


def sizes(state: ListState) -> list[tuple[int, str]]:
    """Return the numbers of records a page can have, and where each leads."""
    return [(size, state.first_page(size=size) or "?") for size in listing.SIZES]
