"""The forms of signing in: Flask-Security's, with the throttle before each secret that is tried."""

import time
from collections.abc import Callable
from typing import Any

from flask import abort, current_app, make_response, render_template, request, session, url_for
from flask_login import current_user
from flask_security import (
    ChangePasswordForm,
    ForgotPasswordForm,
    LoginForm,
    TwoFactorRescueForm,
    TwoFactorSetupForm,
    TwoFactorVerifyCodeForm,
    VerifyForm,
    hash_password,
)
from flask_security.recovery_codes import MfRecoveryForm
from flask_security.utils import get_message
from flask_security.webauthn import WebAuthnRegisterForm, WebAuthnSigninResponseForm
from werkzeug.wrappers import Response
from wtforms import StringField

from webadmin import accounts, devices, throttle
from webadmin.database import db
from webadmin.passwords import LONGEST, normal

PENDING_SINCE = "pending_since"  # when a password was right, in the session


def _tried(kind: str, email: str, validate: Callable[[], bool], outcome: str) -> bool:
    """Return whether a secret was right, with the try counted; the caller commits a right one.

    Raises:
        ThrottledError: Too many were wrong before.
    """
    attempt = throttle.attempt(kind, email, devices.known(email) if kind == "account" else "")
    if not validate():
        attempt.failed("wrong password" if kind == "account" else "wrong code")
        return False
    attempt.succeeded(outcome)
    return True


class SignInForm(LoginForm):
    """Email and password. Neither answer nor duration tell whether there is such an account."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether they are right."""
        self.email.data = (self.email.data or "").strip()
        email = self.email.data[: accounts.LONGEST_EMAIL]
        if not email or not self.password.data:
            return bool(super().validate(**arguments))

        def right() -> bool:
            if len(self.password.data or "") > LONGEST:
                self.password.errors = [get_message("INVALID_PASSWORD")[0]]
                return False
            self.ifield = self.email
            self.user = accounts.find(email)
            db.session.commit()  # nobody waits while a password is hashed
            return bool(super(SignInForm, self).validate(**arguments))

        found = _tried("account", email, right, "password right")
        db.session.commit()
        session[PENDING_SINCE] = time.time()  # where a second step follows
        # Flask-Security would go on to the address of this form itself.
        self.next.data = self.next.data or url_for("home")
        return found


class ConfirmForm(VerifyForm):
    """The password once more, before something sensitive."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether it is right."""

        def right() -> bool:
            return bool(super(ConfirmForm, self).validate(**arguments))

        return _tried("account", self.user.email, right, "confirmed")


class NewPasswordForm(ChangePasswordForm):
    """The password now, and another one."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether the first is right and the second may be chosen."""
        typed = normal(self.password.data or "")[: LONGEST + 1]

        def right() -> bool:
            return bool(current_user.verify_and_update_password(typed))

        if not typed or not _tried("account", current_user.email, right, "confirmed"):
            self.password.errors = [get_message("INVALID_PASSWORD")[0]]
            return False
        db.session.commit()  # nobody waits while the new one is judged and hashed
        return bool(super().validate(**arguments))


class CodeForm(TwoFactorVerifyCodeForm):
    """A code of the authenticator app."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether it is right."""
        self.code.data = "".join((self.code.data or "").split())

        def right() -> bool:
            return bool(super(CodeForm, self).validate(**arguments))

        if self.user is None or not self.user.active:
            return False
        if not self.is_setup:
            return _tried("code", self.user.email, right, "signed in")
        if not right():
            abort(self._same_page())
        return True

    def _same_page(self) -> Response:
        """Return the page with the key once more: Flask-Security would begin anew, with another.

        Whoever mistypes the first code has the key in an app already.
        """
        codes = current_app.extensions["security"].totp_factory
        values = codes.fetch_setup_values(self.tf_totp_secret, self.user)
        page = render_template(
            "accounts/two-factor.html",
            two_factor_setup_form=TwoFactorForm(formdata=None),
            two_factor_verify_code_form=self,
            chosen_method=self.primary_method,
            state_token=(request.view_args or {})["token"],
            authr_qrcode=values["image"],
            authr_key=values["key"],
        )
        return make_response(page)


class RecoveryCodeForm(MfRecoveryForm):
    """One of the recovery codes."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether it is right."""
        if self.user is None or not self.user.active:
            return False
        user, self.code.data = self.user, (self.code.data or "").strip().lower()

        def right() -> bool:
            # Locked: of two uses at the same time one finds the code gone.
            db.session.refresh(user, ["mf_recovery_codes"], with_for_update=True)
            return bool(super(RecoveryCodeForm, self).validate(**arguments))

        return _tried("code", user.email, right, "signed in")


class PasskeyForm(WebAuthnSigninResponseForm):
    """What a passkey answers."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether it is right, and its account may sign in."""
        right = bool(super().validate(**arguments))
        if right and self.user is not None and self.user.is_active:
            return True
        throttle.record(self.user.email if self.user else "", "wrong passkey")
        db.session.commit()
        self.credential.errors = self.credential.errors or [get_message("DISABLED_ACCOUNT")[0]]
        return False


class ResetRequestForm(ForgotPasswordForm):
    """The email to send a reset link to."""

    def validate(self, **arguments: Any) -> bool:
        """Return whether there is such an account: the page does not tell."""
        self.email.data = (self.email.data or "").strip()
        email = self.email.data[: accounts.LONGEST_EMAIL]
        if email:
            throttle.attempt("reset", email).failed("reset asked for")
        found = bool(super().validate(**arguments))
        db.session.commit()  # nobody waits for the hash
        if found:
            hash_password("as long as where there is no account")
        return found


class _Choice(StringField):
    """A choice whose buttons stand in our templates: Flask-Security checks it itself."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.choices: list[Any] = []


class TwoFactorForm(TwoFactorSetupForm):
    """Whether to turn two-factor sign-in on or off."""

    setup = _Choice()  # type: ignore[assignment]


class RescueForm(TwoFactorRescueForm):
    """What else than a code could help: Flask-Security builds it beside that of the code."""

    help_setup = _Choice()  # type: ignore[assignment]


class NewPasskeyForm(WebAuthnRegisterForm):
    """The name of a new passkey, which signs in by itself."""

    usage = _Choice()  # type: ignore[assignment]

    def validate(self, **arguments: Any) -> bool:
        """Return whether it may be added."""
        self.usage.data = "first"
        return bool(super().validate(**arguments))


FORMS: dict[str, Any] = {
    "login_form": SignInForm,
    "verify_form": ConfirmForm,
    "change_password_form": NewPasswordForm,
    "two_factor_verify_code_form": CodeForm,
    "two_factor_setup_form": TwoFactorForm,
    "two_factor_rescue_form": RescueForm,
    "wan_register_form": NewPasskeyForm,
    "mf_recovery_form": RecoveryCodeForm,
    "wan_signin_response_form": PasskeyForm,
    "forgot_password_form": ResetRequestForm,
}
