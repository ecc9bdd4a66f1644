"""The site as commands work inside it: what its database refuses becomes one line for a person."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from webadmin import create_app
from webadmin.config import ConfigError
from webadmin.database import db, masked, sqlite_file

REASONS = {  # what SQLite says, and what that means for a person
    "unable to open database file": "cannot be opened: {folder}. Name another file in "
    "WEBADMIN_DATABASE_URI.",
    "file is not a database": "is not a SQLite database. Name another file in "
    "WEBADMIN_DATABASE_URI.",
    "database is locked": "is being written to by another program. Wait until that is done, "
    "or stop it, and try again.",
    "attempt to write a readonly database": "may not be written to. Give this account the right "
    "to write it and its folder.",
}


@contextmanager
def site(overrides: dict[str, object]) -> Iterator[Flask]:
    """Work inside the site; a refusal of the database becomes a ConfigError."""
    app = create_app(overrides)
    url = url_of(app)
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(
            "A database in memory is gone when the process ends, and each has its own: name a "
            "file, such as sqlite:///db.sqlite."
        )
    with app.app_context():
        try:
            _connect(url)
            yield app
        except SQLAlchemyError as error:
            raise ConfigError(_explained(error, url)) from None
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def bar(total: int, told: str, **fields: Any) -> Iterator[Callable[..., None]]:
    """Show on a terminal how far something is; yield what takes the number that is done.

    Args:
        total: The number at the end.
        told: What stands beside it, in Rich's way: "{task.fields[rate]:,.0f}/s".
        fields: What else is told, at first; later it is given with the number.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(told), TimeRemainingColumn())
    console, begun = Console(stderr=True), time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, rate=0.0, **fields)

        def show(done: int, **fields: Any) -> None:
            rate = done / (time.monotonic() - begun)
            progress.update(task, completed=done, rate=rate, **fields)

        yield show


def _connect(url: URL) -> None:
    """Try the connection to a server: its driver takes the options of the URI as arguments.

    Raises:
        ConfigError: It does not know one of them.
    """
    if url.get_backend_name() == "sqlite":
        return  # to connect would make the file
    try:
        with db.engine.connect():
            pass
    except TypeError as error:
        raise ConfigError(
            f"The database URI has an option that its driver does not know: {error}. "
            "Leave out what stands after the ? or correct it."
        ) from None


def url_of(app: Flask) -> URL:
    """Return the URL of the site's database."""
    url: URL = app.config["SQLALCHEMY_DATABASE_URI"]
    return url


def _explained(error: SQLAlchemyError, url: URL) -> str:
    """Return what a database error means and what to do, without any password."""
    said = _said(error, url)
    file = sqlite_file(url)
    if file is None and isinstance(error, OperationalError):
        return (
            f"The database {masked(url)} cannot be used: {said}. Make sure that it runs, exists "
            "and lets that account in, or correct WEBADMIN_DATABASE_URI."
        )
    if file is None:
        return f"The database {masked(url)} refuses: {said}."
    for text, reason in REASONS.items():
        if text in said:
            return f"The file {file} {reason.format(folder=_fault(file))}"
    return f"The SQLite file {file} cannot be used: {said}."


def _said(error: SQLAlchemyError, url: URL) -> str:
    """Return the first line of the driver's own words, passwords masked."""
    cause = getattr(error, "orig", None) or error
    # PyMySQL's errors carry a number, then a text.
    lines = str(cause.args[-1] if cause.args else cause).strip().splitlines()
    words = lines[0].rstrip(".") if lines else type(cause).__name__
    password = str(url.password or "")
    for secret in {password, quote(password), quote(password, "")} - {""}:
        words = re.sub(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", "***", words)
    return words


def _fault(file: Path) -> str:
    if file.is_dir():
        return "it is a folder"
    if not file.parent.is_dir():
        return f"the folder {file.parent} does not exist"
    return f"the folder {file.parent} or the file may not be read and written by this account"


def place(url: URL) -> str:
    """Return where the database is: the file, or the URI with its password masked."""
    file = sqlite_file(url)
    return f"SQLite, {file}" if file else masked(url)
