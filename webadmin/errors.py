"""One handler and one template for every error; each has a reference number in the log."""

import errno
import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from webadmin.database import db
from webadmin.listing import ListError
from webadmin.messages import gettext, lazy_gettext

RETRY_AFTER = 5
_TOKENS = re.compile(
    r"^(/setup/|/sign-in/passkey/|/account/(?:reset-password|two-factor|passkeys|verify/passkey)/).+",
    re.DOTALL,
)
KEEPS_TYPED = frozenset({401, 403, 503})


class SchemaMissingError(Exception):
    """The database lacks tables, or has those of another version of webadmin."""


class SignedOutError(Exception):
    """A request that writes came without a session, or with one that was ended."""


class NotConfirmedError(Exception):
    """A request does something sensitive, and its account has not confirmed itself lately."""


@dataclass(frozen=True)
class Explanation:
    """What an error page says: what happened, and what can be done: by `webadmin init`, there?"""

    title: Any
    happened: Any
    advice: Any
    needs_init: bool = False
    there: str = ""


EXPLANATIONS = {
    400: Explanation(
        lazy_gettext("This request cannot be understood"),
        lazy_gettext("Something in the address or in the form is not as it should be."),
        lazy_gettext("Go back and try again, or begin at the home page."),
    ),
    403: Explanation(
        lazy_gettext("You may not do this"),
        lazy_gettext("Your role does not allow this action."),
        lazy_gettext("Ask an administrator of this site if you need it."),
    ),
    404: Explanation(
        lazy_gettext("There is nothing here"),
        lazy_gettext("The record or page does not exist, or not any more."),
        lazy_gettext("Check the address, or look for the record in its list."),
    ),
    405: Explanation(
        lazy_gettext("This page does not work that way"),
        lazy_gettext("The address exists, but not for this kind of request."),
        lazy_gettext("Open the page from a link or a button of this site."),
    ),
    401: Explanation(
        lazy_gettext("You are signed out"),
        lazy_gettext("Your session was ended or has expired. Nothing was saved."),
        lazy_gettext(
            "Sign in again, then send what you typed: it is below, to be checked and sent."
        ),
        there="sign-in",
    ),
    409: Explanation(
        lazy_gettext("Somebody else was faster"),
        lazy_gettext("What you wanted to change was changed meanwhile."),
        lazy_gettext("Load the record again and compare."),
    ),
    413: Explanation(
        lazy_gettext("This is too large"),
        lazy_gettext("What was sent is larger than this site takes. Nothing was saved."),
        lazy_gettext("Go back, send less at once, and try again."),
    ),
    429: Explanation(
        lazy_gettext("Too many tries"),
        lazy_gettext("This was tried too often in a short time, perhaps by somebody else."),
        lazy_gettext("Wait a little, then try again."),
    ),
    415: Explanation(
        lazy_gettext("This is not a form"),
        lazy_gettext("What was sent is not in the format of a web form. Nothing was saved."),
        lazy_gettext("Send it as application/x-www-form-urlencoded or multipart/form-data."),
    ),
    500: Explanation(
        lazy_gettext("Something went wrong on our side"),
        lazy_gettext("The site met an error that it did not expect."),
        lazy_gettext("Try again. If it happens again, tell an administrator the number below."),
    ),
    503: Explanation(
        lazy_gettext("The database does not answer"),
        lazy_gettext("The site works, but its database cannot be reached right now."),
        lazy_gettext("Wait a moment and try again. Nothing that was saved is lost."),
    ),
}


def init_app(app: Flask) -> None:
    """Register the handler for everything that can go wrong."""
    app.register_error_handler(Exception, handle)


