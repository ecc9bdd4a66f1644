"""The pages that write: create, edit and delete a record."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import g, redirect, request
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response

from webadmin import (
    bulk,
    context,
    formats,
    forms,
    history,
    images,
    judging,
    listing,
    preview,
    records,
    refusals,
    removing,
    saving,
    submissions,
)
from webadmin.database import db
from webadmin.history_views import offer
from webadmin.listing import ListState
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.templating import chosen
from webadmin.views import Answer, key_or_404, list_url, load, new_url, record_url, render, title

FORM = "form.html"


@dataclass(frozen=True)
class Blank:
    """The form of a new record before anybody has typed, where that is the same for everybody."""

    resource: Resource

    def shown(self) -> dict[str, Any]:
        """Return what the template of fields shows."""
        return _shown(self.resource, _unfilled(self.resource))


@cache
def _begins_alike(resource: Resource) -> bool:
    """Return whether nothing in the form of a new record is looked up when it is asked for."""
    return judging.is_static(_unfilled(resource))


def _unfilled(resource: Resource) -> FlaskForm:
    return forms.build(resource, formdata=None, meta={"csrf": False})


def _blank(resource: Resource) -> Blank | None:
    """Return the blank form, where the template is webadmin's own and takes it."""
    own = chosen(resource, FORM, f"resource/{FORM}") == f"resource/{FORM}"
    return Blank(resource) if own and _begins_alike(resource) else None


def _shown(resource: Resource, form: FlaskForm) -> dict[str, Any]:
    fields = forms.fields(resource, form)
    return {
        "fields": fields,
        "wrong": [field for field in fields if field.errors],
        "required": any(field.flags.required for field in fields),
        "labels": {field.name: forms.label_of(resource, field.name) for field in fields},
    }


def _form_page(
    state: ListState, form: FlaskForm, status: int, key: str = "", **context: Any
) -> Answer:
    shown = _shown(state.resource, form)
    others = form.errors.keys() - _attributes({field.name for field in shown["fields"]})
    shown |= {"form": form, "errors": form.form_errors, "other_errors": others, "key": key}
    return render(FORM, state, **shown, **context), status


def _is_valid(form: FlaskForm) -> bool:
    """Return whether a form may be saved: not where its request was refused (see `pages`)."""
    valid: bool = form.validate()
    if g.get("only_show") and "csrf_token" not in form.errors:
        form.form_errors.append(
            gettext("The form had expired. Check what you typed and save again.")
        )
    return valid and not g.get("only_show")


def _attributes(names: set[str]) -> set[str]:
    return {forms.attribute_name(name) for name in names}


def _refused(resource: Resource, form: FlaskForm, error: DBAPIError | saving.RefusedError) -> None:
    """Roll back, and put what was refused beside the fields that it is about."""
    db.session.rollback()
    refusal = refusals.explain(resource, error, forms.values(resource, form))
    for field in forms.fields(resource, form):
        if field.name in refusal.columns:
            field.errors = [*field.errors, refusal.message]
    if not refusal.columns:
        form.form_errors.append(refusal.message)


def _saved(state: ListState, key: str, message: str, batch: str) -> Response:
    """Answer a save: back to the list, or on to where the button that was pressed leads."""
    then = request.form.get("_then")
    url = record_url(state, key)
    offer(Markup('%s <a href="%s">%s</a>') % (message, url, gettext("View")), batch)
    if then == "add":
        return redirect(new_url(state), 303)
    if then == "view":
        return redirect(url, 303)
    if then == "edit":
        return redirect(record_url(state, key, "/edit"), 303)
    return redirect(list_url(state, key), 303)


def new(resource: Resource) -> Answer:
    """Show the form of a new record, and create it."""
    asked = context.request()
    state = listing.parse(resource, asked.args)
    if asked.method != "POST":
        token, blank = submissions.new_token(), _blank(resource)
        if blank is not None:
            return render(FORM, state, blank=blank, token=token)
        return _form_page(state, forms.build(resource), 200, token=token)
    form = forms.build(resource)
    token = asked.form.get("_submission", "")[:100] or submissions.new_token()
    made = _create(state, form, token) if _is_valid(form) else None
    return made or _form_page(state, form, 422, token=token)


def _create(state: ListState, form: FlaskForm, token: str) -> Response | None:
    """Create the record that a valid form describes; None where the database refuses it."""
    resource = state.resource
    sent = [pair for pair in request.form.items(multi=True) if pair[0] in resource.columns]
    identifier = submissions.digest(resource.name, token, sent)
    try:
        key, fresh = saving.create(resource, forms.values(resource, form), identifier)
        batch = history.recorded()
        db.session.commit()
    except (DBAPIError, saving.RefusedError) as error:
        _refused(resource, form, error)
        return None
    name = title(resource, forms.values(resource, form), key)
    message = gettext("“%(name)s” was created.", name=name)
    if not fresh:
        message = gettext("“%(name)s” was created already: the form came twice.", name=name)
    return _saved(state, key, message, batch)


def edit(resource: Resource, key: str) -> Answer:
    """Show the form of a record, and update it."""
    state = listing.parse(resource, request.args)
    if request.method == "POST":
        return _edit(state, key)
    values = load(state, forms.names(resource), key)
    form = forms.build(resource, values)
    return _edit_page(state, key, form, values, 200)


