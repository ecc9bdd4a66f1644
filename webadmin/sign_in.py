"""Signing in: Flask-Security, told what of it is used, under which addresses and with which words.

What it lacks stands here and in `throttle`, `sessions` and `passwords`: tries are slowed down,
sessions are kept in the database, codes work once.
"""

import base64
import hashlib
import time
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from flask import Flask, after_this_request, g, render_template, request, session
from flask_login import user_logged_out
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    Totp,
    WebauthnUtil,
    tf_disabled,
    user_authenticated,
)
from flask_security.tf_plugin import tf_clean_session
from passlib.totp import TOTP, AppWallet
from sqlalchemy import select
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from webadmin import devices, mail, sessions, sign_in_forms, throttle
from webadmin.accounts import EMAIL_RULES, Account, Passkey
from webadmin.config import secret_keys
from webadmin.database import db
from webadmin.messages import TRANSLATIONS
from webadmin.passwords import HASHING, PasswordRules
from webadmin.session_cookies import CookieSession
from webadmin.sign_in_forms import PENDING_SINCE
from webadmin.sign_in_words import MESSAGES, SUBJECTS

# Codes are counted past the session: that is no change of the account that its history should tell.
_ACCOUNT: Any = Account.__table__
FRESH_FOR = timedelta(minutes=30)
NO_GRACE = timedelta(0)  # a grace that every use renews would never end
PENDING_FOR = 10 * 60  # seconds between the password and the second step
STATE = "state"

ADDRESSES = {
    "LOGIN_URL": "/sign-in",
    "LOGOUT_URL": "/sign-out",
    "TWO_FACTOR_TOKEN_VALIDATION_URL": "/sign-in/code",
    "TWO_FACTOR_RESCUE_URL": "/sign-in/help",
    "TWO_FACTOR_SELECT_URL": "/sign-in/select",
    "MULTI_FACTOR_RECOVERY_URL": "/sign-in/recovery-code",
    "WAN_SIGNIN_URL": "/sign-in/passkey",
    "RESET_URL": "/account/reset-password",
    "CHANGE_URL": "/account/password",
    "VERIFY_URL": "/account/verify",
    "WAN_VERIFY_URL": "/account/verify/passkey",
    "TWO_FACTOR_SETUP_URL": "/account/two-factor",
    "MULTI_FACTOR_RECOVERY_CODES_URL": "/account/recovery-codes",
    "WAN_REGISTER_URL": "/account/passkeys",
    "WAN_DELETE_URL": "/account/passkeys/delete",
    "POST_LOGIN_VIEW": "home",
    "POST_LOGOUT_VIEW": "security.login",
    "POST_CHANGE_VIEW": "account",
    "POST_VERIFY_VIEW": "account",
    "POST_RESET_VIEW": "security.login",
    "TWO_FACTOR_POST_SETUP_VIEW": "two_factor_done",
}
TEMPLATES = {
    "LOGIN_USER_TEMPLATE": "accounts/sign-in.html",
    "TWO_FACTOR_VERIFY_CODE_TEMPLATE": "accounts/code.html",
    "TWO_FACTOR_SELECT_TEMPLATE": "accounts/code.html",
    "MULTI_FACTOR_RECOVERY_TEMPLATE": "accounts/recovery-code.html",
    "WAN_SIGNIN_TEMPLATE": "accounts/passkey.html",
    "FORGOT_PASSWORD_TEMPLATE": "accounts/reset-request.html",
    "RESET_PASSWORD_TEMPLATE": "accounts/reset.html",
    "CHANGE_PASSWORD_TEMPLATE": "accounts/password.html",
    "VERIFY_TEMPLATE": "accounts/verify.html",
    "WAN_VERIFY_TEMPLATE": "accounts/passkey.html",
    "TWO_FACTOR_SETUP_TEMPLATE": "accounts/two-factor.html",
    "MULTI_FACTOR_RECOVERY_CODES_TEMPLATE": "accounts/recovery-codes.html",
    "WAN_REGISTER_TEMPLATE": "accounts/passkeys.html",
    "EMAIL_TEMPLATE_PASSWORD_RESET": "accounts/email/reset",
    "EMAIL_TEMPLATE_PASSWORD_RESET_NOTICE": "accounts/email/changed",
    "EMAIL_TEMPLATE_PASSWORD_CHANGE_NOTICE": "accounts/email/changed",
}
CHOICES: dict[str, Any] = {
    "STATIC_FOLDER": None,
    "CLI_USERS_NAME": None,
    "CLI_ROLES_NAME": None,
    "JOIN_USER_ROLES": False,
    "LOGOUT_METHODS": ["POST"],
    "API_ENABLED_METHODS": ["session"],
    "RETURN_GENERIC_RESPONSES": True,
    "CACHE_CONTROL": None,  # every page says so itself
    "EMAIL_VALIDATOR_ARGS": EMAIL_RULES,
    "EMAIL_HTML": False,
    "PASSWORD_HASH": "argon2",
    "PASSWORD_SCHEMES": ["argon2"],
    "PASSWORD_SINGLE_HASH": ["argon2"],
    "PASSWORD_HASH_PASSLIB_OPTIONS": HASHING,
    "HASHING_SCHEMES": ["hex_sha256"],  # of what is random already; slow ones would tell by time
    "PASSWORD_NORMALIZE_FORM": None,  # PasswordRules does
    "CHANGEABLE": True,
    "FRESHNESS": FRESH_FOR,
    "FRESHNESS_GRACE_PERIOD": NO_GRACE,
    "RESET_PASSWORD_WITHIN": timedelta(hours=1),
    "TWO_FACTOR": True,
    "TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
    "TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,  # seconds that a clock may be wrong
    "TWO_FACTOR_RESCUE_EMAIL": False,
    "MULTI_FACTOR_RECOVERY_CODES": True,
    "MULTI_FACTOR_RECOVERY_CODES_N": 8,
    "WEBAUTHN": True,
    "WAN_ALLOW_AS_VERIFY": ["first"],
    "WAN_ALLOW_USER_HINTS": False,
    "I18N_DOMAIN": "messages",
}


