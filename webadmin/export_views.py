"""The page that exports: a file of the records that a list shows."""

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webadmin import exports, listing
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
    try:
        found = exports.start(state, exports.chosen(resource, names), form)
        chunks = exports.FORMATS[form].write(found)
    except exports.ExportError as error:
        refusal = BadRequest()
        refusal.explanation = str(error)  # type: ignore[attr-defined]
        raise refusal from None
    response = Response(chunks, content_type=exports.FORMATS[form].content_type)
    # Closed too where nobody reads: the answer to HEAD, a client that has gone.
    response.call_on_close(found.close)
    name = exports.file_name(resource, form)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
