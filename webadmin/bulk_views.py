"""The pages that write many records: delete, and set fields, for some or for all that match."""

from typing import Any

from flask import flash, redirect, request
from flask_wtf import FlaskForm
from sqlalchemy.exc import DBAPIError

from webadmin import (
    bulk,
    forms,
    history,
    images,
    keys,
    preview,
    refusals,
    removing,
    selection,
)
from webadmin.database import db
from webadmin.history_views import offer
from webadmin.messages import gettext, ngettext
from webadmin.resource import Resource
from webadmin.saving import RefusedError
from webadmin.selection import Selection
from webadmin.templating import number, site_url
from webadmin.views import Answer, list_url, render, title


class ChangedError(Exception):
    """Other records match than those that were shown."""


def bulk_delete(resource: Resource) -> Answer:
    """Show which records are to be deleted, with what goes along, and delete them."""
    chosen = selection.parse(resource)
    confirmed = request.form.get("number", "")
    problem, status = "", 200
    if confirmed:
        try:
            _check(chosen, confirmed)
            where = chosen.matching()
            done = bulk.delete(resource, chosen.each(), where)
            return _done(chosen, done, confirmed, deleted=True)
        except ChangedError:
            problem = _changed()
        except removing.NeededError as error:
            problem = gettext("Other records refer to one of them, such as %(name)s.", name=error)
        except DBAPIError as error:
            if not refusals.is_reference(error):
                raise
            problem = gettext("Other records refer to one of them.")
        db.session.rollback()
        status = 409
    return _page("bulk_delete.html", chosen, status, problem, touched=_touched(chosen))


def bulk_edit(resource: Resource) -> Answer:
    """Show the fields that can be set for all of some records, and set them."""
    chosen = selection.parse(resource)
    confirmed = request.form.get("number", "")
    form = _form(resource)
    fields = forms.fields(resource, form)
    ticked = [field.name for field in fields if field.name in request.form.getlist("set")]
    problem, status = "", 200
    if confirmed:
        status = 422
        if not ticked:
            problem = gettext("Tick a field to set.")
        elif _validate(form, ticked):
            try:
                _check(chosen, confirmed)
                values = {field.name: field.data for field in fields if field.name in ticked}
                edits = ((key, values) for key in chosen.each())
                return _done(chosen, bulk.update(resource, edits), confirmed, deleted=False)
            except ChangedError:
                problem, status = _changed(), 409
            except (DBAPIError, RefusedError) as error:
                db.session.rollback()
                problem = refusals.explain(resource, error, values).message
            db.session.rollback()
    labels = {field.name: forms.label_of(resource, field.name) for field in fields}
    extra = {"form": form, "fields": fields, "ticked": ticked, "labels": labels}
    return _page("bulk_edit.html", chosen, status, problem, **extra)


def _form(resource: Resource) -> FlaskForm:
    """Return the form with the fields that an edit may write, none of them required as yet."""
    form, names = forms.build(resource), forms.names(resource)
    for field in forms.fields(resource, form):
        if field.name not in names:
            form._fields.pop(forms.attribute_name(field.name))
    return form


def _validate(form: FlaskForm, ticked: list[str]) -> bool:
    """Check the ticked fields only; the others are left out while that is done."""
    every = dict(form._fields)
    kept = {forms.attribute_name(name) for name in ticked} | {"csrf_token"}
    form._fields = {name: field for name, field in every.items() if name in kept}
    try:
        return bool(form.validate())
    finally:
        form._fields = every


def _check(chosen: Selection, confirmed: str) -> None:
    """Compare the number with the confirmed one, inside the transaction that writes.

    Raises:
        ChangedError: It is another one.
    """
    if str(chosen.count()) != confirmed:
        raise ChangedError


def _done(chosen: Selection, done: int, confirmed: str, deleted: bool) -> Answer:
    """Commit, and go back to the list with a message that offers to undo.

    Raises:
        ChangedError: Others have come in while the records were written.
    """
    if done > int(confirmed):
        raise ChangedError
    batch = history.recorded()
    db.session.commit()
    message = (
        ngettext("%(number)s record was deleted.", "%(number)s records were deleted.", done,
                 number=number(done))
        if deleted
        else ngettext("%(number)s record was changed.", "%(number)s records were changed.", done,
                      number=number(done))
    )  # fmt: skip
    offer(message, batch)
    state = chosen.state
    query = state.first_page() if deleted else state.query()
    return redirect(site_url(f"{state.resource.name}/") + query, 303)


def _changed() -> str:
    return gettext("Other records match now than those that were shown: look again.")


def _touched(chosen: Selection) -> list[preview.Touched]:
    return preview.touched(images.kept(chosen.resource), chosen.conditions())


def _page(template: str, chosen: Selection, status: int, problem: str, **context: Any) -> Answer:
    resource = chosen.resource
    count = chosen.count()
    if not count:
        flash(gettext("Choose records first."), "error")
        return redirect(list_url(chosen.state), 303)
    sample = [
        (title(resource, {resource.label_column.name: name}, key), keys.in_url(key))
        for key, name in chosen.sample()
    ]
    page = render(
        template,
        chosen.state,
        count=count,
        sample=sample,
        chosen_keys=request.form.getlist("key") if not chosen.every else [],
        every=chosen.every,
        problem=problem,
        **context,
    )
    return page, status