class OnceTotp(Totp):
    """Codes of an authenticator app, each good for one use (RFC 6238, 5.2).

    The secrets are stored encrypted, tagged with the key that can read them.
    """

    def __init__(self, secrets: Any, issuer: str) -> None:
        current = next(iter(secrets))
        self._totp = TOTP.using(issuer=issuer, wallet=AppWallet(secrets, default_tag=current))

    def get_last_counter(self, user: Any) -> int | None:
        """Return the last code's number, locked: of two uses at the same time one is the first."""
        own = select(_ACCOUNT.c.totp_counter).where(_ACCOUNT.c.id == user.id).with_for_update()
        counter: int | None = db.session.execute(own).scalar_one()
        return counter

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        """Keep the number of a code that was used."""
        counter = {"totp_counter": tmatch.counter}
        db.session.execute(_ACCOUNT.update().where(_ACCOUNT.c.id == user.id).values(counter))


class Passkeys(WebauthnUtil):
    """Passkeys that are found without an email, and ask for PIN or finger: two factors in one."""

    def authenticator_selection(self, user: Any, usage: str) -> AuthenticatorSelectionCriteria:
        """Return what a new passkey must be able to do."""
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )

    def user_verification(self, user: Any, usage: list[str]) -> UserVerificationRequirement:
        """Return that PIN or finger are always asked for."""
        return UserVerificationRequirement.REQUIRED


def _derived(key: str, purpose: str) -> str:
    return hashlib.sha256(f"{purpose}:{key}".encode()).hexdigest()


def _keys(app: Flask) -> dict[str, Any]:
    """Return the keys that encrypt second factors at rest: the first encrypts, all decrypt."""
    keys = [str(key) for key in reversed(secret_keys(app))]
    fernet = [hashlib.sha256(f"recovery codes:{key}".encode()).digest() for key in keys]
    return {
        "TOTP_SECRETS": {f"k{_derived(key, 'tag')[:12]}": _derived(key, "totp") for key in keys},
        "MULTI_FACTOR_RECOVERY_CODES_KEYS": [base64.urlsafe_b64encode(each) for each in fernet],
    }


