"""The commands that export and import files: the same code as the pages."""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import click
from werkzeug.datastructures import MultiDict

from webadmin import exports, imports, listing, matching, records, rows, tables
from webadmin.cli_site import bar, site
from webadmin.config import ConfigError
from webadmin.exports import Export
from webadmin.import_report import Report
from webadmin.matching import Choices
from webadmin.resource import Resource

STANDARD = Path("-")  # standard input or output


def _resource(name: str) -> Resource:
    found = records.resources()
    if name not in found:
        raise ConfigError(f"There is no resource {name!r}. There are: {', '.join(found)}.")
    return found[name]


def _form_of(path: Path, form: str | None) -> str:
    """Return the format that was asked for, else the one that the file's name ends in."""
    found = form or path.suffix.removeprefix(".").lower() or "csv"
    if found not in exports.FORMATS:
        raise ConfigError(
            f"The format of {path} is unknown. Choose one with --format: "
            f"{', '.join(exports.FORMATS)}."
        )
    return found


@click.command("export")
@click.argument("resource")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    default=STANDARD,
    help="The file to write; - is standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(exports.FORMATS)),
    help="Without it the file's name tells; on standard output CSV.",
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A filter as in the address of the list, such as age__gte=18; more than one are joined.",
)
@click.option("--search", default="", help="Words to search for.")
@click.option("--sort", default="", metavar="NAMES", help="Such as name,-age.")
@click.option("--columns", default="", metavar="NAMES", help="Such as id,name; without it all.")
@click.pass_context
def export_command(
    context: click.Context,
    *,
    resource: str,
    output: Path,
    form: str | None,
    filters: tuple[str, ...],
    search: str,
    sort: str,
    columns: str,
) -> None:
    """Write the records of RESOURCE to a file.

    Example: webadmin export users -o users.csv --filter age__gte=18
    """
    form = _form_of(output, form)
    pairs = [each.partition("=")[::2] for each in filters]
    if any(not name or not value for name, value in pairs):
        raise ConfigError("Write a filter as NAME=VALUE, such as age__gte=18.")
    arguments = MultiDict([*pairs, ("q", search), ("sort", sort)])
    with site(context.obj):
        try:
            state = listing.parse(_resource(resource), arguments)
            names = exports.chosen(state.resource, [name for name in columns.split(",") if name])
            found = exports.start(state, names, form)
            # Programs that read standard output want no byte order mark, which Excel needs.
            bare = output == STANDARD and form == "csv"
            chunks = exports.as_csv(found, "") if bare else exports.FORMATS[form].write(found)
            with _written(output) as file:
                _write(file, chunks, found)
        except listing.ListError as error:
            raise ConfigError(f"“{error.parameter.lstrip('_')}” is wrong. {error}") from None
        except exports.ExportError as error:
            raise ConfigError(str(error)) from None


def _write(file: IO[bytes], chunks: Iterable[bytes], found: Export) -> None:
    begun = time.monotonic()
    try:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
    finally:
        found.close()
    click.echo(f"Wrote {found.done:,} records in {time.monotonic() - begun:.1f} s.", err=True)


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes its name only when it is whole; or standard output."""
    if path == STANDARD:
        yield sys.stdout.buffer
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"The file {path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


@click.command("import")
@click.argument("resource")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True)
)
@click.option("--dry-run", is_flag=True, help="Rehearse it: nothing is kept.")
@click.option(
    "--mode",
    type=click.Choice(list(matching.MODES)),
    default="both",
    show_default=True,
    help="Create records, update those whose key is in the file, or both.",
)
@click.option("--partly", is_flag=True, help="Import the good lines though others are refused.")
@click.option("--encoding", default="", help="Of a CSV file; without it, it is found out.")
@click.option(
    "--refused",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the refused lines with the reasons.",
)
@click.pass_context
def import_command(
    context: click.Context,
    *,
    resource: str,
    file: Path,
    dry_run: bool,
    mode: str,
    partly: bool,
    encoding: str,
    refused: Path | None,
) -> None:
    """Import the records in FILE, CSV or XLSX, into RESOURCE: all of them, or none.

    Exit status 1 if nothing was imported, 3 if only a part was (--partly).

    Example: webadmin import users people.csv --dry-run
    """
    with site(context.obj), TemporaryDirectory() as folder:
        raw, plain = Path(folder) / "raw", Path(folder) / "plain.csv"
        with click.open_file(str(file), "rb") as source, raw.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        found = _resource(resource)
        try:
            table = tables.prepare(raw, plain, encoding)
        except tables.TableError as error:
            raise ConfigError(str(error)) from None
        columns = matching.match(found, table.heading)
        choices = Choices(
            columns=columns, mode=mode, dates=table.dates, comma=table.comma, partly=partly
        )
        problem = matching.check(found, choices)
        if problem:
            known = ", ".join(rows.importable(found))
            raise ConfigError(f"{problem} The columns of {resource} are: {known}.")
        _tell_left_out(table.heading, columns)
        bad = refused or Path(folder) / "refused.csv"
        run = imports.Import(found, plain, choices, bad)
        name = "standard input" if file == STANDARD else file.name
        report = _follow(run.steps(name, keep=not dry_run), table.rows)
        if refused and not report.refused:
            refused.unlink()
    _conclude(context, report, dry_run)


def _tell_left_out(heading: list[str], columns: list[str]) -> None:
    left = [name for name, column in zip(heading, columns, strict=True) if not column]
    if left:
        click.echo(f"Left out, since no field is called so: {', '.join(left)}.", err=True)


def _follow(steps: Iterator[Report], total: int) -> Report:
    """Let an import be done, with a bar where there is a terminal; return what came of it.

    Raises:
        ConfigError: Ctrl+C; nothing was imported.
    """
    report = Report()
    told = "{task.fields[rate]:,.0f}/s, {task.fields[refused]:,} refused"
    with bar(total, told, refused=0) as show:
        try:
            for report in steps:
                show(report.done, refused=report.refused)
        except KeyboardInterrupt:
            raise ConfigError("Stopped: nothing was imported.") from None
    return report


def _conclude(context: click.Context, report: Report, dry_run: bool) -> None:
    for line, column, value, reason in report.refusals:
        place = f", {column} {value!r}" if column else ""
        click.echo(f"Line {line}{place}: {reason}", err=True)
    if len(report.refusals) < report.refused:
        click.echo(f"... and {report.refused - len(report.refusals):,} more.", err=True)
    click.echo(
        f"{report.new:,} new, {report.changed:,} changed, {report.unchanged:,} unchanged, "
        f"{report.refused:,} refused."
    )
    if dry_run:
        click.echo("This was a rehearsal: nothing was imported.")
    elif not report.written:
        raise ConfigError("Nothing was imported. Mend the refused lines, or use --partly.")
    if report.refused:
        context.exit(1 if dry_run else 3)


COMMANDS: tuple[click.Command, ...] = (export_command, import_command)
