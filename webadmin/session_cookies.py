"""Session cookies: what a browser carries between requests, signed.

Messages for the next page have a cookie of their own: they come and go with each save, while the
session stays as it is for hours. So that is signed once and verified once, and a page that shows
messages cannot put back a session that another request has changed meanwhile.
"""

import hashlib
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from webadmin import context, devices
from webadmin.config import secret_keys
from webadmin.sessions import FLASHES

MESSAGES = "webadmin_messages"


@lru_cache(maxsize=500)
def _verified(serializer: URLSafeTimedSerializer, cookie: str) -> tuple[dict[str, Any], datetime]:
    """Return what a cookie holds and when it was signed.

    Raises:
        BadSignature: It was not signed here.
    """
    held, signed_at = serializer.loads(cookie, return_timestamp=True)
    held.pop(FLASHES, None)  # an earlier version of webadmin kept them here
    return held, signed_at


class Session(SecureCookieSession):
    """Flask's session, which messages do not modify."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value."""
        if key == FLASHES:
            dict.__setitem__(self, key, value)
        else:
            super().__setitem__(key, value)

    def pop(self, key: str, *otherwise: Any) -> Any:
        """Remove a value and return it; raises KeyError where it is not there."""
        if key == FLASHES:
            return dict.pop(self, key, *otherwise)
        return super().pop(key, *otherwise)


class CookieSession(SecureCookieSessionInterface):
    """Flask's session, whose cookie no other host can set and no plain connection carries."""

    session_class = Session
    # Python's hmac is quick with hashlib's own functions alone; Flask's wraps SHA-1 in another.
    digest_method = staticmethod(hashlib.sha256)
    _serializer: URLSafeTimedSerializer | None = None
    _messages: URLSafeSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookies of a site: made once, which takes as long as using it."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def _messages_serializer(self, app: Flask) -> URLSafeSerializer:
        """Return what signs messages: without a time, so that the same ones look the same."""
        if self._messages is None:
            options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
            self._messages = URLSafeSerializer(
                secret_keys(app), salt="messages", serializer=self.serializer, signer_kwargs=options
            )
        return self._messages

    def open_session(self, app: Flask, request: Request) -> Session | None:
        """Return the session of a request, as Flask does, whose cookie is verified but once."""
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return None
        found = self._opened(app, serializer)
        sent = context.cookie(devices.cookie_name(MESSAGES))
        if sent:
            with suppress(BadSignature):  # it is removed with the answer
                found[FLASHES] = self._messages_serializer(app).loads(sent)
        return found

    def _opened(self, app: Flask, serializer: URLSafeTimedSerializer) -> Session:
        try:
            held, signed_at = _verified(serializer, context.cookie(self.get_cookie_name(app)))
        except BadSignature:
            return Session()
        if not timedelta() <= datetime.now(UTC) - signed_at <= app.permanent_session_lifetime:
            return Session()
        return Session(deepcopy(held))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookies that have changed: a session is not renewed by being used."""
        self._save_messages(app, session.pop(FLASHES, None), response)
        if session.modified:
            super().save_session(app, session, response)
        elif session.accessed:
            response.vary.add("Cookie")

    def _save_messages(self, app: Flask, messages: Any, response: Response) -> None:
        name = devices.cookie_name(MESSAGES)
        value = self._messages_serializer(app).dumps(messages) if messages else ""
        if value == context.cookie(name):
            return
        options: dict[str, Any] = {
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": True,
            "samesite": "Lax",
        }
        if value:
            response.set_cookie(name, str(value), **options)
        else:
            response.delete_cookie(name, **options)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name: `__Host-` binds it to the host, where there is HTTPS (RFC 6265bis)."""
        return devices.cookie_name("webadmin_session")

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether it goes over HTTPS only."""
        return context.request().is_secure
