"""The pages that import: a file is sent, its columns are matched, rehearsed, and imported."""

from dataclasses import asdict

from flask import abort, flash, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response

from webadmin import import_work, matching, rows, tables, uploads, views
from webadmin.database import db, read
from webadmin.history import Change
from webadmin.import_work import page_url
from webadmin.listing import ListState
from webadmin.matching import Choices
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.tables import TableError
from webadmin.templating import site_url
from webadmin.uploads import Upload
from webadmin.views import Answer

DATES = {"ymd": "2026-03-31", "dmy": "31.03.2026, 31/03/2026", "mdy": "03/31/2026"}


def send(resource: Resource) -> Answer:
    """Show the form that takes a file, and take one."""
    problem = ""
    if request.method == "POST":
        file = request.files.get("file")
        if file is None or not file.filename:
            problem = gettext("Choose a file.")
        else:
            try:
                upload = uploads.save(resource, file.stream, file.filename)
            except uploads.TooLargeError:
                abort(413)
            try:
                upload = _prepared(resource, upload)
                return redirect(page_url(resource, upload), 303)
            except TableError as error:
                upload.remove()
                problem = str(error)
    page = views.render(
        "import.html",
        ListState(resource),
        problem=problem,
        waiting=[(each, page_url(resource, each)) for each in uploads.waiting(resource)],
        names=list(rows.importable(resource)),
    )
    return page, 422 if problem else 200


def _prepared(resource: Resource, upload: Upload, encoding: str = "") -> Upload:
    """Read a file, and match its columns.

    Raises:
        TableError: It cannot be read.
        OSError: The disk is full; nothing of the file is kept.
    """
    try:
        table = tables.prepare(upload.path("raw"), upload.path("csv"), encoding)
    except OSError:
        upload.remove()
        raise
    found = matching.match(resource, table.heading)
    choices = Choices(columns=found, dates=table.dates, comma=table.comma)
    return upload.changed(table=asdict(table), choices=asdict(choices), step="new", report={})


def file(resource: Resource, token: str) -> Answer:
    """Show a file that waits and how it stands, and do with it what was asked for."""
    upload = uploads.find(resource, token)
    if upload is None:
        abort(404)
    if request.method != "POST":
        return _page(resource, _looked_after(upload))
    do = request.form.get("_do", "")
    if do == "remove":
        db.session.rollback()
        upload.cancel()
        upload.remove()
        flash(gettext("“%(name)s” was removed.", name=upload.name), "success")
        return redirect(site_url(f"{resource.name}/import"), 303)
    if do == "cancel":
        upload.cancel()
        upload.wait()
        return redirect(page_url(resource, upload), 303)
    upload = _looked_after(upload)
    if upload.step == "imported" or upload.busy:
        return _page(resource, upload, 409)
    return _chosen(resource, upload, do)


def _chosen(resource: Resource, upload: Upload, do: str) -> Answer:
    """Keep what a person chose, and rehearse or import the file."""
    form, table = request.form, upload.table
    encoding = form.get("encoding", table["encoding"])
    if encoding != table["encoding"] and encoding in tables.ENCODINGS:
        try:
            upload = _prepared(resource, upload, encoding)
        except TableError as error:
            return _page(resource, upload, 422, str(error))
        return redirect(page_url(resource, upload), 303)
    if "mode" in form:
        known = rows.importable(resource)
        given = [form.get(f"_column_{i}", "") for i in range(len(table["heading"]))]
        upload = upload.changed(
            choices=asdict(
                Choices(
                    columns=[name if name in known else "" for name in given],
                    mode=form["mode"] if form["mode"] in matching.MODES else "both",
                    dates=form["dates"] if form.get("dates") in DATES else "ymd",
                    comma=form.get("comma") == "true",
                )
            )
        )
    partly = form.get("partly") == "true"
    choices = Choices(**{**upload.choices, "partly": partly})
    problem = matching.check(resource, choices)
    if problem:
        return _page(resource, upload, 422, problem)
    return import_work.stream(resource, upload, choices, keep=do == "import")


def _looked_after(upload: Upload) -> Upload:
    """Return an upload as it really stands: whoever worked on it may have been killed."""
    if upload.step not in ("rehearsing", "importing") or upload.busy:
        return upload
    if upload.step == "importing" and upload.batch:
        found = select(Change.id).where(Change.batch == upload.batch).limit(1)
        if read(found).first() is not None:
            return upload.changed(step="imported")
    return upload.changed(step="interrupted", report={})


def _page(resource: Resource, upload: Upload, status: int = 200, problem: str = "") -> Answer:
    page = views.render(
        "import_file.html",
        ListState(resource),
        upload=upload,
        problem=problem,
        busy=upload.busy,
        fields=rows.importable(resource),
        dates=DATES,
        encodings=tables.ENCODINGS,
        modes=matching.MODES,
        **import_work.context(resource, upload),
    )
    return page, status


def refused(resource: Resource, token: str) -> Response:
    """Send the refused lines of a file with the reasons, to be mended and sent again."""
    upload = uploads.find(resource, token)
    if upload is None or not upload.path("refused.csv").exists():
        abort(404)
    response = Response(
        "\ufeff" + upload.path("refused.csv").read_text("utf-8"),
        content_type="text/csv; charset=utf-8",
    )
    name = f"{resource.name}-refused.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
