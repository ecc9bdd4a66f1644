"""Session cookies: what a browser carries between requests, signed."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer

from webadmin import context, devices


@lru_cache(maxsize=500)
def _verified(serializer: URLSafeTimedSerializer, cookie: str) -> tuple[str, datetime]:
    """Return what a cookie holds and when it was signed.

    Raises:
        BadSignature: It was not signed here.
    """
    held, signed_at = serializer.loads(cookie, return_timestamp=True)
    return serializer.serializer.dumps(held), signed_at


class CookieSession(SecureCookieSessionInterface):
    """Flask's session, whose cookie no other host can set and no plain connection carries."""

    # Python's hmac is quick with hashlib's own functions alone; Flask's wraps SHA-1 in another.
    digest_method = staticmethod(hashlib.sha256)
    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookies of a site: made once, which takes as long as using it."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request, as Flask does, whose cookie is verified but once."""
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return None
        try:
            cookie = request.cookies.get(self.get_cookie_name(app), "")
            held, signed_at = _verified(serializer, cookie)
        except BadSignature:
            return self.session_class()
        if not timedelta() <= datetime.now(UTC) - signed_at <= app.permanent_session_lifetime:
            return self.session_class()
        return self.session_class(serializer.serializer.loads(held))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie where the session has changed: it is not renewed by being used."""
        if session.modified:
            super().save_session(app, session, response)
        elif session.accessed:
            response.vary.add("Cookie")

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name: `__Host-` binds it to the host, where there is HTTPS (RFC 6265bis)."""
        return devices.cookie_name("webadmin_session")

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether it goes over HTTPS only."""
        return context.request().is_secure
