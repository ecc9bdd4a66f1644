"""The pages on which administrators manage accounts: those of every resource, and a little more."""

from typing import Any

from flask import abort, flash, redirect, url_for
from werkzeug.wrappers import Response

from webadmin import accounts, invitations
from webadmin.accounts import Account
from webadmin.auth import confirmed, is_confirmed
from webadmin.database import asking, db
from webadmin.export_views import export
from webadmin.form_views import delete, edit, new
from webadmin.history_views import record_history
from webadmin.messages import gettext
from webadmin.pages import BOTH, EXPORT, Page
from webadmin.permissions import Action
from webadmin.resource import Resource
from webadmin.templating import site_url
from webadmin.views import Answer, detail, index, key_or_404


def _account(resource: Resource, key: str) -> Account:
    found: Account | None = db.session.get(Account, key_or_404(resource, key)[0])
    if found is None:
        abort(404)
    return found


def account_detail(resource: Resource, key: str) -> Answer:
    """Show an account, with the link that its owner begins with, as long as that is good."""
    shown = _account(resource, key)
    link, waits = "", shown.password is None and shown.active
    if waits and is_confirmed():
        token = invitations.for_account(shown)
        link = url_for("setup_account", token=token, _external=True)
    own = shown.id == asking().id
    return detail(resource, key, link=link, waits=waits, shown=shown, own=own)


def new_link(resource: Resource, key: str) -> Response:
    """Take the password from an account, so that its page shows a link to choose another."""
    changed = _account(resource, key)
    if changed.id == asking().id:
        flash(gettext("Change your own password on the page of your account."), "error")
    else:
        changed.password = None
        accounts.renew(changed)
        db.session.commit()
    return redirect(site_url(f"accounts/{changed.id}"), 303)


def no_two_factor(resource: Resource, key: str) -> Response:
    """Take the second factor from an account."""
    changed = _account(resource, key)
    accounts.reset_two_factor(changed)
    db.session.commit()
    flash(
        gettext("“%(name)s” signs in without a second factor now.", name=changed.email), "success"
    )
    return redirect(site_url(f"accounts/{changed.id}"), 303)


def _page(path: str, name: str, action: Action, function: Any, *methods: str) -> Page:
    return Page(path=path, name=name, action=action, function=function, methods=methods)


ACCOUNT_PAGES = (
    _page("/", "index", Action.VIEW, index, "GET"),
    _page("/new", "new", Action.CREATE, confirmed(new), *BOTH),
    _page(EXPORT, "export", Action.EXPORT, export, "GET"),
    _page("/<key>", "detail", Action.VIEW, account_detail, "GET"),
    _page("/<key>/history", "history", Action.VIEW, record_history, "GET"),
    _page("/<key>/edit", "edit", Action.EDIT, confirmed(edit), *BOTH),
    _page("/<key>/delete", "delete", Action.DELETE, delete, *BOTH),
    _page("/<key>/new-link", "new_link", Action.EDIT, confirmed(new_link), "POST"),
    _page("/<key>/no-two-factor", "no_two_factor", Action.EDIT, confirmed(no_two_factor), "POST"),
)
