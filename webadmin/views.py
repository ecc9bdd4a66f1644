"""The pages that read: the list and one record; and what all pages of a resource share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import abort, current_app, redirect, render_template, request
from werkzeug.wrappers import Response

from webadmin import (
    cells,
    filters,
    formats,
    forms,
    keys,
    list_page,
    listing,
    neighbours,
    plans,
    records,
    timeline,
)
from webadmin.database import dialect
from webadmin.listing import ListState
from webadmin.permissions import Action
from webadmin.resource import Resource
from webadmin.templating import chosen, site_url

RECENT = 5  # changes beside a record

Answer = str | Response | tuple[str, int]


def list_url(state: ListState, anchor: str | None = None) -> str:
    """Return the URL of the list in a state, at a record where its key is given."""
    fragment = f"#record-{keys.in_url(anchor)}" if anchor else ""
    return f"{site_url(f'{state.resource.name}/')}{state.query()}{fragment}"


def new_url(state: ListState) -> str:
    """Return the URL of the form for a new record, which keeps the list that one came from."""
    return f"{site_url(f'{state.resource.name}/new')}{state.query()}"


def record_url(state: ListState, key: str, page: str = "") -> str:
    """Return the URL of a record's page, which keeps the list that one came from."""
    prefix = site_url(f"{state.resource.name}/")
    return f"{prefix}{keys.in_url(key)}{page}{state.query()}"


def render(template: str, state: ListState, **context: Any) -> str:
    """Return a page of a resource; `users/list.html` wins over `resource/list.html`."""
    resource = state.resource
    return render_template(
        chosen(resource, template, f"resource/{template}"),
        resource=resource,
        state=state,
        list_url=list_url(state),
        **context,
    )


def index(resource: Resource) -> Answer:
    """Show the list."""
    state = listing.parse(resource, request.args)
    if state.around:
        return _around(state)
    page = records.page(state)
    if not page.records and not page.stopped and state.elsewhere and state.before != "end":
        # The records there are gone: the nearest page that there is.
        end = {} if state.before else {"before": "end"}
        return redirect(site_url(f"{resource.name}/") + state.turned(**end), 303)
    given_up = state.exact and page.count.kind != "exact"
    if given_up:
        state = replace(state, exact=False)  # the next page shall not wait in vain again
    heads = list_page.headings(state)
    choosable = f"{resource.name}.bulk_edit" in current_app.view_functions and any(
        filters.may(action, resource) for action in (Action.EDIT, Action.DELETE)
    )
    return render(
        "list.html",
        state,
        page=page,
        given_up=given_up,
        jump=list_page.jump,
        headings=list_page.headings,
        rows=cells.rows(state, page.records, heads, choosable),
        choosable=choosable,
        chips=list_page.chips(state),
        controls=list_page.controls,
        fixed=list_page.filters_are_fixed(state),
        sizes=list_page.sizes,
        slow=list_page.slow_sort(state, page),
        seconds=round(plans.patience(state)),
    )


def _around(state: ListState) -> Response:
    """Lead to the page that a record stands on, wherever it stands by now."""
    key = state.around
    after = records.around(state, key_or_404(state.resource, key))
    if after is None:
        abort(404)
    there = replace(state, around="", after=after)
    return redirect(list_url(there, key), 303)


def key_or_404(resource: Resource, key: str) -> tuple[Any, ...]:
    """Return the values of a key; 404 where no record can have it."""
    parts = keys.parse_key(resource, key, dialect())
    if parts is None:
        abort(404)
    return parts


def load(state: ListState, names: Sequence[str], key: str) -> dict[str, Any]:
    """Return the named values of a record; 404 where there is none."""
    found = records.get(state, names, key_or_404(state.resource, key))
    if found is None:
        abort(404)
    return dict(zip(names, found[0].values, strict=True))


def title(resource: Resource, values: dict[str, Any], key: str) -> str:
    """Return the name of a record: its label, else "User 5"."""
    label = values.get(resource.label_column.name)
    if label in (None, "") or resource.label_column.primary_key:
        return f"{resource.labels[0]} {keys.readable(resource, key)}"
    return str(formats.formatter(resource.label_column, short=True)(label))


def detail(resource: Resource, key: str, **context: Any) -> Answer:
    """Show one record; `context` is for a template of the resource's own."""
    state = listing.parse(resource, request.args)
    there = neighbours.between(state, list(resource.columns), key_or_404(resource, key))
    if there is None:
        abort(404)
    values = dict(zip(resource.columns, there.record.values, strict=True))
    changes = timeline.Found([])
    if there.changed is not False:  # what nobody has changed has nothing to be asked for
        changes = timeline.of_record(resource, key, size=RECENT)
    shown = []
    for name, value in values.items():
        column = resource.columns[name]
        if column.reference is not None:
            text = cells.reference(column, [value])(value)
        else:
            text = formats.formatter(column)(value)
        shown.append((forms.label_of(resource, name), text))
    return render(
        "detail.html",
        state,
        key=keys.readable(resource, key),
        title=title(resource, values, key),
        fields=shown,
        previous=record_url(state, there.previous) if there.previous else "",
        next=record_url(state, there.next) if there.next else "",
        edit_url=record_url(state, key, "/edit"),
        delete_url=record_url(state, key, "/delete"),
        place_url=site_url(f"{resource.name}/") + state.turned(around=key),
        history_url=record_url(state, key, "/history"),
        found=changes,
        undoable=bool(changes.entries),
        **context,
    )
