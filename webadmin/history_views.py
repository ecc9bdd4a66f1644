"""The pages of the history: of one record, of everything; and undo."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, abort, flash, redirect, render_template, request
from markupsafe import Markup
from sqlalchemy import ColumnElement
from sqlalchemy.exc import DBAPIError

from webadmin import (
    auth,
    filters,
    forms,
    history,
    images,
    keys,
    listing,
    records,
    refusals,
    timeline,
    undo,
)
from webadmin.auth import Who
from webadmin.database import db, dialect
from webadmin.history import Change
from webadmin.listing import ListError
from webadmin.messages import gettext, lazy_gettext, ngettext
from webadmin.permissions import Action
from webadmin.resource import Resource
from webadmin.saving import RefusedError
from webadmin.templating import number, site_url
from webadmin.views import Answer, record_url, render, title

OLDER = "older"
ACTIONS = {
    history.CREATE: lazy_gettext("created"),
    history.EDIT: lazy_gettext("changed"),
    history.DELETE: lazy_gettext("deleted"),
    history.PRUNE: lazy_gettext("removed from the history"),
}


@dataclass
class Narrowed:
    """What `/history/` shows: the whole of it stands in the URL.

    Attributes:
        given: Its parameters as they were written.
        conditions: What they say.
        older: The id to go on from, 0: from the last change.
    """

    given: dict[str, str] = field(default_factory=dict)
    conditions: list[ColumnElement[bool]] = field(default_factory=list)
    older: int = 0

    def query(self, **changes: object) -> str:
        """Return the query string with changes, "?" included, "" where empty."""
        text = urlencode(
            {name: value for name, value in {**self.given, **changes}.items() if value}
        )
        return f"?{text}" if text else ""


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ValueError(gettext("Write a whole number in plain digits."))
    return int(text)


def _known(text: str, names: Any) -> str:
    if text not in names:
        raise ValueError(gettext("Choose one of: %(names)s.", names=", ".join(names)))
    return text


def _day(text: str, after: bool) -> Any:
    try:
        return timeline.moment(date.fromisoformat(text), after)
    except (ValueError, OverflowError):
        raise ValueError(gettext("Write a day such as 2026-03-31.")) from None


def _account(text: str) -> ColumnElement[bool]:
    if text == "none":
        return Change.account_id.is_(None)
    return Change.account_id == _whole(text)


PARAMETERS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "resource": lambda text: Change.resource == _known(text, records.resources()),
    "account": _account,
    "action": lambda text: Change.action == _known(text, ACTIONS),
    "from": lambda text: Change.at >= _day(text, after=False),
    "to": lambda text: Change.at < _day(text, after=True),
    "batch": lambda text: Change.batch == text[:16],
}


def _narrowed() -> Narrowed:
    """Return what the URL asks for.

    Raises:
        ListError: A parameter is unknown or malformed.
    """
    found = Narrowed(older=_older())
    for name, text in request.args.items():
        if name == OLDER or text == "":
            continue
        if name not in PARAMETERS:
            known = ", ".join([*PARAMETERS, OLDER])
            raise ListError(name, gettext("It is unknown. Known are: %(names)s.", names=known))
        try:
            found.conditions.append(PARAMETERS[name](text))
        except ValueError as error:
            raise ListError(name, str(error)) from None
        found.given[name] = text
    return found


def _older() -> int:
    try:
        return _whole(request.args.get(OLDER) or "0")
    except ValueError as error:
        raise ListError(OLDER, str(error)) from None


def everything() -> str:
    """Show the changes of all resources."""
    narrowed = _narrowed()
    batch = narrowed.given.get("batch", "")
    found = timeline.everything(*narrowed.conditions, older=narrowed.older, whole=bool(batch))
    resources = [
        (name, resource.labels[1])
        for name, resource in records.resources().items()
        if filters.may(Action.VIEW, resource)
    ]
    return render_template(
        "history.html",
        found=found,
        narrowed=narrowed,
        resources_offered=resources,
        accounts=timeline.accounts(),
        actions=ACTIONS,
        batch=batch,
        may_undo=any(entry.may_undo for entry in found.entries),
        undoable=True,
    )


def record_history(resource: Resource, key: str) -> Answer:
    """Show the changes of one record, also after it is gone."""
    args = request.args.copy()
    args.poplist(OLDER)
    state = listing.parse(resource, args)
    found = timeline.of_record(resource, key, _older())
    parts = keys.parse_key(resource, key, dialect())
    label = resource.label_column.name
    stored = records.get(state, [label], parts) if parts is not None else None
    if stored is None and not found.entries:
        abort(404)
    known = {label: stored[0].values[0]} if stored else {}
    name = title(resource, known, key)
    if stored is None:
        titles = [each.title for each in found.entries if each.words]
        name = titles[0] if titles else name
    return render(
        "history.html",
        state,
        title=name,
        gone=stored is None,
        found=found,
        detail_url=record_url(state, key) if stored else "",
        older_url=f"{record_url(state, key, '/history')}{'&' if state.query() else '?'}{OLDER}=",
        undoable=True,
    )


def take_back() -> Answer:
    """Undo a change or a batch, and go back to where that was asked for."""
    batch, identifier = request.form.get("batch", "")[:16], request.form.get("change", "")
    seen = request.form.get("seen", "")
    leads = _leads(batch, identifier)
    if not leads:
        abort(404)
    try:
        outcome = undo.batch(batch, seen) if batch else undo.change(leads[0], seen)
        if not outcome.problems:
            done = history.recorded()
            db.session.commit()
            _say(outcome, leads, done)
            return redirect(_back(leads), 303)
    except PermissionError:
        abort(403)
    except (DBAPIError, RefusedError) as error:
        db.session.rollback()
        resource = records.resources().get(leads[0].resource)
        if resource is None:
            raise
        refusal = refusals.explain(resource, error, {})
        problem = undo.Problem(leads[0].resource, leads[0].key, refusal.message)
        outcome = undo.Outcome(problems=[problem])
    db.session.rollback()
    return _conflict(outcome, batch, identifier), 409


def _leads(batch: str, identifier: str) -> list[Change]:
    """Return the change, or the last few of a batch, that the form names."""
    statement = db.select(Change).order_by(Change.id.desc()).limit(2)
    if batch:
        return list(db.session.scalars(statement.where(Change.batch == batch)))
    try:
        return list(db.session.scalars(statement.where(Change.id == _whole(identifier))))
    except ValueError:
        return []


def _say(outcome: undo.Outcome, leads: list[Change], done: str) -> None:
    message = gettext("Undone.")
    if outcome.number > 1:
        message = ngettext(
            "%(number)s change was undone.",
            "%(number)s changes were undone.",
            outcome.number,
            number=number(outcome.number),
        )
    offer(message, done)


def offer(message: Any, batch: str) -> None:
    """Flash a message, with a button that undoes a batch where there is one."""
    if not batch:
        flash(message, "success")
        return
    button = Markup('%s <button class="undo" form="undo" name="batch" value="%s">%s</button>')
    flash(button % (message, batch, gettext("Undo")), "success")


def _back(leads: list[Change]) -> str:
    """Return where an undo was asked for, if that page is still there."""
    given = urlsplit(request.form.get("back", "") or request.referrer or "")
    path = given.path.removeprefix(request.script_root)
    one = leads[0]
    page = f"/{one.resource}/{keys.in_url(one.key)}"
    fresh = one.action == history.CREATE and one.resource in records.resources()
    if not path.startswith("/") or path.startswith(("//", "/history/undo")):
        return site_url("history/")
    if fresh and (path == page or path.startswith(f"{page}/")):
        return site_url(f"{one.resource}/")
    if len(path.split("/")) > 3 and path.endswith(("/edit", "/delete", "/new", "/bulk")):
        path = path.rpartition("/")[0]
    query = f"?{given.query}" if given.query else ""
    return f"{request.script_root}{path}{query}"


def _conflict(outcome: undo.Outcome, batch: str, identifier: str) -> str:
    rows = []
    for problem in outcome.problems:
        resource = records.resources().get(problem.name)
        name, url, sides = problem.name, "", []
        if resource is not None:
            name = f"{resource.labels[0]} {keys.readable(resource, problem.key)}"
            url = site_url(f"{resource.name}/{keys.in_url(problem.key)}/history")
            for side in problem.sides:
                column = images.kept(resource).columns[side.name]
                values = [
                    timeline.shown(column, data) for data in (side.before, side.after, side.now)
                ]
                sides.append((forms.label_of(resource, side.name), *values))
        rows.append((name, url, problem.message, sides))
    given = urlsplit(request.form.get("back", "") or request.referrer or "")
    return render_template(
        "undo.html",
        rows=rows,
        batch=batch,
        change=identifier,
        seen=outcome.digest if outcome.forcible else "",
        back=given._replace(scheme="", netloc="").geturl() or site_url("history/"),
    )


def init_app(app: Flask) -> None:
    """Register the pages that belong to no resource."""
    app.add_url_rule("/history/", "history", everything)
    app.add_url_rule("/history/undo", "undo", take_back, methods=["POST"])
    for endpoint in ("history", "undo"):  # which changes one sees is asked for each of them
        auth.require(app, endpoint, Who.SIGNED_IN)