def init_app(app: Flask) -> None:
    """Set up Flask-Security."""
    mails = mail.init_app(app)
    name = str(app.config["SITE_NAME"])
    options = {**ADDRESSES, **TEMPLATES, **CHOICES, **_keys(app), **SUBJECTS}
    options |= {"TOTP_ISSUER": name.replace(":", " "), "WAN_RP_NAME": name}
    options |= {"I18N_DIRNAME": str(TRANSLATIONS), "RECOVERABLE": mails}
    options |= {f"SEND_PASSWORD_{each}_EMAIL": mails for each in ("CHANGE", "RESET_NOTICE")}
    options |= {f"MSG_{key}": message for key, message in MESSAGES.items()}
    app.config.update({f"SECURITY_{key}": value for key, value in options.items()})
    app.session_interface = CookieSession()
    security = Security(
        app,
        SQLAlchemyUserDatastore(db, Account, None, Passkey),  # type: ignore[arg-type]
        **sign_in_forms.FORMS,
        mail_util_cls=mail.Mail,
        password_util_cls=PasswordRules,
        totp_cls=OnceTotp,
        webauthn_util_cls=Passkeys,
    )
    security.want_json(lambda _request: False)
    security.render_template = _render
    security.login_manager.user_loader(_load)
    security.login_manager.request_loader(lambda _request: None)  # no tokens in addresses
    security.login_manager.session_protection = None
    security.principal.identity_loaders.clear()  # roles are the guard's affair
    # Flask-Login would load the account for every template, whether or not it is asked for.
    processors = app.template_context_processors[None]
    processors[:] = [each for each in processors if each.__module__ != "flask_login.utils"]
    user_authenticated.connect(_signed_in, app)
    user_logged_out.connect(_signed_out, app)
    tf_disabled.connect(_two_factor_off, app)


def _render(template: str, **context: Any) -> str:
    """Render a page of Flask-Security; a state that it carries is good in this session, once."""
    state = context.get("wan_state") or context.get("state_token")
    if state:
        answer = str(request.endpoint) + ("_response" if "wan_state" in context else "_validate")
        session[STATE] = [answer, _derived(state, "state")]
    return render_template(template, **context)


def is_own_state(endpoint: str, token: str) -> bool:
    """Return whether this session was given a state for an endpoint, and let it be used up."""
    kept = session.get(STATE)
    own = kept == [endpoint, _derived(token, "state")]
    if own and endpoint != "security.two_factor_setup_validate":  # a code may be mistyped
        session.pop(STATE)
    return own


def forget_stale_step() -> None:
    """Forget a second step that was begun long ago, or that set something up."""
    waiting = time.time() - session.get(PENDING_SINCE, 0) < PENDING_FOR
    if "tf_user_id" in session and not (waiting and session.get("tf_state") == "ready"):
        tf_clean_session()  # type: ignore[no-untyped-call]


def _load(uniquifier: str) -> Account | None:
    """Return the account of this request for Flask-Login, or None."""
    known = sessions.current()
    account = db.session.get(Account, known.id) if known else None
    if account is None or account.fs_uniquifier != uniquifier:
        return None
    g.fs_authn_via, g.fs_paa = "session", session.get("fs_paa", 0)
    return account


def _signed_in(_app: Flask, user: Account, authn_via: Any = None, **_: object) -> None:
    """Begin a session; the view commits."""
    tf_clean_session()  # type: ignore[no-untyped-call]  # of whom the second step was waiting for: not of this account perhaps
    session.pop(PENDING_SINCE, None)
    if not user.active:
        return
    # The session in the database remembers: Flask-Login's own cookie would come back without one.
    remember = session.pop("_remember", "") == "set"
    if "change" in (authn_via or ()):
        remember = sessions.is_remembered()
    elif "webauthn" in (authn_via or ()):
        throttle.record(user.email, "signed in by passkey")
    sessions.start(user, remember)
    after_this_request(devices.marking(user))


def _two_factor_off(_app: Flask, user: Account, **_: object) -> None:
    """Let no recovery code outlive what it stands in for."""
    user.mf_recovery_codes = None


def _signed_out(_app: Flask, **_: object) -> None:
    sessions.end_current()
    db.session.commit()


def is_inside(url: str) -> bool:
    """Return whether an address to go on to is a path of this site.

    Browsers take a backslash for a slash and drop control characters (WHATWG URL Standard, 4.4);
    proxies may decode what is encoded.
    """
    for text in (url, unquote(url), unquote(unquote(url))):
        plain = text.isprintable() and "\\" not in text
        if not (plain and text.startswith("/") and not text.startswith("//")):
            return False
    return True