def handle(error: Exception) -> Any:
    """Return the error page for an exception: a Flask error handler."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error  # a redirect
    status, explanation = explain(error)
    reference = secrets.token_hex(4)
    _log(error, status, reference)
    _end_transaction()
    page = render_template(
        "error.html",
        status=status,
        explanation=explanation,
        reference=reference,
        typed=_typed(error, status),
        command="webadmin init" if explanation.needs_init else "",
    )
    headers = {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    if isinstance(error, HTTPException):
        kept = ("Allow", "Retry-After", "WWW-Authenticate")
        headers |= {name: value for name, value in error.get_headers() if name in kept}
    return page, status, headers


def explain(error: Exception) -> tuple[int, Explanation]:
    """Return the status and the words for an error."""
    if isinstance(error, ListError):
        return 400, _with(
            400,
            gettext("“%(name)s” in the address is wrong", name=error.parameter[:100]),
            str(error),
        )
    if isinstance(error, CSRFError):
        return 400, Explanation(
            gettext("This form has expired"),
            gettext("It was opened in another session, so nothing was saved."),
            gettext("What you typed is below: check it and send it again."),
        )
    if isinstance(error, SignedOutError):
        return 401, EXPLANATIONS[401]
    if isinstance(error, NotConfirmedError):
        return 401, Explanation(
            gettext("Please confirm that it is you"),
            gettext("This needs your password or passkey again: you last gave it some time ago."),
            gettext("Confirm it, then send what you typed: it is below."),
            there="account/verify",
        )
    if isinstance(error, SchemaMissingError) or _table_missing(error):
        return 503, Explanation(
            gettext("The database is not ready"),
            gettext("Its tables are missing, or belong to another version of webadmin."),
            gettext("Run this command where the site runs, then load this page again:"),
            needs_init=True,
        )
    if is_disk_full(error):
        return 503, Explanation(
            gettext("The disk is full"),
            gettext("There is no room left where the site keeps its data. Nothing was saved."),
            gettext("Tell an administrator. What you typed can be sent again afterwards."),
        )
    if _unavailable(error):
        return 503, EXPLANATIONS[503]
    ours = isinstance(error, DBAPIError) and not isinstance(error, DataError)
    if isinstance(error, StatementError) and not ours and request.method == "GET":
        return 400, EXPLANATIONS[400]
    if isinstance(error, HTTPException) and error.code is not None:
        code = error.code if error.code in EXPLANATIONS else 400 if error.code < 500 else 500
        if code == 429:
            usual = EXPLANATIONS[429]
            advice = getattr(error, "explanation", None) or usual.advice
            return 429, replace(usual, advice=advice)
        return error.code, _with(code, None, getattr(error, "explanation", None))
    return 500, EXPLANATIONS[500]


def _with(status: int, title: str | None, happened: str | None) -> Explanation:
    usual = EXPLANATIONS[status]
    return Explanation(title or usual.title, happened or usual.happened, usual.advice)


def _table_missing(error: Exception) -> bool:
    if not isinstance(error, OperationalError | ProgrammingError):
        return False
    original: Any = error.orig
    return (
        getattr(original, "sqlstate", None) == "42P01"
        or (bool(original.args) and original.args[0] == 1146)
        or "no such table" in str(original)
    )


# What passes: PostgreSQL's SQLSTATEs by their beginning, MariaDB's error numbers, SQLite's names.
_PASSING_STATES = ("08", "40", "53", "55P03", "57")
_PASSING_NUMBERS = {1040, 1049, 1053, 1205, 1213, 1317, 1969, 2002, 2003, 2006, 2013}
_PASSING_NAMES = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL",
    "SQLITE_READONLY", "SQLITE_INTERRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT",
)  # fmt: skip


def _unavailable(error: Exception) -> bool:
    """Return whether the database cannot be used right now; a wrong statement is our fault."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    original: Any = error.orig
    if error.connection_invalidated or isinstance(original, TimeoutError):
        return True
    name, state = getattr(original, "sqlite_errorname", None), getattr(original, "sqlstate", None)
    if name:
        return str(name).startswith(_PASSING_NAMES)
    number = original.args[0] if original.args else None
    if isinstance(number, int):
        return number in _PASSING_NUMBERS
    # Without a state PostgreSQL was never reached.
    if state:
        return str(state).startswith(_PASSING_STATES)
    return isinstance(error, OperationalError)


def is_disk_full(error: BaseException) -> bool:
    """Return whether there was no room: for a file, or for what a database writes."""
    original = getattr(error, "orig", error)
    if isinstance(original, OSError):
        return original.errno in (errno.ENOSPC, errno.EDQUOT)
    number = original.args[0] if getattr(original, "args", ()) else None
    return (
        getattr(original, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(original, "sqlstate", None) == "53100"
        or (isinstance(error, DBAPIError) and number in (1021, 1114))
    )


def in_short(error: Exception) -> str:
    """Return what an error means, in a sentence or two: for a page that is half sent."""
    _, explanation = explain(error)
    return f"{explanation.title}. {explanation.happened}"


def log_aside(error: Exception) -> str:
    """Log an error that a page tells of by itself, and return its reference number."""
    status, reference = explain(error)[0], secrets.token_hex(4)
    _log(error, status, reference)
    return reference


def _log(error: Exception, status: int, reference: str) -> None:
    # %r: a line break in a path cannot begin a line of its own in the log.
    line, arguments = "%s %s %r: %d", (reference, request.method, _path(), status)
    if status < 500:
        current_app.logger.info(line + " %r", *arguments, type(error).__name__)
    elif status == 503:
        current_app.logger.error(line + " %r", *arguments, _cause(error))
    else:
        cause = getattr(error, "original_exception", None) or error
        current_app.logger.error(line, *arguments, exc_info=cause)


def _path() -> str:
    """Return the path of the request without a token that lets somebody in."""
    return _TOKENS.sub(r"\1***", request.path)


def _cause(error: Exception) -> str:
    if isinstance(error, SchemaMissingError):
        return "tables are missing: run webadmin init"
    return str(getattr(error, "orig", error))


def _end_transaction() -> None:
    """Give the connection back: the page below must not need the database."""
    try:
        db.session.rollback()
    except Exception:  # the connection is broken; a new one is made for the next request
        db.session.remove()


def _typed(error: Exception, status: int) -> list[tuple[str, str]] | None:
    """Return what a form sent where it can be sent again as it is, else None."""
    if request.method != "POST" or not (isinstance(error, CSRFError) or status in KEEPS_TYPED):
        return None
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        return None  # a file, which is not read for somebody who may not send it
    if request.headers.get("Sec-Fetch-Site", "same-origin") in ("cross-site", "same-site"):
        return None  # what another site has sent is not offered to be sent again
    return [
        (name, text)
        for name, text in request.form.items(multi=True)
        if name != "csrf_token" and not is_secret(name)
    ]


def is_secret(name: str) -> bool:
    """Return whether a field of a form holds what no page repeats."""
    return "password" in name or name in ("code", "credential")
