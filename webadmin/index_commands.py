"""`webadmin indexes`: what the sorts and filters of lists are served by, and making what lacks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click
from sqlalchemy import cast, func, select, text
from sqlalchemy.types import LargeBinary

from webadmin import counts, index_making, indexes, records, search_indexes, search_making
from webadmin.cli_site import site
from webadmin.columns import Column
from webadmin.config import ConfigError
from webadmin.counts import Count
from webadmin.database import db, dialect, read, writing
from webadmin.index_making import Report
from webadmin.indexes import Need
from webadmin.resource import Resource
from webadmin.search_indexes import Index as SearchIndex
from webadmin.search_making import NoIndexError

SAMPLE = 1000  # records whose texts tell how long texts are
# Bytes of a value; texts are measured.
WIDTHS = {"boolean": 1, "integer": 4, "date": 4, "uuid": 16, "choice": 8, "time": 6}
OTHERS = 8
# What an entry takes beside its values, and how much larger empty room makes an index: so that the
# indexes of 100,000 users come out as large as they are, or half as large again.
OVERHEAD = {"sqlite": (6, 1.1), "postgresql": (14, 1.15)}
MARIADB = (14, 1.45)
# How many times as large as its texts a search index is.
SEARCH = {"sqlite": 4, "postgresql": 2}
SEARCH_MARIADB = 3


def size(need: Need, count: Count) -> int:
    """Return about how many bytes the index of a need would take.

    Raises:
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    extra, spare = OVERHEAD.get(dialect(), MARIADB)
    by_source = {column.source.name: column for column in need.resource.columns.values()}
    width = sum(_width(need.resource, by_source[name]) for name in need.columns)
    return round(count.number * (width + extra) * spare)


def _width(resource: Resource, column: Column) -> float:
    if not column.is_text:
        return WIDTHS.get(column.kind.name, OTHERS)
    attribute = column.attribute
    some = select(attribute.label("t")).select_from(resource.model).limit(SAMPLE).subquery()
    long = func.octet_length if dialect() == "postgresql" else func.length
    value = some.c.t if dialect() != "sqlite" else cast(some.c.t, LargeBinary)
    return float(read(select(func.avg(long(value)))).scalar_one() or 0)


def lines(resource: Resource) -> list[str]:
    """Return a line for each sort and filter of a resource's list.

    Raises:
        sqlalchemy.exc.DBAPIError: The database cannot be read.
    """
    count = counts.of_table(resource)
    found = [(need.purpose, _answer(need, count)) for need in indexes.needs(resource)]
    index = search_indexes.wanted(resource)
    if index is not None:
        found.append((f"search in {', '.join(index.columns)}", _search(resource, index, count)))
    elif resource.search_fields:
        why = "none, and none is made for a model that inherits"
        found.append((f"search in {', '.join(resource.search_fields)}", why))
    width = max((len(purpose) for purpose, _ in found), default=0)
    return [f"  {purpose:{width}}  {answer}" for purpose, answer in found]


def _search(resource: Resource, index: SearchIndex, count: Count) -> str:
    if search_indexes.present(resource):
        return index.name
    width = sum(_width(resource, resource.columns[name]) for name in resource.search_fields or ())
    taken = _bytes(count.number * width * SEARCH.get(dialect(), SEARCH_MARIADB))
    return f"none; {index.name} would take about {taken}"


def _answer(need: Need, count: Count) -> str:
    if need.served_by:
        return need.served_by
    if need.reason:
        return f"none, and a plain index would not serve it: {need.reason}"
    columns, taken = ", ".join(need.columns), _bytes(size(need, count))
    return f"none; {need.index_name} ({columns}) would take about {taken}"


def _bytes(number: float) -> str:
    units = ["bytes", "kB", "MB"]
    while number >= 1000 and units[1:]:
        number, units = number / 1000, units[1:]
    return f"{number:,.0f} {units[0]}"


def missing(needs: Iterable[Need]) -> list[Need]:
    """Return a need for each index to make."""
    return list({need.index_name: need for need in needs if need.missing}.values())


@contextmanager
def _progress(name: str) -> Iterator[Report]:
    """Show how far an index is where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    shown = TextColumn("{task.description}")
    columns = (shown, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        yield lambda share: progress.update(task, total=1.0, completed=share)


def _make(need: Need) -> None:
    try:
        with _progress(need.index_name) as report:
            index_making.make(need, report)
    except KeyboardInterrupt:
        raise ConfigError(f"Stopped: the index {need.index_name} was not made.") from None
    click.echo(f"Made the index {need.index_name} on {need.resource.table.fullname}.")
    index_making.analyze(need.resource.table)


def _make_search(resource: Resource) -> None:
    """Make the search index of a resource, if it lacks one; say why where that cannot be."""
    index = search_indexes.wanted(resource)
    if index is None or search_indexes.present(resource):
        return
    db.session.rollback()
    try:
        with _progress(index.name) as report:
            if dialect() == "postgresql":
                _search_concurrently(resource, index, report)
            else:
                with writing(), db.engine.begin() as connection:
                    for done, total in search_making.create(connection, index):
                        report(done / max(1, total))
    except NoIndexError as error:
        click.echo(f"No index for searches in {resource.table.fullname}: {error}")
        return
    except KeyboardInterrupt:
        raise ConfigError(f"Stopped: the index {index.name} was not made.") from None
    click.echo(f"Made the index {index.name} on {resource.table.fullname}.")
    index_making.analyze(resource.table)


def _search_concurrently(resource: Resource, index: SearchIndex, report: Report) -> None:
    with db.engine.begin() as connection:
        search_making.prepare_postgresql(connection)
        statements = search_making.postgresql_statements(connection, index, concurrently=True)
    for column, statement in statements.items():
        name = index.name_of(column)
        index_making.concurrently(resource.table, name, text(statement), report)
    search_indexes.forget()


def _chosen(names: tuple[str, ...]) -> list[Resource]:
    known = records.resources()
    for name in names:
        if name not in known:
            raise ConfigError(f"There is no resource {name!r}. Known are: {', '.join(known)}.")
    return [known[name] for name in names or known]


@click.command("indexes")
@click.argument("names", metavar="[RESOURCE]...", nargs=-1)
@click.option("--create", is_flag=True, help="Make the indexes that are missing.")
@click.pass_obj
def indexes_command(overrides: dict[str, object], names: tuple[str, ...], *, create: bool) -> None:
    """Show which index serves each sort and filter of the lists, and what one would take.

    --create makes the missing ones, while others go on writing: except on SQLite, where writers
    wait until each is done. Ctrl+C leaves no half of one behind.

    Example: webadmin indexes users --create
    """
    with site(overrides):
        for resource in _chosen(names):
            if create:
                todo = missing(indexes.needs(resource))
                if todo and dialect() == "sqlite":
                    click.echo("Nobody else can write to SQLite while an index is made.", err=True)
                for need in todo:
                    _make(need)
                _make_search(resource)
            click.echo(f"{resource.name}:")
            for line in lines(resource):
                click.echo(line)


COMMANDS: tuple[click.Command, ...] = (indexes_command,)
