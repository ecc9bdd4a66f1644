"""Accounts for tests, and browsers that are signed in with them without typing a password."""

import hashlib
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError, IntegrityError

from webadmin import accounts
from webadmin.accounts import Account
from webadmin.database import db, writing
from webadmin.sessions import TOKEN, SessionRecord

# Of "correct horse battery staple", with less work than the site's own hashes take.
PASSWORD = "correct horse battery staple"
HASH = "$argon2id$v=19$m=8,t=1,p=1$HIMBQnbBHGpU3uI1hEuF2A$"


def make_account(app: Flask, email: str, role: str = "admin", **values: Any) -> int:
    """Make an account, unless there is one with this email; return its key."""
    with app.app_context(), writing():
        found = accounts.find(email)
        if found is None:
            found = Account(email=email, role=role, **{"active": True, **values})
            db.session.add(found)
            try:
                db.session.commit()
            except IntegrityError:  # another thread was faster
                db.session.rollback()
                found = accounts.find(email)
                assert found is not None
        key = found.id
        db.session.rollback()
        return key


def make_session(app: Flask, account_id: int, **values: Any) -> str:
    """Sign an account in past every page; return the token for the cookie."""
    token, at = secrets.token_urlsafe(8), datetime.now(UTC).replace(tzinfo=None)
    with app.app_context(), writing():
        given = {"created_at": at, "seen_at": at, "remember": False, "address": "", "device": ""}
        digest = hashlib.sha256(token.encode()).hexdigest()
        db.session.add(SessionRecord(digest=digest, account_id=account_id, **(given | values)))
        db.session.commit()
    return token


class Browser(FlaskClient):
    """A browser without JavaScript, signed in as an administrator unless it is told otherwise.

    Args:
        signed_in: The role of the account that it is signed in with; "" for a stranger's.
    """

    def __init__(self, *arguments: Any, signed_in: str = "admin", **named: Any) -> None:
        self.waiting_role = signed_in
        super().__init__(*arguments, **named)

    def sign_in(self, email: str, role: str = "admin") -> int:
        """Sign in as somebody; return the key of the account."""
        self.waiting_role = ""
        key = make_account(self.application, email, role)
        token = make_session(self.application, key)
        with self.session_transaction() as session:
            session[TOKEN] = token
        return key

    def open(self, *arguments: Any, **named: Any) -> Any:
        """Send a request; the first one is preceded by signing in."""
        if self.waiting_role:
            role = self.waiting_role
            # Not where a test has a database that cannot be used, or one without tables.
            with suppress(DBAPIError):
                self.sign_in(f"{role}@example.com", role)
        return super().open(*arguments, **named)


Flask.test_client_class = Browser
