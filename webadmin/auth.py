"""The guard: every request is refused unless its view allows it to who asks.

Each endpoint has one need, entered when it is registered. The guard runs before every view and
before the CSRF check; a view without a need keeps the site from starting.
"""

from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Any
from urllib.parse import quote

from flask import Flask, abort, current_app, flash, g, redirect, request, session
from flask_security.utils import check_and_update_authn_fresh
from werkzeug.wrappers import Response

from webadmin import accounts, context, sessions
from webadmin.errors import NotConfirmedError, SignedOutError
from webadmin.messages import gettext
from webadmin.permissions import Action, allowed
from webadmin.request_checks import SAFE_METHODS
from webadmin.resource import Resource
from webadmin.sign_in import FRESH_FOR, NO_GRACE, forget_stale_step, is_inside, is_own_state
from webadmin.templating import site_url


class Who(Enum):
    """Whom a view lets in, where that is no matter of a resource's actions."""

    ALWAYS = "everybody, also before there is any account"
    PUBLIC = "everybody"
    STRANGER = "who is not signed in: others have done what it is for"
    SIGNED_IN = "every account"
    CONFIRMED = "every account that has given its password lately"
    NOBODY = "nobody"


Need = Who | tuple[Resource, Action]

LIBRARY: dict[str, Need] = {
    "static": Who.ALWAYS,
    "bootstrap.static": Who.ALWAYS,
    "security.login": Who.STRANGER,
    "security.logout": Who.PUBLIC,
    "security.two_factor_token_validation": Who.STRANGER,
    "security.mf_recovery": Who.STRANGER,
    "security.wan_signin": Who.STRANGER,
    "security.wan_signin_response": Who.STRANGER,
    "security.forgot_password": Who.PUBLIC,
    "security.reset_password": Who.PUBLIC,
    "security.verify": Who.SIGNED_IN,
    "security.wan_verify": Who.SIGNED_IN,
    "security.wan_verify_response": Who.SIGNED_IN,
    "security.change_password": Who.SIGNED_IN,
    "security.two_factor_setup": Who.SIGNED_IN,
    "security.two_factor_setup_validate": Who.CONFIRMED,
    "security.mf_recovery_codes": Who.SIGNED_IN,
    "security.wan_register": Who.SIGNED_IN,
    "security.wan_register_response": Who.CONFIRMED,
    "security.wan_delete": Who.SIGNED_IN,
    # Flask-Security registers them with the others; nothing leads there.
    "security.two_factor_rescue": Who.NOBODY,
    "security.tf_select": Who.NOBODY,
}


# Where answers to a question begin anew, by the endpoint that takes them.
STATES = {
    "security.wan_signin_response": "sign-in",
    "security.wan_verify_response": "account/verify",
    "security.wan_register_response": "account/passkeys",
    "security.two_factor_setup_validate": "account/two-factor",
}


class UnguardedViewError(RuntimeError):
    """A view says nothing of who may see it."""


def init_app(app: Flask) -> None:
    """Register the guard; it has to stand before the CSRF check."""
    app.extensions["webadmin_needs"] = dict(LIBRARY)
    app.before_request(guard)


def require(app: Flask, endpoint: str, need: Need) -> None:
    """Enter what an endpoint needs."""
    app.extensions["webadmin_needs"][endpoint] = need


def check_views(app: Flask) -> None:
    """Refuse to start with a view that has no need.

    Raises:
        UnguardedViewError: The message names it.
    """
    unknown = sorted(set(app.view_functions) - set(app.extensions["webadmin_needs"]))
    if unknown:
        raise UnguardedViewError(
            f"Nobody said who may see {', '.join(unknown)}. Say it: "
            "webadmin.auth.require(app, endpoint, need)."
        )


def guard() -> Response | None:
    """Let a request pass, or refuse it.

    Raises:
        SignedOutError: It would write, and nobody is signed in.
        Forbidden: The account's role does not allow it.
        NotFound: Nobody may.
    """
    asked = context.request()
    need = context.app().extensions["webadmin_needs"].get(asked.endpoint, Who.NOBODY)
    if need is Who.ALWAYS:
        return None
    if need in (Who.PUBLIC, Who.STRANGER):
        return _let_strangers_in(need)
    account = sessions.current()
    if account is None:
        return _refuse_stranger()
    context.g().account = account
    if asked.routing_exception is not None:
        return None  # Flask raises it: 404, 405, or a redirect to the right address
    if need in (Who.SIGNED_IN, Who.CONFIRMED):
        _check_next()
        return (None if need is Who.SIGNED_IN else _ask_to_confirm()) or _begin_anew()
    if isinstance(need, Who):
        abort(404)
    if not allowed(account.role, need[1], need[0].permissions):
        abort(403)
    return None


def _let_strangers_in(need: Need) -> Response | None:
    _check_next()
    forget_stale_step()
    if not _accounts_exist():
        return _to("setup")
    if sessions.current() is not None and need is Who.STRANGER:
        return redirect(request.args.get("next") or site_url(), 303)
    return _begin_anew()


def _accounts_exist() -> bool:
    if "webadmin_accounts_exist" not in current_app.extensions:
        if not accounts.exist():
            return False
        current_app.extensions["webadmin_accounts_exist"] = True
    return True


def _to(path: str) -> Response:
    return redirect(site_url(path), 303)


def _refuse_stranger() -> Response:
    """Send to the sign-in page; what was typed stays on a page that says so.

    Also where there is no such page: a stranger does not learn which there are.
    """
    if not _accounts_exist():
        return _to("setup")
    if request.method not in ("GET", "HEAD"):
        raise SignedOutError
    there = f"{request.script_root}{request.full_path}".removesuffix("?")
    if session.pop(sessions.TOKEN, None):
        flash(gettext("You were signed out. Please sign in again."), "info")
    wanted = "" if request.path == "/" else f"?next={quote(there, safe='/')}"
    return _to(f"sign-in{wanted}")


def _check_next() -> None:
    """Refuse to go on to another site afterwards."""
    for given in (*request.args.getlist("next"), *request.form.getlist("next")):
        if given and not is_inside(given):
            abort(400)


def _begin_anew() -> Response | None:
    """Lead away who answers a question that was not put to this browser, or not just now."""
    token = (request.view_args or {}).get("token")
    if token and request.endpoint in STATES and not is_own_state(request.endpoint, token):
        flash(gettext("That did not work. Please start again."), "error")
        return _to(STATES[request.endpoint])
    return None


def is_confirmed() -> bool:
    """Return whether the account that is signed in has given its password lately."""
    g.fs_paa = session.get("fs_paa", 0)
    return bool(check_and_update_authn_fresh(FRESH_FOR, NO_GRACE, "session"))


def _ask_to_confirm() -> Response | None:
    if is_confirmed():
        return None
    if request.method not in SAFE_METHODS:
        raise NotConfirmedError
    return _to(f"account/verify?next={quote(request.script_root + request.path)}")


def confirmed(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view that first asks who is signed in to confirm that, once in a while."""

    @wraps(view)
    def asked(*arguments: Any, **named: Any) -> Any:
        return _ask_to_confirm() or view(*arguments, **named)

    return asked
