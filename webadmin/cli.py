"""The `webadmin` command. What goes wrong becomes one line that says what to do."""

import re
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import click
from flask import Flask
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from webadmin import (
    __version__,
    counts,
    create_app,
    file_commands,
    history_commands,
    samples,
    schema,
    server,
)
from webadmin.config import ConfigError, shipped_folder
from webadmin.database import db, masked, sqlite_file
from webadmin.resource import ResourceError

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


class _OneLineErrors(click.Group):
    """A group whose commands end in one line on standard error, not in a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command.

        Raises:
            click.ClickException: Something that the person can mend; exit status 1.
        """
        try:
            return super().invoke(ctx)
        except (ConfigError, ResourceError) as error:
            raise click.ClickException(" ".join(str(error).split())) from None


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="webadmin")
@click.option(
    "--database",
    metavar="URI",
    help="The database to use, instead of the one in WEBADMIN_DATABASE_URI. A password is better "
    "kept in that variable: other accounts of this machine may read command lines.",
)
@click.pass_context
def main(context: click.Context, database: str | None) -> None:
    """An admin site for the records in a SQL database, in your browser.

    Example: webadmin run --open
    """
    context.obj = {"DATABASE_URI": database} if database else {}
    context.meta[file_commands.SITE] = _site
    # Modules of WEBADMIN_RESOURCES are found in the working directory too.
    sys.path.append(str(Path.cwd()))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve at.")
@click.option("--port", default=8000, show_default=True, help="The port to serve at.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="How many processes answer requests.",
)
@click.option("--open", "opens", is_flag=True, help="Open the site in a browser.")
@click.option("--reload", "reloads", is_flag=True, help="Start again when a source file changes.")
@click.option(
    "--init/--no-init",
    "inits",
    default=True,
    show_default=True,
    help="Bring the tables up to date first.",
)
@click.pass_obj
def run(
    overrides: dict[str, object],
    *,
    host: str,
    port: int,
    workers: int,
    opens: bool,
    reloads: bool,
    inits: bool,
) -> None:
    """Serve the site.

    Example: webadmin run --port 8080 --open
    """
    at = server.address(host, port)
    with _site(overrides) as app:
        if inits:
            _tell(schema.upgrade())
        place, watched = _place(_url(app)), _watched(app) if reloads else []

    def ready() -> None:
        click.echo(f"webadmin {__version__} is at {at.url}")
        click.echo(f"Database: {place}")
        click.echo("Stop it with Ctrl+C.")
        if opens:
            webbrowser.open(at.url)

    if not at.is_loopback:
        click.echo(
            f"Warning: anybody who can reach {host} port {port} can read and change every "
            "record: the site asks nobody to sign in.",
            err=True,
        )
    server.serve(create_app, overrides, at, workers=workers, watched=watched, ready=ready)


@main.command()
@click.pass_obj
def init(overrides: dict[str, object]) -> None:
    """Make the tables, or bring them up to date; no record is changed.

    Example: webadmin init
    """
    with _site(overrides) as app:
        click.echo(f"Database: {_place(_url(app))}")
        _tell(schema.upgrade() or ["Everything is up to date."])


@main.command()
@click.pass_obj
def check(overrides: dict[str, object]) -> None:
    """Tell the state of the database.

    Exit status 1 if something is to be done or the database cannot be reached.

    Example: webadmin check
    """
    with _site(overrides) as app:
        click.echo(f"webadmin: {__version__}")
        click.echo(f"Database: {_place(_url(app))}")
        report = schema.check()
        click.echo(f"Server:   {report.server}")
        click.echo(f"Schema:   {report.version or 'none'} (this webadmin needs {schema.HEAD})")
        for name, count in report.counts.items():
            click.echo(f"Records:  {name}: {_number(count)}")
        todo = [
            *(title.rstrip(".") for title in report.pending),
            *(f"table {name}" for name in report.missing),
        ]
    if not report.current:
        raise ConfigError(f"To be made: {', '.join(todo)}. Run `webadmin init` on this database.")
    click.echo("Everything is up to date.")


@main.command()
@click.argument("number", type=click.IntRange(1, 100_000_000))
@click.pass_obj
def sample(overrides: dict[str, object], number: int) -> None:
    """Add NUMBER made-up people to the users.

    They are the same ones every time.

    Example: webadmin sample 1000
    """
    with _site(overrides) as app:
        _tell(schema.upgrade())
        click.echo(f"Database: {_place(_url(app))}")
        begun = time.monotonic()
        added = _follow(samples.add(number), number)
        samples.analyze()
    click.echo(f"Added {added:,} people in {time.monotonic() - begun:.1f} s.")


def _follow(steps: Iterator[int], total: int) -> int:
    """Let the steps be done and return the last one's number, with a bar where there is a terminal.

    Raises:
        ConfigError: Ctrl+C; the message says how far it got.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    rate = TextColumn("{task.fields[rate]:,.0f}/s")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    console = Console(stderr=True)
    begun, done = time.monotonic(), 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, rate=0.0)
        try:
            for done in steps:
                seconds = time.monotonic() - begun
                progress.update(task, completed=done, rate=done / seconds)
        except KeyboardInterrupt:
            raise ConfigError(f"Stopped: {done:,} people were added before that.") from None
    return done


@contextmanager
def _site(overrides: dict[str, object]) -> Iterator[Flask]:
    """Work inside the site; a refusal of the database becomes a ConfigError."""
    app = create_app(overrides)
    if _url(app).get_backend_name() == "sqlite" and _url(app).database in (None, "", ":memory:"):
        raise ConfigError(
            "A database in memory is gone when the process ends, and each has its own: name a "
            "file, such as sqlite:///db.sqlite."
        )
    with app.app_context():
        try:
            _connect(_url(app))
            yield app
        except SQLAlchemyError as error:
            raise ConfigError(_explained(error, _url(app))) from None
        finally:
            db.session.remove()
            db.engine.dispose()


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


def _url(app: Flask) -> URL:
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


def _place(url: URL) -> str:
    """Return where the database is: the file, or the URI with its password masked."""
    file = sqlite_file(url)
    return f"SQLite, {file}" if file else masked(url)


def _number(count: counts.Count | None) -> str:
    if count is None:
        return "no table yet"
    word = {"exact": "", "about": "about ", "more": "more than "}[count.kind]
    return f"{word}{count.number:,}"


def _tell(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def _watched(app: Flask) -> list[Path]:
    """Return the folders of the site's sources, those of added resources too."""
    resources = app.extensions["webadmin"].values()
    modules = [sys.modules[resource.model.__module__] for resource in resources]
    files = [Path(module.__file__) for module in modules if module.__file__]
    folders = {file.absolute().parent for file in [Path(__file__), *files]}
    return sorted(folders | {shipped_folder("templates"), shipped_folder("static")})


for _module in (file_commands, history_commands):
    for _command in _module.COMMANDS:
        main.add_command(_command)
