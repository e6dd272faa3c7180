"""Packing plans: every item in exactly one crate, within its weight and count, food never beside chemicals.

At level 3 the plan must also be the cheapest: a rule of its own, whose number CP-SAT certifies. The items are drawn into
crates first, so a plan exists; then the crates get room for what lies in them, and other crates stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from pydantic import Field

from assay.core.records import dumps
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks
from assay.tasks.generators.scenarios import AMOUNT, Told, amount, form_of, need_solver, plain, scenario_tasks, shown
from assay.tasks.source import Generator, Split
from assay.verify.structured.optimum import solve

ITEMS = {1: 4, 2: 7, 3: 9}
USED = {1: 2, 2: 3, 3: 3}  # crates that the hidden plan fills
SPARE = {1: 1, 2: 1, 3: 3}  # crates beside them
KINDS = ("food", "chemical", "other", "other")

RULES = (
    ("crates", 'all(exists(tables.crates, "crate", each.crate) for each in answer.crates)'),
    ("crate once", "unique(answer.crates[*].crate)"),
    ("every item once", "same_items(answer.crates[*].items[*], tables.items[*].item)"),
    (
        "weight said",
        'all(each.weight == sum(lookup(tables.items, "item", item).weight for item in each.items) '
        "for each in answer.crates)",
    ),
    (
        "weight",
        'all(each.weight <= lookup(tables.crates, "crate", each.crate).max_weight for each in answer.crates)',
    ),
    (
        "count",
        'all(length(each.items) <= lookup(tables.crates, "crate", each.crate).max_items for each in answer.crates)',
    ),
    (
        "apart",
        "all(not (any(kind == 'food' for kind in kinds) and any(kind == 'chemical' for kind in kinds)) "
        'for each in answer.crates for kinds in [[lookup(tables.items, "item", item).kind for item in each.items]])',
    ),
    ("crates used", "answer.crates_used == length(answer.crates)"),
    (
        "cost",
        'money(answer.cost) == sum(money(lookup(tables.crates, "crate", each.crate).cost) for each in answer.crates)',
    ),
)


class PackingOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 and 2: any plan, with more items; 3: the cheapest plan")


@dataclass(frozen=True, slots=True)
class Item:
    """Weight in tenths of a kilogram."""

    name: str
    weight: int
    kind: str


@dataclass(frozen=True, slots=True)
class Crate:
    """Weight in tenths of a kilogram, cost in cents."""

    name: str
    max_weight: int
    max_items: int
    cost: int


@dataclass(frozen=True, slots=True)
class Packing:
    level: int
    items: tuple[Item, ...]
    crates: tuple[Crate, ...]
    hidden: tuple[tuple[str, tuple[str, ...]], ...]  # the plan that was drawn first: crate, items

    @property
    def key(self) -> str:
        return dumps(
            [
                sorted([each.weight, each.kind] for each in self.items),
                sorted([each.max_weight, each.max_items, each.cost] for each in self.crates),
            ]
        )

    def answer(self, plan: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Json]:
        weights = {each.name: each.weight for each in self.items}
        costs = {each.name: each.cost for each in self.crates}
        return {
            "crates": [
                {"crate": crate, "items": list(items), "weight": kilograms(sum(weights[each] for each in items))}
                for crate, items in plan
            ],
            "crates_used": len(plan),
            "cost": amount(sum(costs[crate] for crate, _ in plan)),
        }

    def tell(self) -> Told:
        tables = self.tables()
        reference, rules = self.answer(self.hidden), list(RULES)
        if self.level == 3:
            reference = self.best()
            rules.append(("cheapest", f"money(answer.cost) == {reference['cost']}"))
        wanted = "the cheapest plan" if self.level == 3 else "a plan"
        text = (
            f"Find {wanted} that packs every item into exactly one crate. A crate holds at most max_weight kilograms and "
            f"max_items items, and never food together with chemicals. A crate without items is left out. Say the "
            f"weight of the items in each crate, how many crates are used, and the sum of their costs.\n\n"
            f"Items:\n\n{shown(tables['items'])}\n\nCrates:\n\n{shown(tables['crates'])}"
        )
        form = {
            "crates": [{"crate": "...", "items": ["..."], "weight": 0.0}],
            "crates_used": 0,
            "cost": "0.00",
        }
        return Told(text, form, SCHEMA, tables, rules, reference, ("best",) if self.level == 3 else ())

    def tables(self) -> dict[str, list[dict[str, Json]]]:
        return {
            "items": [{"item": each.name, "weight": kilograms(each.weight), "kind": each.kind} for each in self.items],
            "crates": [
                {
                    "crate": each.name,
                    "max_weight": kilograms(each.max_weight),
                    "max_items": each.max_items,
                    "cost": amount(each.cost),
                }
                for each in self.crates
            ],
        }

    def best(self) -> dict[str, Json]:
        """The cheapest plan, certified."""
        from ortools.sat.python import cp_model

        model = cp_model.CpModel()
        used = {crate: model.new_bool_var(crate.name) for crate in self.crates}
        put = {(item, crate): model.new_bool_var("") for item in self.items for crate in self.crates}
        for item in self.items:
            model.add_exactly_one(put[item, crate] for crate in self.crates)
        for crate in self.crates:
            inside = [(item, put[item, crate]) for item in self.items]
            model.add(sum(item.weight * is_in for item, is_in in inside) <= crate.max_weight * used[crate])
            model.add(sum(is_in for _, is_in in inside) <= crate.max_items * used[crate])
            for item, is_in in inside:
                if item.kind == "food":
                    for other, is_beside in inside:
                        if other.kind == "chemical":
                            model.add_at_most_one(is_in, is_beside)
        model.minimize(sum(crate.cost * is_used for crate, is_used in used.items()))
        solver, _ = solve(model)
        plan = [
            (crate.name, [item.name for item in self.items if solver.boolean_value(put[item, crate])])
            for crate in self.crates
        ]
        return self.answer([each for each in plan if each[1]])


SCHEMA = form_of(
    {
        "crates": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": form_of(
                {
                    "crate": {"type": "string"},
                    "items": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 50},
                    "weight": {"type": "number"},
                }
            ),
        },
        "crates_used": {"type": "integer"},
        "cost": {"type": "string", "pattern": AMOUNT},
    }
)


def kilograms(tenths: int) -> float:
    return plain(Decimal(tenths) / 10)


def draw(random: Random, level: int) -> Packing:
    count, filled = ITEMS[level], USED[level]
    kinds = [random.choice(KINDS) for _ in range(count)] if level > 1 else ["other"] * count
    items = [Item(f"I{at}", random.randint(5, 180), kind) for at, kind in enumerate(kinds, 1)]
    bins: list[list[Item]] = [[] for _ in range(filled)]
    for item in items:
        fitting = [each for each in bins if not _clash(item, each)]
        if not fitting:  # food everywhere, and this one is a chemical: a crate more
            bins.append([])
            fitting = bins[-1:]
        random.choice(fitting).append(item)
    bins = [each for each in bins if each]
    names = [f"K{at}" for at in range(1, len(bins) + SPARE[level] + 1)]
    random.shuffle(names)
    crates, hidden = [], []
    for name, inside in zip(names, bins, strict=False):
        weight = sum(each.weight for each in inside) + random.randint(0, 15)
        crates.append(Crate(name, weight, len(inside) + random.randint(0, 1), random.randint(300, 2500)))
        hidden.append((name, tuple(each.name for each in inside)))
    for name in names[len(bins) :]:
        crates.append(Crate(name, random.randint(50, 350), random.randint(1, count), random.randint(300, 2500)))
    crates.sort(key=lambda each: each.name)
    return Packing(level, tuple(items), tuple(crates), tuple(sorted(hidden)))


def _clash(item: Item, others: Sequence[Item]) -> bool:
    return any({item.kind, each.kind} == {"food", "chemical"} for each in others)


def make(options: PackingOptions, split: Split, seed: int) -> DrawnTasks:
    if options.level == 3:
        need_solver("the cheapest packing plan (packing at level 3)")
    return scenario_tasks("packing", split, seed, options.level, draw)


LEVELS: Mapping[int, str] = {
    1: "4 items, 3 crates",
    2: "7 items, 4 or 5 crates, food apart from chemicals",
    3: "9 items, 6 or 7 crates, the cheapest plan (needs ortools)",
}

PACKING = Generator(
    about="a packing plan as JSON: every item once, weight and count within each crate",
    levels=LEVELS,
    options=PackingOptions,
    make=make,
)
