"""The `webadmin` command. What goes wrong becomes one line that says what to do."""

import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click
from flask import Flask

from webadmin import (
    __version__,
    account_commands,
    accounts,
    counts,
    create_app,
    file_commands,
    history_commands,
    index_commands,
    invitations,
    samples,
    schema,
    server,
)
from webadmin.cli_site import bar, place, site, url_of
from webadmin.config import ConfigError, shipped_folder
from webadmin.database import sqlite_file
from webadmin.resource import ResourceError


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
    with site(overrides) as app:
        if inits:
            _tell(schema.upgrade())
        where, watched = place(url_of(app)), _watched(app) if reloads else []
        first = "" if _has_accounts(app) else f"{at.url}setup/{invitations.first()}"

    def ready() -> None:
        click.echo(f"webadmin {__version__} is at {at.url}")
        if first:
            click.echo(f"Make the first account here, within 30 minutes:\n  {first}")
        click.echo(f"Database: {where}")
        click.echo("Stop it with Ctrl+C.")
        if opens:
            webbrowser.open(first or at.url)

    if not at.is_loopback:
        click.echo(
            f"Warning: whoever is on the way to {host} port {port} can read passwords: put HTTPS "
            "in front of it, as the README shows.",
            err=True,
        )
    server.serve(create_app, overrides, at, workers=workers, watched=watched, ready=ready)


def _has_accounts(app: Flask) -> bool:
    """Return whether there is an account; a database without tables stays without, or unmade."""
    file = sqlite_file(url_of(app))
    made = file is None or file.exists()
    return made and schema.is_current() and accounts.exist()


@main.command()
@click.pass_obj
def init(overrides: dict[str, object]) -> None:
    """Make the tables, or bring them up to date; no record is changed.

    Example: webadmin init
    """
    with site(overrides) as app:
        click.echo(f"Database: {place(url_of(app))}")
        _tell(schema.upgrade() or ["Everything is up to date."])


@main.command()
@click.pass_obj
def check(overrides: dict[str, object]) -> None:
    """Tell the state of the database.

    Exit status 1 if something is to be done or the database cannot be reached.

    Example: webadmin check
    """
    with site(overrides) as app:
        click.echo(f"webadmin: {__version__}")
        click.echo(f"Database: {place(url_of(app))}")
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
    with site(overrides) as app:
        _tell(schema.upgrade())
        click.echo(f"Database: {place(url_of(app))}")
        begun = time.monotonic()
        added = _follow(samples.add(number), number)
        samples.analyze()
    click.echo(f"Added {added:,} people in {time.monotonic() - begun:.1f} s.")


def _follow(steps: Iterator[int], total: int) -> int:
    """Let the steps be done and return the last one's number, with a bar where there is a terminal.

    Raises:
        ConfigError: Ctrl+C; the message says how far it got.
    """
    done = 0
    with bar(total, "{task.fields[rate]:,.0f}/s") as show:
        try:
            for done in steps:
                show(done)
        except KeyboardInterrupt:
            raise ConfigError(f"Stopped: {done:,} people were added before that.") from None
    return done


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


for _command in (
    account_commands.accounts,
    *file_commands.COMMANDS,
    *history_commands.COMMANDS,
    *index_commands.COMMANDS,
):
    main.add_command(_command)
