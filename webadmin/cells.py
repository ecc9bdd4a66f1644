"""The cells of a list as HTML: what is the same for a column is made once, not for each record."""

import html
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise, repeat
from typing import Any

from markupsafe import Markup, escape

from webadmin import folding, formats, keys, references
from webadmin.columns import Column
from webadmin.list_page import Heading
from webadmin.listing import ListState
from webadmin.messages import gettext
from webadmin.records import Record
from webadmin.resource import Resource
from webadmin.templating import site_url


def rows(
    state: ListState, found: Sequence[Record], heads: Sequence[Heading], choosable: bool = False
) -> Markup:
    """Return the records of a page as the rows of a table.

    Args:
        state: The list; its URL goes along in the link to each record.
        found: The records.
        heads: The heads of the columns.
        choosable: Whether each has a check box before it.
    """
    resource = state.resource
    prefix, suffix = escape(site_url(f"{resource.name}/")), escape(state.query())
    # Percent-encoded, an anchor has nothing left to escape.
    anchors = [keys.in_url(record.key) for record in found]
    words = state.q.split()
    sought = _sought(resource, words)
    parts: list[Iterable[str]] = [repeat('<tr id="record-'), anchors, repeat('">')]
    if choosable:
        parts += _boxes(found)
    for i, head in enumerate(heads):
        values = [record.values[i] for record in found]
        plain = map(_formatter(resource.columns[head.name], values), values)
        if words and head.name in (resource.search_fields or ()):
            plain = map(partial(_marked, words=words), plain)
        elif sought and resource.columns[head.name].primary_key:
            plain = map(partial(_marked_key, sought=sought), plain, values)
        texts = list(map(_safe, plain))
        if head.name == resource.link_column:
            texts = [
                text if value not in (None, "") else _nameless(resource, record.key)
                for text, value, record in zip(texts, values, found, strict=True)
            ]
            opening, middle = f'<th scope="row"><a href="{prefix}', f'{suffix}">'
            parts += [repeat(opening), anchors, repeat(middle), texts, repeat("</a></th>")]
        else:
            parts += [repeat(_opening(head)), texts, repeat("</td>")]
    lines = map("".join, zip(*parts, repeat("</tr>\n")))
    return Markup("".join(lines))  # noqa: S704 - escaped above  # nosec B704


def _safe(text: Any) -> str:
    """Return a text as HTML: markupsafe would make an object of each, in three times the time."""
    if isinstance(text, Markup) or text.isalnum():
        return str(text)  # letters and digits have nothing to escape
    return html.escape(text)


def _marked(shown: Any, words: Sequence[str]) -> Any:
    """Return a text with what was searched for marked; what is HTML already stays as it is."""
    places = [] if isinstance(shown, Markup) else folding.spans(shown, words)
    if not places:
        return shown
    ends = [0, *(end for span in places for end in span), len(shown)]
    pieces = [html.escape(shown[start:end]) for start, end in pairwise(ends)]
    pieces[1::2] = [f"<mark>{piece}</mark>" for piece in pieces[1::2]]
    return Markup("".join(pieces))  # noqa: S704 - escaped above  # nosec B704


def _sought(resource: Resource, words: Sequence[str]) -> set[int]:
    """Return the keys that words are looked for as."""
    (key, *more) = resource.key_columns
    if more or key.kind.name != "integer":
        return set()
    return {int(word) for word in words if word.isascii() and word.isdigit()}


def _marked_key(shown: Any, key: Any, sought: set[int]) -> Any:
    return Markup("<mark>{}</mark>").format(shown) if key in sought else shown


def _boxes(found: Sequence[Record]) -> list[Iterable[str]]:
    """Return a check box for each record: its row's head is its name."""
    opening = '<td><input type=checkbox name=key form=bulk value="'
    label = f'" aria-label="{escape(gettext("Choose"))} '
    keys = [_safe(record.key) for record in found]
    return [repeat(opening), keys, repeat(label), keys, repeat('"></td>')]


def _nameless(resource: Resource, key: str) -> Markup:
    """Return what stands for the name of a record that has none: "User 5"."""
    return escape(f"{resource.labels[0]} {keys.readable(resource, key)}")


def _opening(head: Heading) -> str:
    look = f' class="{head.look}"' if head.look else ""
    if head.look == "key":
        return f"<td{look}>"  # which is shown without its label
    return f'<td{look} data-label="{escape(head.label)}">'


def _formatter(column: Column, values: Sequence[Any]) -> formats.Formatter:
    if column.reference is None:
        return formats.formatter(column, short=True)
    return reference(column, values, short=True)


def reference(column: Column, values: Sequence[Any], short: bool = False) -> formats.Formatter:
    """Return what shows a foreign key as a link to its record, with one query for all values."""
    target = references.resource_of(column)
    plain = formats.formatter(column, short)
    if target is None:
        return plain
    labels = references.labels(column, values)
    show_label = formats.formatter(target.label_column, short=True)
    prefix = site_url(f"{target.name}/")

    def show(value: Any) -> Any:
        if value not in labels:
            return plain(value)
        label = labels[value]
        text = plain(value) if label in (None, "") else show_label(label)
        path = keys.in_url(keys.key_text(target, (value,)))
        return Markup('<a href="{}{}">{}</a>').format(prefix, path, text)

    return show
