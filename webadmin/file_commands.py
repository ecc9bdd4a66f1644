"""The commands that export and import files: the same code as the pages."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import click
from flask import Flask
from werkzeug.datastructures import MultiDict

from webadmin import exports, listing, records
from webadmin.config import ConfigError
from webadmin.exports import Export
from webadmin.resource import Resource

SITE = "webadmin.site"  # where `cli` leaves what opens the site
STANDARD = Path("-")  # standard input or output


Opener = Callable[[dict[str, object]], AbstractContextManager[Flask]]


def _opened(context: click.Context) -> AbstractContextManager[Flask]:
    opener: Opener = context.meta[SITE]
    return opener(context.obj)


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
    with _opened(context):
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
