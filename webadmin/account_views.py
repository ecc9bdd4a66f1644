"""The pages of one's own account, and those behind the links with which an account begins."""

import time
from typing import Any

from flask import Flask, abort, current_app, flash, redirect, render_template, request, session
from flask_security import hash_password, login_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField

from webadmin import (
    accounts,
    auth,
    invitations,
    passwords,
    sessions,
    submissions,
    throttle,
)
from webadmin.accounts import LONGEST_EMAIL, Account, Email
from webadmin.auth import Who
from webadmin.database import asking, db
from webadmin.fields import MaxLength, Required, TextField
from webadmin.messages import lazy_gettext as _l
from webadmin.messages import ngettext
from webadmin.permissions import Role
from webadmin.sessions import SignedIn
from webadmin.sign_in_forms import PENDING_SINCE
from webadmin.templating import site_url

RECENT = 10  # tries to sign in that one's own page shows


def account() -> str:
    """Show one's own account: password, second factor, passkeys, sessions, last tries."""
    mine = _mine()
    return render_template(
        "accounts/account.html",
        mine=mine,
        codes=len(mine.mf_recovery_codes or ()),
        sessions=sessions.of_account(mine.id),
        device_name=sessions.device_name,
        current=asking().session,
        tries=throttle.recent(mine.email, RECENT),
    )


def _mine() -> Account:
    return db.session.get_one(Account, asking().id)


def end_session() -> Response:
    """End one of one's own sessions, or all others."""
    mine, digest = asking(), request.form.get("session", "")
    others = [each.digest for each in sessions.of_account(mine.id) if each.digest != mine.session]
    ended = sum(
        sessions.end(mine.id, each) for each in (others if digest == "others" else [digest])
    )
    db.session.commit()
    if digest == mine.session:
        return redirect(site_url("sign-in"), 303)
    flash(ngettext("%(num)s session was ended.", "%(num)s sessions were ended.", ended), "success")
    return redirect(site_url("account/"), 303)


def two_factor_done() -> Response:
    """Go on after two-factor sign-in was turned on or off: at first to the recovery codes."""
    mine = _mine()
    wanted = mine.two_factor and not mine.mf_recovery_codes
    return redirect(site_url("account/recovery-codes" if wanted else "account/"), 303)


class SetupForm(FlaskForm):  # type: ignore[misc]
    """How an account begins: its password, and for the first account its email."""

    email = TextField(_l("Email"), [Required(), MaxLength(LONGEST_EMAIL), Email()])
    password = PasswordField(_l("Password"), [Required()])


def setup() -> Any:
    """Tell where the link for the first account is."""
    if accounts.exist():
        return redirect(site_url("sign-in"), 303)
    return render_template("accounts/first-run.html")


def setup_account(token: str) -> Any:
    """Show the form behind a link, and make the account or set its password."""
    invitation = invitations.read(token)
    if invitation is None:
        return render_template("accounts/link-gone.html", first=not accounts.exist()), 404
    invited, form = invitation.account, SetupForm()
    if invited is not None:
        form.email.data = invited.email
        form._fields.pop("email")
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate() and _fits(form, invited.email if invited else form.email.data):
            hashed = hash_password(passwords.normal(form.password.data or ""))
            made = _begin(token, form, hashed)
            if made is not None:
                return _enter(made)
            abort(404)
    page = render_template(
        "accounts/setup.html", form=form, invited=invited, least=passwords.SHORTEST
    )
    return page, status


def _enter(account: Account) -> Any:
    """Sign in who has just chosen a password, after the second step where there is one."""
    db.session.commit()
    session[PENDING_SINCE] = time.time()
    plugins = current_app.extensions["security"].two_factor_plugins
    second = plugins.tf_enter(account, False, "setup", next_loc=site_url())
    if second is None:
        login_user(account, remember=False, authn_via=["setup"])
        db.session.commit()
    return second or redirect(site_url(), 303)


def _fits(form: SetupForm, email: str) -> bool:
    db.session.commit()  # nobody waits while a password is judged and hashed
    problem = passwords.problem(passwords.normal(form.password.data or ""), [email, "webadmin"])
    if problem:
        form.password.errors = [problem]
    return not problem


def _begin(token: str, form: SetupForm, hashed: str) -> Account | None:
    """Make the first account, or set the password of an invited one; None if it is too late."""
    invitation = invitations.read(token)  # anew: meanwhile somebody may have been faster
    if invitation is None:
        return None
    account = invitation.account
    if account is None:
        # Entered once by its key: of two at the same time the second one is refused.
        if not submissions.claim("first account"):
            return None
        account = Account(email=form.email.data, role=Role.ADMIN.value, active=True)
        db.session.add(account)
    else:  # who it is stands in the history
        who = SignedIn(account.id, account.email, Role(account.role), "")
        db.session.info["account"] = who
    account.password = hashed
    accounts.renew(account)
    db.session.flush()
    return account


def init_app(app: Flask) -> None:
    """Register the pages."""
    for path, name, view, methods, need in (
        ("/account/", "account", account, ["GET"], Who.SIGNED_IN),
        ("/account/sessions", "end_session", end_session, ["POST"], Who.SIGNED_IN),
        ("/account/two-factor-done", "two_factor_done", two_factor_done, ["GET"], Who.SIGNED_IN),
        ("/setup", "setup", setup, ["GET"], Who.ALWAYS),
        ("/setup/<token>", "setup_account", setup_account, ["GET", "POST"], Who.ALWAYS),
    ):
        app.add_url_rule(path, name, view, methods=methods)
        auth.require(app, name, need)
