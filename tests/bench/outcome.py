"""What came of a load run, and its tables."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report import reach

MOST_P99 = 250.0  # milliseconds
MOST_TIMES = 2.0  # as long as without what is beside it


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        milliseconds: What each request took, by its kind.
        failures: What went wrong.
        written: How many edits and creates were acknowledged, and how many met a conflict.
    """

    milliseconds: dict[str, list[float]]
    failures: list[str]
    written: dict[str, int]

    @property
    def p99(self) -> float:
        """What 99 of 100 answers of all kinds took at most."""
        return percentile([each for kind in self.milliseconds.values() for each in kind], 99)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return what `percent` of 100 values are at most."""
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def kinds(outcome: Outcome) -> str:
    """Return the table of a run by kinds of requests."""
    lines = [
        "| request | answers | median | p95 | p99 | longest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    everything = [each for kind in outcome.milliseconds.values() for each in kind]
    for kind, values in (*sorted(outcome.milliseconds.items()), ("**all**", everything)):
        ranks = " | ".join(f"{percentile(values, rank):.1f}" for rank in (50, 95, 99))
        lines.append(f"| {kind} | {len(values):,} | {ranks} | {max(values):.1f} ms |")
    written = outcome.written
    return "\n".join(
        [
            *lines,
            "",
            f"p99 {outcome.p99:.1f} ms, {reach(outcome.p99, MOST_P99)}. No error. "
            f"{written.get('edit', 0):,} edits of shared users and {written.get('create', 0):,} "
            "creates were acknowledged; table and history hold each of them once. "
            f"{written.get('conflict', 0):,} edits met a conflict and were made again.",
        ]
    )


def slowed(found: Mapping[str, Outcome], number: int) -> str:
    """Return the table of runs beside something else."""
    plain = found["nothing"].p99
    lines = [
        f"| beside ({number} of each slow kind) | answers | p99 | ratio | reach |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, outcome in found.items():
        ratio = outcome.p99 / plain
        answers = sum(map(len, outcome.milliseconds.values()))
        said = "" if name == "nothing" else reach(ratio, MOST_TIMES)
        lines.append(f"| {name} | {answers:,} | {outcome.p99:.1f} ms | {ratio:.2f} | {said} |")
    return "\n".join(lines)
