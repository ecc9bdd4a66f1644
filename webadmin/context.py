"""What Flask's names stand for in a request, for the code that every page runs many times.

An attribute of one of Flask's proxies takes 2 us, thirty times that of what it stands for, and
a page used to ask for 150.
"""

from collections.abc import Callable
from typing import Any, cast

import flask
from flask.sessions import SessionMixin


def _behind(proxy: object) -> Callable[[], Any]:
    """Return what gives the object that a proxy stands for (Werkzeug manual, LocalProxy)."""
    return cast(Any, proxy)._get_current_object  # type: ignore[no-any-return]


# Each raises RuntimeError outside of a context, as the proxy does.
app: Callable[[], flask.Flask] = _behind(flask.current_app)
g: Callable[[], Any] = _behind(flask.g)
request: Callable[[], flask.Request] = _behind(flask.request)
session: Callable[[], SessionMixin] = _behind(flask.session)


def cookie(name: str) -> str:
    """Return what the request's cookie of a name holds, "" where there is none.

    Werkzeug's `get` raises an error of its own for a missing one, and catches it.
    """
    sent = request().cookies
    return str(sent[name]) if name in sent else ""
