"""Compare webadmin with hand-written pages, with itself at other sizes, and with its peers.

    python tests/bench/run.py [--rows 1000 1000000] [--database URI] [--peers] [--requests 300]

Prints Markdown, and puts it with charts into this folder, unless it is told only to print. Exit
status 1 if an answer is wrong; a reach that is missed is said, no more.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from client import WrongAnswerError
from creating import creates
from expected import SIZE, name_rare_ones
from export import BY_HAND, EXPORT, compare
from measure import Case, rates, run
from operations import LIST_OF, operations
from peers import PEERS, serving
from report import Found, Rates, charts, keep, markdown, pictures
from sites import (
    HAND,
    HERE,
    OURS,
    BenchError,
    Site,
    add_account,
    begin,
    database,
    dbms,
    environment,
    hand_written,
    ours,
    versions,
)
from sqlalchemy.exc import SQLAlchemyError

from webadmin.config import ConfigError

CLIENTS = 8  # that ask at the same time
LONGEST_BESIDE = 2.0  # seconds of answers after which a page sits out, beside peers

# By the number of rows, and by name, who serves that table.
Contest = dict[int, dict[str, Site]]


def main() -> int:
    """Run the comparison and return the exit status."""
    options = arguments()
    begin()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = {}
            for rows in options.rows:
                tell(f"making {rows:,} users")
                urls[rows] = stack.enter_context(database(options.database, rows, folder))
                name_rare_ones(urls[rows], rows)
            found = measured(stack, urls, folder, options)
    except (WrongAnswerError, BenchError, ConfigError, SQLAlchemyError, OSError) as error:
        said = str(error) if isinstance(error, BenchError) else str(error).splitlines()[0]
        print(f"The benchmark has failed: {said}", file=sys.stderr)
        return 1
    text = markdown(found)
    print(text)
    if not options.only_print:
        name = dbms(next(iter(urls.values())))
        drawn = charts(found, name)
        for file, chart in drawn.items():
            (HERE / file).write_text(chart, encoding="utf-8")
        command = f"Made by `python tests/bench/run.py {' '.join(told(sys.argv[1:]))}`".strip()
        keep(f"run on {name}", f"{command}:\n\n{text}\n\n{pictures(list(drawn))}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rows", type=_rows, nargs="+", default=[1000, 1_000_000], help="records in the tables"
    )
    parser.add_argument(
        "--database",
        metavar="URI",
        help="a database of a server on which databases may be made and dropped; else SQLite",
    )
    parser.add_argument(
        "--peers", action="store_true", help="also compare Flask-Admin, SQLAdmin and Django admin"
    )
    parser.add_argument("--requests", type=_requests, default=300, help="of each page")
    parser.add_argument("--only-print", action="store_true", help="leave README and charts alone")
    return parser.parse_args()


def _rows(given: str) -> int:
    rows = int(given)
    if rows < 4 * SIZE or rows % SIZE:
        raise argparse.ArgumentTypeError(f"a multiple of {SIZE}, at least {4 * SIZE}")
    return rows


def _requests(given: str) -> int:
    if int(given) < 5:
        raise argparse.ArgumentTypeError("at least 5")
    return int(given)


def told(given: list[str]) -> list[str]:
    """Return a command line without the place of a database."""
    return ["URI" if "://" in word else word for word in given]


def tell(what: str) -> None:
    """Say what is being done, to whoever waits."""
    print(f"... {what}", file=sys.stderr, flush=True)


def measured(
    stack: ExitStack, urls: dict[int, str], folder: Path, options: argparse.Namespace
) -> Found:
    """Start the contestants, measure everything, and return what was found."""
    sites = started(stack, urls, folder, options.peers)
    offered = {rows: operations(uri, rows) for rows, uri in urls.items()}
    found = Found(versions(next(iter(urls.values()))), offered, [], [], [], {})
    found.cases.extend(cases(sites, found, (OURS, HAND)))
    tell("pages, ours and by hand")
    run(found.cases, options.requests)
    if options.peers:
        names = [OURS, *(peer.name for peer in PEERS)]
        found.beside.extend(cases(sites, found, names, every=True))
        tell("pages, ours and the peers'")
        run(found.beside, options.requests, LONGEST_BESIDE)
    for rows, contestants in sites.items():
        tell(f"lists of {rows:,} a second")
        found.rates.append(Rates("list", rows, CLIENTS, lists(contestants)))
    most = max(urls)
    tell("creates a second")
    for clients, of in creates(sites[most], urls[most], (1, CLIENTS)).items():
        found.rates.append(Rates("create", most, clients, of))
    tell("exports")
    mine, hand = sites[most][OURS].client(), sites[most][HAND].client()
    files = compare({BY_HAND: (hand, EXPORT), OURS: (mine, EXPORT)}, rounds=2)
    found.exports.update({OURS: files[OURS], HAND: files[BY_HAND]})
    return found


def started(stack: ExitStack, urls: dict[int, str], folder: Path, peers: bool) -> Contest:
    """Start the contestants on each database."""
    sites: Contest = {}
    for rows, uri in urls.items():
        add_account(environment(uri, folder))
        sites[rows] = {
            OURS: stack.enter_context(ours(uri, folder)),
            HAND: stack.enter_context(hand_written(uri)),
        }
        for peer in PEERS if peers else ():
            sites[rows][peer.name] = stack.enter_context(serving(peer, uri))
    return sites


def cases(sites: Contest, found: Found, names: list[str] | tuple[str, ...], every: bool = False):
    """Return the pages of some contestants.

    Args:
        sites: Who serves.
        found: The operations.
        names: The contestants.
        every: Only operations that all of them have.
    """
    result = []
    for rows, offered in found.operations.items():
        clients = {name: sites[rows][name].client() for name in names}
        for each in offered:
            if every and not set(names) <= set(each.paths):
                continue
            for name, client in clients.items():
                if name in each.paths:
                    check = each.check_of(name)
                    result.append(Case(name, rows, each.name, client, each.paths[name], check))
    return result


def lists(contestants: dict[str, Site]) -> dict[str, float]:
    """Return how many lists a second each contestant gives to several clients."""
    contests = {}
    for name, site in contestants.items():

        def ask(client, path=LIST_OF[name]):
            # The pages were checked before; to parse them here would slow the clients down.
            if client.get(path).body.count(b"<tr") < SIZE:
                raise WrongAnswerError(f"{path} is no list of {SIZE}")

        contests[name] = ([site.client() for _ in range(CLIENTS)], ask)
    return rates(contests)


if __name__ == "__main__":
    sys.exit(main())
