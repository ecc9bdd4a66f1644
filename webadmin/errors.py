"""One handler and one template for every error; each has a reference number in the log."""

import re
import secrets
from dataclasses import replace
from typing import Any

from flask import Flask, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    StatementError,
)
from werkzeug.exceptions import HTTPException

from webadmin.database import db, release
from webadmin.explanations import (
    BUSY,
    DISK_FULL,
    EXPIRED,
    EXPLANATIONS,
    NOT_CONFIRMED,
    NOT_READY,
    Explanation,
)
from webadmin.faults import is_disk_full, is_pool_empty, is_table_missing, is_unavailable
from webadmin.listing import ListError
from webadmin.messages import gettext

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


_OWN: tuple[tuple[type[Exception], int, Explanation], ...] = (
    (CSRFError, 400, EXPIRED),
    (SignedOutError, 401, EXPLANATIONS[401]),
    (NotConfirmedError, 401, NOT_CONFIRMED),
    (SchemaMissingError, 503, NOT_READY),
)


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
        title = gettext("“%(name)s” in the address is wrong", name=error.parameter[:100])
        return 400, _with(400, title, str(error))
    for types, status, explanation in _OWN:
        if isinstance(error, types):
            return status, explanation
    if is_table_missing(error):
        return 503, NOT_READY
    if is_disk_full(error):
        return 503, DISK_FULL
    if is_pool_empty(error):
        return 503, BUSY
    if is_unavailable(error):
        return 503, EXPLANATIONS[503]
    ours = isinstance(error, DBAPIError) and not isinstance(error, DataError)
    if isinstance(error, StatementError) and not ours and request.method == "GET":
        return 400, EXPLANATIONS[400]
    if isinstance(error, HTTPException) and error.code is not None:
        return error.code, _of_status(error.code, getattr(error, "explanation", None))
    return 500, EXPLANATIONS[500]


def _of_status(code: int, said: str | None) -> Explanation:
    """Return the words for a status; what is said besides tells what happened, or what to do."""
    known = code if code in EXPLANATIONS else 400 if code < 500 else 500
    if known == 429:
        return replace(EXPLANATIONS[429], advice=said or EXPLANATIONS[429].advice)
    return _with(known, None, said)


def _with(status: int, title: str | None, happened: str | None) -> Explanation:
    usual = EXPLANATIONS[status]
    return Explanation(title or usual.title, happened or usual.happened, usual.advice)


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
    if is_pool_empty(error):
        size, seconds = (current_app.config[name] for name in ("POOL_SIZE", "DATABASE_TIMEOUT"))
        return (
            f"all {size} database connections of this worker were in use for {seconds} s: "
            "raise WEBADMIN_POOL_SIZE to the number of its threads"
        )
    return str(getattr(error, "orig", error))


def _end_transaction() -> None:
    """Give the connection back: the page below must not need the database."""
    try:
        release()
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
