"""Accounts for tests, and browsers that are signed in with them without typing a password."""

import hashlib
import html
import re
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from passlib.totp import AppWallet
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from webadmin import accounts
from webadmin.accounts import Account
from webadmin.database import db, writing
from webadmin.passwords import HASHING
from webadmin.permissions import Role
from webadmin.sessions import TOKEN, SessionRecord, SignedIn

PASSWORD = "correct horse battery staple"
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
# A tenth of a second for each account of a thousand tests would be much.
HASHING.update({"argon2__memory_cost": 64, "argon2__time_cost": 1})
AppWallet.encrypt_cost = 4  # the keys of second factors, and eight recovery codes at a time
ADMIN = SignedIn(0, "admin@example.com", Role.ADMIN, "")


def make_account(app: Flask, email: str, role: str = "admin", **values: Any) -> int:
    """Make an account past the history, unless there is one with this email; return its key."""
    given = {"email": email, "role": role, "active": True, "password": HASH, **values}
    with app.app_context(), writing():
        if accounts.find(email) is None:
            # Another thread may be faster.
            with suppress(IntegrityError):
                db.session.execute(insert(Account.__table__).values(given))
                db.session.commit()
            db.session.rollback()
        found = accounts.find(email)
        assert found is not None
        return found.id


def make_session(app: Flask, account_id: int, **values: Any) -> str:
    """Sign an account in past every page; return the token for the cookie."""
    token, at = secrets.token_urlsafe(8), datetime.now(UTC).replace(tzinfo=None)
    with app.app_context(), writing():
        given = {"created_at": at, "seen_at": at, "remember": False, "address": "", "device": ""}
        digest = hashlib.sha256(token.encode()).hexdigest()
        db.session.add(SessionRecord(digest=digest, account_id=account_id, **(given | values)))
        db.session.commit()
    return token


def cookie_entries(app: Flask, key: int, token: str) -> dict[str, Any]:
    """Return what Flask's session holds of an account that has just given its password."""
    with app.app_context():
        uniquifier = db.session.get_one(Account, key).fs_uniquifier
    return {TOKEN: token, "_user_id": uniquifier, "fs_paa": time.time()}


def set_password(app: Flask, email: str, password: str = PASSWORD) -> None:
    """Give an account a password."""
    with app.test_request_context(), writing():
        account = accounts.find(email)
        assert account is not None
        account.password = hash_password(password)
        db.session.commit()


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
        self.use_session(key, make_session(self.application, key))
        return key

    def use_session(self, key: int, token: str) -> None:
        """Take a session of an account over, as one who has just given the password."""
        self.waiting_role = ""
        entries = cookie_entries(self.application, key, token)
        with self.session_transaction() as session:
            session.update(entries)

    def open(self, *arguments: Any, **named: Any) -> Any:
        """Send a request; the first one is preceded by signing in."""
        if self.waiting_role:
            role = self.waiting_role
            try:
                self.sign_in(f"{role}@example.com", role)
            except DBAPIError:  # a database that cannot be used, or without tables: later, then
                self.waiting_role = role
        return super().open(*arguments, **named)


Flask.test_client_class = Browser


class Visitor:
    """A person with a browser, without JavaScript, who visits a site that really listens.

    Args:
        url: The address of the site, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """Return a page."""
        with self.opener.open(self.url + path, timeout=20) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> str:
        """Send a form with the token of this visit; return the page that follows."""
        token = html.unescape(re.findall(r'name="csrf_token" value="([^"]*)"', self.form_page)[0])
        data = urlencode({"csrf_token": token, **fields}).encode()
        with self.opener.open(self.url + path, data, timeout=20) as answer:
            return str(answer.read().decode())

    def sign_in(self, email: str, password: str = PASSWORD) -> str:
        """Sign in, and return the page that follows."""
        self.form_page = self.get("/sign-in")
        return self.post("/sign-in", email=email, password=password)
