"""The page that exports: a file of the records that a list shows."""

from collections.abc import Iterator

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webadmin import exports, listing
from webadmin.database import db
from webadmin.messages import gettext
from webadmin.resource import Resource


def export(resource: Resource, form: str) -> Response:
    """Send the records of a list as a file that is read from the database as it goes.

    Args:
        resource: What is listed.
        form: A key of `exports.FORMATS`.
    """
    arguments = MultiDict(request.args)
    names = [name for name in arguments.poplist(exports.COLUMNS) if name]
    state = listing.parse(resource, arguments)
    db.session.rollback()  # the file is read over a connection of its own: one is enough
    try:
        found = exports.start(state, exports.chosen(resource, names), form)
        chunks = exports.FORMATS[form].write(found)
    except exports.ExportError as error:
        refusal = BadRequest()
        refusal.explanation = str(error)  # type: ignore[attr-defined]
        raise refusal from None
    if form != "xlsx":  # which cannot be read without its end
        warning = gettext("THE FILE IS NOT COMPLETE: the export broke off here.")
        chunks = _told(chunks, f"\n{warning}\n")
    response = Response(chunks, content_type=exports.FORMATS[form].content_type)
    # Closed too where nobody reads: the answer to HEAD, a client that has gone.
    response.call_on_close(found.close)
    name = exports.file_name(resource, form)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _told(chunks: Iterator[bytes], warning: str) -> Iterator[bytes]:
    """Yield a file; where it breaks off say so in it: servers end the answer as if it were whole.

    Args:
        chunks: The file.
        warning: The line to end it with.
    """
    try:
        yield from chunks
    except Exception:
        yield warning.encode()
        raise
