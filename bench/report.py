"""What was found: JSON for programs, a table and a chart for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .aims import aim
from .contenders import Contender

# Both the warm and the cold ones are held against the native filter as it is: without a cache.
PEERS = {
    f"gate-{algorithm}-{state}": f"native-jwt_authn-{algorithm}"
    for algorithm in ("hs256", "rs256", "es256")
    for state in ("warm", "cold")
} | {"gate-session": "native-oauth2"}
COLOURS = {"gate": "#3b82f6", "native": "#9ca3af", "empty": "#f59e0b"}
SHOWN = ("gate-key", "empty-wasm", "gate-denied")


@dataclass
class Result:
    """One contender's numbers: µs per request in excess of no filter, and how often an empty wasm filter's."""

    name: str
    median: float
    least: float
    most: float
    lower: float
    upper: float
    ratio: float
    rounds: list[float]

    @classmethod
    def of(cls, contender: Contender, empty: Contender) -> Result:
        """In: a contender and the empty filter, both measured. Out: the numbers."""
        own = contender.samples
        lower, middle, upper = quantiles(own, n=4)
        ratio = middle / median(empty.samples)
        return cls(contender.name, middle, min(own), max(own), lower, upper, ratio, contender.rounds)


def compared(one: Result, other: Result) -> str:
    """In: a contender under two builds. Out: how many times the time of `other` it takes, and what that means.

    In each round both had their turn, so what slowed the machine down for a while is in both. Where three
    quarters of at least eight rounds say the same, it is no noise.
    """
    ratios = [own / its for own, its in zip(one.rounds, other.rounds, strict=True) if its > 0]
    if len(ratios) < 8:
        return "not known"
    lower, middle, upper = quantiles(ratios, n=4)
    verdict = "slower" if lower > 1 else "faster" if upper < 1 else "within noise"
    return f"{middle:.2f}, {lower:.2f} to {upper:.2f}: {verdict}"


def table(results: list[Result]) -> str:
    """Out: all of it as Markdown."""
    by_name = {result.name: result for result in results}
    medians = {result.name: result.median for result in results}
    builds = any(name.startswith("beside-") for name in by_name)
    lines = [
        "| Contender | added µs | middle half | × empty wasm | × native, uncached | aim, in µs |"
        + " × other build |" * builds,
        "|---|---:|---:|---:|---:|---|" + "---:|" * builds,
    ]
    for one in results:
        peer = by_name.get(PEERS.get(one.name, ""))
        beside = f"{one.median / peer.median:.2f}" if peer else ""
        spread = f"{one.lower:.2f} to {one.upper:.2f}"
        line = f"| `{one.name}` | {one.median:.2f} | {spread} | {one.ratio:.2f} | {beside} | {aim(one.name, medians)} |"
        if builds:
            other = by_name.get(one.name.replace("gate-", "beside-", 1))
            line += f" {compared(one, other)} |" if other and other is not one else " |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def chart(results: list[Result]) -> str:
    """Out: bars, as SVG that can be read on light and on dark."""
    rows = [
        one
        for one in results
        if one.name in SHOWN
        or (one.name.endswith(("-warm", "-cold")) and not one.name.startswith("beside-"))
        or one.name.startswith("native-")
        and "body" not in one.name
    ]
    rows.sort(key=lambda one: one.median)
    height, left, width = 26, 250, 470
    scale = width / max(one.median for one in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 80} {len(rows) * height + 56}"',
        ' font-family="system-ui, sans-serif" font-size="13">',
        "<style>text{fill:#1f2937}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}}</style>",
        '<text x="0" y="18" font-size="15" font-weight="600">',
        "Processor time that a filter adds to a request in Envoy, µs (less is better)</text>",
    ]
    for place, one in enumerate(rows):
        top = 34 + place * height
        colour = COLOURS[one.name.split("-")[0]]
        parts.append(f'<text x="{left - 8}" y="{top + 15}" text-anchor="end">{one.name}</text>')
        length = max(one.median * scale, 1)
        parts.append(
            f'<rect x="{left}" y="{top + 3}" width="{length:.1f}" height="{height - 8}" rx="3" fill="{colour}"/>'
        )
        parts.append(f'<text x="{left + length + 6:.1f}" y="{top + 15}">{one.median:.1f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_all(
    folder: Path,
    results: list[Result],
    facts: dict[str, str],
    memory: dict[str, int] | None,
    left_out: dict[str, str],
) -> None:
    """Writes results.json, results.md, results.svg and machine.json into `folder`, and prints the table."""
    listed: list[dict[str, Any]] = [
        {
            "contender": one.name,
            "added_us": {"median": round(one.median, 3), "min": round(one.least, 3), "max": round(one.most, 3)},
            "ratio_to_empty_wasm": round(one.ratio, 3),
        }
        for one in results
    ]
    (folder / "results.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    about = {"machine": facts, "memory": memory, "not_measured": left_out}
    (folder / "machine.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(table(results), encoding="utf-8")
    (folder / "results.svg").write_text(chart(results), encoding="utf-8")
    print(f"\n{table(results)}")
    for name, why in left_out.items():
        print(f"not measured: {name}: {why}")
    if memory:
        print(f"memory of Envoy: {json.dumps(memory)}")
    print(f"written to {folder}/results.json, results.md, results.svg, machine.json")
