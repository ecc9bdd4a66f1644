"""The pages of a resource, listed as data in PAGES, and the blueprint that serves them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from flask import Blueprint, g, request
from flask_wtf.csrf import CSRFError

from webadmin import auth, errors
from webadmin.bulk_views import bulk_delete, bulk_edit
from webadmin.export_views import export
from webadmin.form_views import delete, edit, new
from webadmin.history_views import record_history
from webadmin.import_views import file, refused, send
from webadmin.permissions import Action
from webadmin.resource import Resource
from webadmin.views import Answer, detail, index


@dataclass(frozen=True, kw_only=True)
class Page:
    """One URL of a resource.

    Attributes:
        path: What follows the resource's own URL.
        name: The name of its endpoint within the resource.
        action: What an account must be allowed to do; there is no default.
        function: Takes the resource, and the key where the path has one.
        methods: The HTTP methods it answers.
    """

    path: str
    name: str
    action: Action
    function: Callable[..., Answer]
    methods: tuple[str, ...] = ("GET",)


BOTH = ("GET", "POST")
FILE = "/import/<token>"
EXPORT = "/export.<any(csv, jsonl, xlsx):form>"
PAGES = (
    Page(path="/", name="index", action=Action.VIEW, function=index),
    Page(path="/new", name="new", action=Action.CREATE, function=new, methods=BOTH),
    Page(path=EXPORT, name="export", action=Action.EXPORT, function=export),
    Page(path="/import", name="import", action=Action.IMPORT, function=send, methods=BOTH),
    Page(path=FILE, name="import_file", action=Action.IMPORT, function=file, methods=BOTH),
    Page(path=f"{FILE}/refused.csv", name="refused", action=Action.IMPORT, function=refused),
    Page(path="/bulk/delete", name="bulk_delete", action=Action.DELETE, function=bulk_delete,
         methods=("POST",)),
    Page(path="/bulk/edit", name="bulk_edit", action=Action.EDIT, function=bulk_edit,
         methods=("POST",)),
    Page(path="/<key>", name="detail", action=Action.VIEW, function=detail),
    Page(path="/<key>/edit", name="edit", action=Action.EDIT, function=edit, methods=BOTH),
    Page(path="/<key>/history", name="history", action=Action.VIEW, function=record_history),
    Page(path="/<key>/delete", name="delete", action=Action.DELETE, function=delete, methods=BOTH),
)  # fmt: skip


def blueprint_for(resource: Resource, pages: Sequence[Page] = PAGES) -> Blueprint:
    """Return the blueprint that serves a resource's pages under its name."""
    blueprint = Blueprint(resource.name, __name__, url_prefix=f"/{resource.name}")
    for page in pages:
        view = update_wrapper(partial(page.function, resource), page.function)
        blueprint.add_url_rule(page.path, page.name, view, methods=page.methods)
        need = (f"{resource.name}.{page.name}", (resource, page.action))
        blueprint.record_once(lambda state, need=need: auth.require(state.app, *need))  # type: ignore[misc]
    blueprint.register_error_handler(CSRFError, partial(_offer_again, resource))
    return blueprint


def _offer_again(resource: Resource, error: CSRFError) -> Any:
    """Show a create or edit form again with what was typed, without saving it."""
    g.only_show = True
    forms: dict[str, Callable[..., Answer]] = {"new": new, "edit": edit}
    again = forms.get((request.endpoint or "").rpartition(".")[2])
    if again is None:
        return errors.handle(error)
    page = again(resource, **(request.view_args or {}))
    return (page[0], 400) if isinstance(page, tuple) else page