def _edit_page(
    state: ListState, key: str, form: FlaskForm, loaded: dict[str, Any], status: int
) -> Answer:
    return _form_page(
        state,
        form,
        status,
        key=key,
        title=title(state.resource, loaded, key),
        original=forms.sign(state.resource, key, loaded),
        detail_url=record_url(state, key),
        delete_url=record_url(state, key, "/delete"),
    )


def _edit(state: ListState, key: str) -> Answer:
    resource = state.resource
    parts = key_or_404(resource, key)
    original = forms.unsign(resource, key, request.form.get("_original", ""))
    if original is None or set(original) != set(forms.names(resource)):
        values = load(state, forms.names(resource), key)
        form = forms.build(resource, values)
        form.form_errors.append(gettext("The form was incomplete. Check it and save again."))
        return _edit_page(state, key, form, values, 400)
    form = forms.build(resource, original)
    if request.form.get("_resolve") == "theirs":
        _take_theirs(resource, form)
    if not _is_valid(form):
        return _edit_page(state, key, form, original, 422)
    try:
        result = saving.update(resource, parts, forms.values(resource, form), original)
        batch = history.recorded()
        if result is not None and not result.conflicts:
            db.session.commit()
    except (DBAPIError, saving.RefusedError) as error:
        _refused(resource, form, error)
        return _edit_page(state, key, form, original, 422)
    if result is None:
        return _gone(state, form)
    if result.conflicts:
        db.session.rollback()
        return _conflict(state, key, form, result, original)
    name = title(resource, result.theirs | forms.values(resource, form), key)
    message = gettext("“%(name)s” was saved.", name=name)
    if result.merged:
        message += " " + gettext("Somebody else changed other fields meanwhile; both were kept.")
    return _saved(state, key, message, batch)


def _take_theirs(resource: Resource, form: FlaskForm) -> None:
    """Put back the loaded values of the fields that were in conflict."""
    names = request.form.getlist("_conflict")
    for field in forms.fields(resource, form):
        if field.name in names:
            field.process(None, field.object_data)


def _gone(state: ListState, form: FlaskForm) -> Answer:
    """Offer what was typed as a new record: the one being edited was deleted meanwhile."""
    db.session.rollback()
    form.form_errors.append(
        gettext(
            "Somebody deleted this record while you edited it. What you typed is here: "
            "save it to create the record anew."
        )
    )
    return _form_page(state, form, 409, token=submissions.new_token(), action=new_url(state))


def _conflict(
    state: ListState,
    key: str,
    form: FlaskForm,
    result: saving.Update,
    original: dict[str, Any],
) -> Answer:
    resource = state.resource
    # Fields that are not in conflict keep their original: theirs would be overwritten by mine.
    seen = original | {conflict.name: conflict.theirs for conflict in result.conflicts}
    fields, sides = forms.fields(resource, form), []
    for conflict in result.conflicts:
        show = formats.formatter(resource.columns[conflict.name])
        texts = [show(value) for value in (conflict.original, conflict.theirs, conflict.mine)]
        sides.append((conflict.name, forms.label_of(resource, conflict.name), *texts))
    page = render(
        "conflict.html",
        state,
        key=key,
        title=title(resource, result.theirs, key),
        sent=[(f.name, text) for f in fields for text in request.form.getlist(f.name)],
        others=_other_changes(resource, forms.values(resource, form), original, seen),
        sides=sides,
        original=forms.sign(resource, key, seen),
        detail_url=record_url(state, key),
    )
    return page, 409


def _other_changes(
    resource: Resource, mine: dict[str, Any], original: dict[str, Any], seen: dict[str, Any]
) -> list[tuple[Any, Any]]:
    """Return label and value of what a person changed besides the fields in conflict."""
    found = []
    for name, value in mine.items():
        column = resource.columns[name]
        if column.text(value) != column.text(original[name]) and seen[name] is original[name]:
            found.append((forms.label_of(resource, name), formats.formatter(column)(value)))
    return found


def delete(resource: Resource, key: str) -> Answer:
    """Show what is to be deleted, and delete it."""
    state = listing.parse(resource, request.args)
    parts = key_or_404(resource, key)
    values = load(state, list(resource.list_display), key)
    name = title(resource, values, key)
    problem, status = "", 200
    if request.method == "POST":
        try:
            bulk.delete(resource, [parts])
            batch = history.recorded()
            db.session.commit()
        except (DBAPIError, removing.NeededError) as error:
            db.session.rollback()
            if isinstance(error, DBAPIError) and not refusals.is_reference(error):
                raise
            problem, status = gettext("Other records refer to it, so it was not deleted."), 409
        else:
            offer(gettext("“%(name)s” was deleted.", name=name), batch)
            return redirect(list_url(state), 303)
    shown = [
        (forms.label_of(resource, column), formats.formatter(resource.columns[column])(value))
        for column, value in values.items()
    ]
    page = render(
        "delete.html",
        state,
        key=key,
        title=name,
        fields=shown,
        problem=problem,
        touched=preview.touched(images.kept(resource), [records.identity(resource, parts)], key),
        detail_url=record_url(state, key),
    )
    return page, status
