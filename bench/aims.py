"""What contenders are meant to cost at most, and the least that a filter pays for what they do.

An aim is a sum of what others cost in the same run. Where it is not met, the same sum for filters that do nothing but
the calls that it takes says how near it can be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Sum = Mapping[str, float]
"""How many times what each of these contenders costs."""


@dataclass(frozen=True)
class Aim:
    """What a contender is to cost at most."""

    says: str
    bound: Sum
    # in µs, beside what the others cost
    more: float = 0.0
    floor: Sum = field(default_factory=dict)

    def verdict(self, name: str, medians: Mapping[str, float]) -> str:
        """In: whose aim it is, what everybody costs in µs. Out: whether it is met, or its floor; empty if not known."""
        bound, floor = _total(self.bound, medians), _total(self.floor, medians)
        if bound is None:
            return ""
        bound += self.more
        said = f"{self.says}, {bound:.2f}: "
        if medians[name] <= bound:
            return f"{said}met"
        if floor is None or not self.floor:
            return f"{said}not met"
        return f"{said}not met, floor {floor:.2f} ({_written(self.floor)})"


def _total(wanted: Sum, medians: Mapping[str, float]) -> float | None:
    if not all(name in medians for name in wanted):
        return None
    return sum(times * medians[name] for name, times in wanted.items())


def _written(wanted: Sum) -> str:
    """Out: names with their signs, such as "`a` + `b` − `c`"."""
    text = " ".join(f"{'−' if times < 0 else '+'} `{name}`" for name, times in wanted.items())
    return text.removeprefix("+ ")


WARM = Aim("1.5 × empty", {"empty-wasm": 1.5}, floor={"read-wasm": 1})
AIMS = {
    "gate-key": WARM,
    "gate-hs256-warm": WARM,
    "gate-rs256-warm": WARM,
    "gate-es256-warm": WARM,
    "gate-eddsa-warm": WARM,
    "gate-key-logged": Aim("2 × empty", {"empty-wasm": 2}, floor={"log-wasm": 1}),
    "gate-key-network": Aim(
        "`gate-key` + 1",
        {"gate-key": 1},
        more=1,
        floor={"gate-key": 1, "property-wasm": 1, "empty-wasm": -1},
    ),
    # What Envoy takes for an answer of its own is the difference between the two empty filters.
    "gate-denied": Aim(
        "`gate-key` + a local reply",
        {"gate-key": 1, "reply-wasm": 1, "empty-wasm": -1},
        floor={"refuse-wasm": 1},
    ),
    "gate-model-body-1k": Aim("2.5 × empty", {"empty-wasm": 2.5}, floor={"read-wasm-body-1k": 1}),
    **{
        f"gate-model-body-{size}": Aim(
            "2 × Envoy's buffer",
            {f"native-buffer-body-{size}": 2},
            floor={f"read-wasm-body-{size}": 1},
        )
        for size in ("16k", "256k")
    },
    "gate-eddsa-cold": Aim("3 × native ES256", {"native-jwt_authn-es256": 3}),
}


def aim(name: str, medians: Mapping[str, float]) -> str:
    """In: a contender, what everybody costs in µs. Out: its aim and what became of it; empty if it has none."""
    own = AIMS.get(name)
    return own.verdict(name, medians) if own else ""
