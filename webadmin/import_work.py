"""The work on a file as a page that grows: a bar while it is done, then what came of it.

The page is one answer, sent piece by piece. Each piece is a bar, of which the style sheet shows
the last, so that it moves without a script; leaving the page ends the work and takes it back.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Response, current_app, render_template, stream_with_context
from sqlalchemy.exc import SQLAlchemyError

from webadmin import errors, imports, views
from webadmin.database import asking, db
from webadmin.import_report import Report
from webadmin.listing import ListState
from webadmin.matching import Choices
from webadmin.messages import gettext
from webadmin.resource import Resource
from webadmin.templating import site_url
from webadmin.uploads import BusyError, Upload

EVERY = 0.3  # seconds between two bars
_HERE = "<!-- the work -->"


def page_url(resource: Resource, upload: Upload, rest: str = "") -> str:
    """Return the URL of an upload's page."""
    return site_url(f"{resource.name}/import/{upload.token}{rest}")


def context(resource: Resource, upload: Upload) -> dict[str, Any]:
    """Return what the templates of a file need."""
    return {
        "page_url": page_url(resource, upload),
        "refused_url": page_url(resource, upload, "/refused.csv"),
        "history_url": _history_url(upload),
    }


def _history_url(upload: Upload) -> str:
    """Return the URL of what an import did, "" on a site without that page."""
    there = any(rule.rule == "/history/" for rule in current_app.url_map.iter_rules())
    return site_url(f"history/?batch={upload.batch}") if there and upload.batch else ""


def stream(resource: Resource, upload: Upload, choices: Choices, keep: bool) -> Response:
    """Answer with a page that grows while a file is rehearsed or imported.

    Args:
        resource: What its records are of.
        upload: The file.
        choices: What was chosen for it.
        keep: Whether the import is meant.
    """
    page = views.render(
        "import_work.html",
        ListState(resource),
        upload=upload,
        keep=keep,
        here=_HERE,
        **context(resource, upload),
    )
    head, _, tail = page.partition(_HERE)
    work, account = _Work(resource, upload, choices, keep), asking()

    def pieces() -> Iterator[str]:
        yield head
        # The request has ended by now, and its session with it: the work has another one.
        db.session.info["account"] = account
        yield from work.pieces()
        yield tail

    response = Response(stream_with_context(pieces()), content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the pieces together
    return response


class _Work:
    """One rehearsal or import that tells on a page how far it is."""

    def __init__(self, resource: Resource, upload: Upload, choices: Choices, keep: bool) -> None:
        self.resource, self.upload, self.choices, self.keep = resource, upload, choices, keep
        self.begun = time.monotonic()

    def pieces(self) -> Iterator[str]:
        """Do the work; yield bars, then the report."""
        try:
            with self.upload.locked():
                self.upload.path("cancel").unlink(missing_ok=True)
                yield from self._bars()
        except BusyError:
            self.upload = self.upload.changed()
            yield self._notice(gettext("This file is being worked on already, in another tab."))
            return
        except (SQLAlchemyError, OSError) as error:
            reference = errors.log_aside(error)
            self._ends("failed", problem=f"{errors.in_short(error)} ({reference})")
        except GeneratorExit:
            self._ends("cancelled")
            raise
        yield self._report()

    def _bars(self) -> Iterator[str]:
        upload = self.upload
        run = imports.Import(
            self.resource, upload.path("csv"), self.choices, upload.path("refused.csv")
        )
        step = "importing" if self.keep else "rehearsing"
        self.upload = upload.changed(step=step, batch="", problem="", report={})
        shown, steps = 0.0, run.steps(upload.name, self.keep)
        for report in steps:
            if self.keep and not self.upload.batch:
                # Whoever comes back after a power cut learns by it whether there are changes.
                self.upload = self.upload.changed(batch=run.batch)
            if not report.written and self.upload.cancelled():
                steps.close()
                self._ends("cancelled")
                return
            if time.monotonic() - shown > EVERY and not report.written:
                shown = time.monotonic()
                yield self._bar(report)
        self._ends("imported" if run.report.written else "rehearsed", report=run.report.as_dict())

    def _ends(self, step: str, **values: Any) -> None:
        """Keep how the work ended, unless that is known already."""
        if self.upload.step not in ("rehearsing", "importing"):
            return
        with suppress(OSError):  # a full disk: then it is found out when somebody comes back
            self.upload = self.upload.changed(step=step, **values)
        if step == "imported":
            for kind in ("raw", "csv"):
                self.upload.path(kind).unlink(missing_ok=True)

    def _bar(self, report: Report) -> str:
        total, done = self.upload.table["rows"], report.done
        seconds = time.monotonic() - self.begun
        return render_template(
            "_import_bar.html",
            done=done,
            total=total,
            rate=int(done / seconds) if seconds else 0,
            left=int((total - done) * seconds / done) + 1 if done else None,
            refused=report.refused,
        )

    def _notice(self, text: str) -> str:
        return render_template("_import_notice.html", text=text)

    def _report(self) -> str:
        return render_template(
            "_import_report.html",
            resource=self.resource,
            upload=self.upload,
            fresh=True,
            **context(self.resource, self.upload),
        )
