"""Known browsers: a mark in each that has signed in to an account, so that it has its own throttle.

OWASP calls it a device cookie. It signs nobody in.
"""

import secrets
from typing import Any

from flask import current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from webadmin import context
from webadmin.accounts import Account
from webadmin.config import secret_keys

COOKIE = "webadmin_device"
KNOWN_FOR = 365 * 24 * 60 * 60  # seconds


def cookie_name(name: str) -> str:
    """Return a cookie's name: `__Host-` binds it to the host, over HTTPS (RFC 6265bis, 4.1.3)."""
    return f"__Host-{name}" if context.request().is_secure else name


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_keys(current_app), salt="device")


def known(email: str) -> str:
    """Return what tells this browser, if it has signed in as somebody before, else ""."""
    text = context.cookie(cookie_name(COOKIE))
    try:
        account, name = _serializer().loads(text, max_age=KNOWN_FOR)
    except (BadData, ValueError, TypeError):
        return ""
    return str(name) if account == email.strip().lower() else ""


def marking(account: Account) -> Any:
    """Return what puts the mark into a response, for `after_this_request`."""
    value = _serializer().dumps([account.email, known(account.email) or secrets.token_urlsafe(12)])
    name, secure = cookie_name(COOKIE), request.is_secure

    def mark(response: Response) -> Response:
        response.set_cookie(
            name, value, max_age=KNOWN_FOR, secure=secure, httponly=True, samesite="Lax"
        )
        return response

    return mark
