"""What a run found, as Markdown and charts; kept in the README of this folder and beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from charts import bars
from export import MOST_MEMORY, Measured
from measure import Case
from operations import DETAIL, LIST, Operation
from peers import FLASK_ADMIN
from sites import HAND, HERE, OURS

README = HERE / "README.md"
SAME = 1.2  # up to this ratio two pages count as equally quick
MOST_EXPORT = 3.0
LEAST_RATE = {"list": 10.0, "create": 1.0}  # times the rate of Flask-Admin


@dataclass(frozen=True)
class Rates:
    """How often a second each contestant did something.

    Attributes:
        what: "list" or "create".
        rows: Records in the table.
        clients: How many did it at the same time.
        of: Times a second by contestant.
    """

    what: str
    rows: int
    clients: int
    of: dict[str, float]


@dataclass(frozen=True)
class Found:
    """What a run found.

    Attributes:
        software: What it was made with.
        operations: Those of each number of rows.
        cases: Measured pages of ours and by hand.
        beside: Measured pages of the peers, and ours in the same rounds.
        rates: Lists and creates a second.
        exports: A download by contestant: by hand, and ours.
    """

    software: str
    operations: dict[int, list[Operation]]
    cases: list[Case]
    beside: list[Case]
    rates: list[Rates]
    exports: dict[str, Measured]

    @property
    def rows(self) -> int:
        """The size of the longest table."""
        return max(self.operations)


def reach(ratio: float, bound: float, least: bool = False) -> str:
    """Return whether a ratio is within its bound, in words."""
    met = ratio >= bound if least else ratio <= bound
    return f"at {'least' if least else 'most'} {bound:g}: {'met' if met else '**missed**'}"


def markdown(found: Found) -> str:
    """Return all tables."""
    tables = [_pages(found), _sizes(found), _rates(found), _exports(found)]
    if found.beside:
        tables.append(_beside(found))
    return "\n\n".join([f"{found.software}.", *("\n".join(table) for table in tables if table)])


def _pages(found: Found) -> list[str]:
    lines = [
        "| operation | records | webadmin: median, p95 | yardstick | its median | ratio | reach |",
        "| --- | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    measured = {(each.contestant, each.rows, each.operation): each for each in found.cases}
    for rows, operations in found.operations.items():
        for each in operations:
            mine = measured[OURS, rows, each.name]
            by_hand = each.yardstick == HAND
            other = measured[(HAND, rows, each.name) if by_hand else (OURS, rows, LIST)]
            name = f"{each.name} by hand" if by_hand else LIST
            ratio = mine.median / other.median
            lines.append(
                f"| {each.name} | {rows:,} | {mine.median:.2f}, {mine.p95:.2f} ms | {name} "
                f"| {other.median:.2f} ms | {ratio:.2f} | {reach(ratio, each.most)} |"
            )
    return lines


def _sizes(found: Found) -> list[str]:
    """Return the table of the same page in long and short tables, slowest by quickest."""
    if len(found.operations) < 2:
        return []
    lines = ["| webadmin at all sizes | medians | ratio | reach |", "| --- | ---: | ---: | --- |"]
    for name in (LIST, DETAIL):
        mine = [each for each in found.cases if (each.contestant, each.operation) == (OURS, name)]
        medians = [each.median for each in mine]
        ratio = max(medians) / min(medians)
        texts = ", ".join(f"{median:.2f}" for median in medians)
        lines.append(f"| {name} | {texts} ms | {ratio:.2f} | {reach(ratio, SAME)} |")
    return lines


def _rates(found: Found) -> list[str]:
    names = list(dict.fromkeys(name for each in found.rates for name in each.of))
    lines = [
        f"| a second | records | clients | {' | '.join(names)} | reach |",
        f"| --- | ---: | ---: | {'---: | ' * len(names)}--- |",
    ]
    alone = {(each.what, each.rows): each.of[OURS] for each in found.rates if each.clients == 1}
    for each in found.rates:
        cells = (f"{each.of[name]:,.0f}" if name in each.of else "" for name in names)
        words = []
        if FLASK_ADMIN in each.of:
            ratio = each.of[OURS] / each.of[FLASK_ADMIN]
            bound = reach(ratio, LEAST_RATE[each.what], least=True)
            words.append(f"{ratio:.2f} of {FLASK_ADMIN}, {bound}")
        if each.clients > 1 and (each.what, each.rows) in alone:
            ratio = each.of[OURS] / alone[each.what, each.rows]
            words.append(f"{ratio:.2f} of one client, {reach(ratio, 1, least=True)}")
        lines.append(
            f"| {each.what} | {each.rows:,} | {each.clients} | {' | '.join(cells)} "
            f"| {'; '.join(words)} |"
        )
    return lines


def _exports(found: Found) -> list[str]:
    mine, hand = found.exports[OURS], found.exports[HAND]
    ratio = mine.seconds / hand.seconds
    return [
        "| export as CSV | first byte | seconds | ratio | MB more | reach |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        f"| {found.rows:,} by hand | {hand.first:.0f} ms | {hand.seconds:.2f} | | "
        f"{hand.memory:.0f} | |",
        f"| {found.rows:,} by {OURS} | {mine.first:.0f} ms | {mine.seconds:.2f} | {ratio:.2f} "
        f"| {mine.memory:.0f} | {reach(ratio, MOST_EXPORT)}; MB "
        f"{reach(mine.memory, MOST_MEMORY)} |",
    ]


def _beside(found: Found) -> list[str]:
    names = list(dict.fromkeys(each.contestant for each in found.beside))
    lines = [
        f"| medians in ms | records | {' | '.join(names)} |",
        f"| --- | ---: | {'---: | ' * len(names)}".strip(),
    ]
    places = dict.fromkeys((each.rows, each.operation) for each in found.beside)
    measured = {(e.rows, e.operation, e.contestant): e.median for e in found.beside}
    for rows, operation in places:
        cells = (f"{measured[rows, operation, name]:.2f}" for name in names)
        lines.append(f"| {operation} | {rows:,} | {' | '.join(cells)} |")
    return lines


def charts(found: Found, dbms: str) -> dict[str, str]:
    """Return charts of the longest table by the names of their files."""
    rows = [case for case in found.cases if case.rows == found.rows]
    others = [case for case in found.beside if case.rows == found.rows and case.contestant != OURS]
    pages: dict[str, dict[str, float]] = {}
    for case in [*rows, *others]:
        pages.setdefault(case.operation, {})[case.contestant] = case.median
    title = f"{dbms}, {found.rows:,} users: milliseconds of a page (median, logarithmic)"
    rates = {
        f"{each.what}, {each.clients} client{'s' if each.clients > 1 else ''}": each.of
        for each in found.rates
        if each.rows == found.rows
    }
    name = dbms.lower()
    return {
        f"pages-{name}.svg": bars(title, "ms", pages),
        f"rates-{name}.svg": bars(
            f"{dbms}, {found.rows:,} users: times a second (logarithmic)", "/s", rates
        ),
    }


def keep(name: str, text: str) -> None:
    """Put a result into the README, in the place that is marked with its name.

    Raises:
        LookupError: The README has no such place.
    """
    begin, end = f"<!-- result: {name} -->", "<!-- end of result -->"
    page = README.read_text(encoding="utf-8")
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not place.search(page):
        raise LookupError(f"{README.name} has no {begin}")
    README.write_text(
        place.sub(lambda _: f"{begin}\n{text}\n\n{end}", page, count=1), encoding="utf-8"
    )


def pictures(names: Sequence[str]) -> str:
    """Return what shows charts in Markdown."""
    return "\n\n".join(f"![{name.partition('.')[0].replace('-', ' ')}]({name})" for name in names)
