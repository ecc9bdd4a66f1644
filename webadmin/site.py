"""The pages that belong to no resource: home, and whether the site is up."""

from flask import Flask, render_template

from webadmin import auth, filters, list_counts, records, schema, timeline
from webadmin.auth import Who
from webadmin.permissions import Action

RECENT = 8  # changes on the home page


def home() -> str:
    """Show each resource with its count, and what was changed last."""
    found = []
    for resource in records.resources().values():
        if filters.may(Action.VIEW, resource):
            found.append((resource, list_counts.of_resource(resource)))
    recent = timeline.everything(size=RECENT).entries
    return render_template("home.html", found=found, recent=recent, undoable=bool(recent))


def healthz() -> tuple[str, dict[str, str]]:
    """Answer that the process is alive, without asking the database."""
    return "ok\n", {"Content-Type": "text/plain"}


def readyz() -> tuple[str, int, dict[str, str]]:
    """Answer whether the database can be reached and has its tables."""
    ready = schema.is_current()
    text = "ready\n" if ready else "run: webadmin init\n"
    return text, 200 if ready else 503, {"Content-Type": "text/plain"}


def init_app(app: Flask) -> None:
    """Register the pages."""
    for path, view, need in (
        ("/", home, Who.SIGNED_IN),
        ("/healthz", healthz, Who.ALWAYS),
        ("/readyz", readyz, Who.ALWAYS),
    ):
        app.add_url_rule(path, view.__name__, view)
        auth.require(app, view.__name__, need)
