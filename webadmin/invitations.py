"""Links that let a person choose a password: for the first account, and for one that was made.

A link is a signed text, good for one use and a while. That of the first account is worth nothing
once there is any account; that of another is bound to what changes with its password.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from webadmin import accounts
from webadmin.accounts import Account
from webadmin.config import secret_keys
from webadmin.database import db

FIRST_FOR = 30 * 60  # seconds that the link for the first account is good
INVITED_FOR = 7 * 24 * 60 * 60


@dataclass(frozen=True)
class Invitation:
    """What a link is good for: the account it was made for, or None for the first one."""

    account: Account | None


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_keys(current_app), salt="invitation")


def first() -> str:
    """Return the token of a link that makes the first account, an administrator's."""
    token: str = _serializer().dumps({"first": secrets.token_urlsafe(16)})
    return token


def for_account(account: Account) -> str:
    """Return the token of a link with which somebody chooses the password of an account."""
    token: str = _serializer().dumps({"account": account.id, "until": account.fs_uniquifier})
    return token


def read(token: str) -> Invitation | None:
    """Return what a token is good for, or None: wrong, expired, used, or no longer wanted."""
    try:
        data: Any = _serializer().loads(token, max_age=INVITED_FOR)
        if "first" in data:
            _serializer().loads(token, max_age=FIRST_FOR)
            return None if accounts.exist() else Invitation(None)
    except BadData:
        return None
    account = db.session.get(Account, data.get("account"), with_for_update=True)
    if account is None or not account.active or account.fs_uniquifier != data.get("until"):
        return None
    return Invitation(account)
