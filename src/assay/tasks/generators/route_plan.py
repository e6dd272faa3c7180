"""Route, capacity, cost and cutoff: a van that calls at every stop and is at the hub in time.

The answer names the vehicle, the route, the load, the distance, the cost and the hour of arrival. The rules look every
leg up, add up what was said, and hold it against the vehicle's capacity and the cutoff. At level 3 the plan must also be
the cheapest: a rule of its own, whose number CP-SAT certifies.

A hidden route is drawn first, then other legs, then vehicles of which at least one carries the load, and a cutoff after
the hidden route's arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from random import Random

from pydantic import Field

from assay.core.records import dumps
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks
from assay.tasks.generators.scenarios import AMOUNT, Told, amount, form_of, need_solver, scenario_tasks, shown
from assay.tasks.source import Generator, Split
from assay.verify.structured.optimum import solve

PLACES = ("ALDER", "BIRCH", "CEDAR", "DOGWOOD", "ELM", "FIR", "GROVE", "HAZEL", "IVY", "JUNIPER", "LINDEN", "MAPLE")
STOPS = {1: 3, 2: 5, 3: 5}
OTHER_LEGS = {1: 3, 2: 8, 3: 12}
SLACK = {1: (30, 90), 2: (0, 12), 3: (0, 40)}  # minutes between the hidden route's arrival and the cutoff
VEHICLES = {1: 2, 2: 3, 3: 4}

RULES = (
    ("vehicle", 'exists(tables.vehicles, "vehicle", answer.vehicle)'),
    ("ends", 'answer.route[0] == "DEPOT" and answer.route[-1] == "HUB"'),
    ("once", "unique(answer.route)"),
    ("every stop", "subset(tables.orders[*].stop, answer.route)"),
    ("legs", 'all(exists(tables.legs, "from", leg[0], "to", leg[1]) for leg in pairs(answer.route))'),
    ("load", "answer.load == sum(tables.orders[*].crates)"),
    ("capacity", 'answer.load <= lookup(tables.vehicles, "vehicle", answer.vehicle).capacity'),
    ("km", 'answer.km == sum(lookup(tables.legs, "from", leg[0], "to", leg[1]).km for leg in pairs(answer.route))'),
    (
        "cost",
        "all(money(answer.cost) == round(money(van.fixed_cost) + van.cost_per_km * answer.km, 2, 'half_up') "
        'for van in [lookup(tables.vehicles, "vehicle", answer.vehicle)])',
    ),
)


class RoutePlanOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 and 2: any plan in time, with more stops; 3: the cheapest plan")


@dataclass(frozen=True, slots=True)
class Leg:
    start: str
    end: str
    minutes: int
    km: int


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Costs in tenths of a cent."""

    name: str
    capacity: int
    fixed: int
    per_km: int


@dataclass(frozen=True, slots=True)
class RoutePlan:
    level: int
    legs: tuple[Leg, ...]
    orders: tuple[tuple[str, str, int], ...]  # id, stop, crates
    vehicles: tuple[Vehicle, ...]
    service: int  # minutes at each stop
    depart: datetime
    slack: int
    hidden: tuple[str, ...]  # the route that was drawn first

    @property
    def key(self) -> str:
        legs = sorted([each.start, each.end, each.minutes, each.km] for each in self.legs)
        orders = sorted([stop, crates] for _, stop, crates in self.orders)
        return dumps([legs, orders, sorted([each.capacity, each.fixed, each.per_km] for each in self.vehicles)])

    @property
    def load(self) -> int:
        return sum(crates for _, _, crates in self.orders)

    @property
    def cutoff(self) -> datetime:
        return self.depart + timedelta(minutes=self.taken(self.hidden) + self.slack)

    def taken(self, route: Sequence[str]) -> int:
        """Minutes from the depot to the hub."""
        return sum(each.minutes for each in self.driven(route)) + self.service * (len(route) - 2)

    def driven(self, route: Sequence[str]) -> list[Leg]:
        found = {(each.start, each.end): each for each in self.legs}
        return [found[pair] for pair in pairwise(route)]

    def answer(self, vehicle: Vehicle, route: Sequence[str]) -> dict[str, Json]:
        km = sum(each.km for each in self.driven(route))
        return {
            "vehicle": vehicle.name,
            "route": list(route),
            "load": self.load,
            "km": km,
            "cost": cost_of(vehicle, km),
            "arrival": (self.depart + timedelta(minutes=self.taken(route))).isoformat(),
        }

    def tell(self) -> Told:
        tables = self.tables()
        depart, cutoff = self.depart.isoformat(), self.cutoff.isoformat()
        arrival = (
            f'instant(answer.arrival) == instant("{depart}") + minutes(sum(lookup(tables.legs, "from", leg[0], "to", '
            f"leg[1]).minutes for leg in pairs(answer.route)) + {self.service} * (length(answer.route) - 2))"
        )
        rules = [*RULES, ("arrival", arrival), ("cutoff", f'instant(answer.arrival) <= instant("{cutoff}")')]
        if self.level == 3:
            reference = self.best()
            rules.append(("cheapest", f"money(answer.cost) == {reference['cost']}"))
        else:
            fit = next(each for each in self.vehicles if each.capacity >= self.load)
            reference = self.answer(fit, self.hidden)
        wanted = "the cheapest plan" if self.level == 3 else "a plan"
        text = (
            f"Find {wanted} for one van. It leaves DEPOT at {depart}, calls at every stop that has an order, calls at no "
            f"place twice, and must be at HUB by {cutoff}. Each place between DEPOT and HUB takes {self.service} minutes "
            f"besides the drive. Only these legs can be driven, in the given direction:\n\n{shown(tables['legs'])}\n\n"
            f"Orders, all of which go on the van:\n\n{shown(tables['orders'])}\n\nVehicles (capacity in crates; the cost "
            f"is fixed_cost plus cost_per_km times the distance, rounded to cents, half a cent up):\n\n"
            f"{shown(tables['vehicles'])}"
        )
        form = {
            "vehicle": "...",
            "route": ["DEPOT", "...", "HUB"],
            "load": 0,
            "km": 0,
            "cost": "0.00",
            "arrival": "2026-01-31T12:00:00+01:00",
        }
        return Told(text, form, SCHEMA, tables, rules, reference, ("best",) if self.level == 3 else ())

    def tables(self) -> dict[str, list[dict[str, Json]]]:
        return {
            "legs": [
                {"from": each.start, "to": each.end, "minutes": each.minutes, "km": each.km} for each in self.legs
            ],
            "orders": [{"order_id": name, "stop": stop, "crates": crates} for name, stop, crates in self.orders],
            "vehicles": [
                {
                    "vehicle": each.name,
                    "capacity": each.capacity,
                    "fixed_cost": amount(each.fixed // 10),
                    "cost_per_km": each.per_km / 1000,
                }
                for each in self.vehicles
            ],
        }

    def best(self) -> dict[str, Json]:
        """The cheapest plan, certified."""
        from ortools.sat.python import cp_model

        model = cp_model.CpModel()
        places = sorted({each.start for each in self.legs} | {each.end for each in self.legs})
        arcs = {each: model.new_bool_var(f"{each.start}-{each.end}") for each in self.legs}
        numbers = {place: number for number, place in enumerate(places)}
        circuit = [(numbers[each.start], numbers[each.end], arc) for each, arc in arcs.items()]
        model.add_circuit([*circuit, (numbers["HUB"], numbers["DEPOT"], model.new_constant(1))])
        driving = sum(each.minutes * arc for each, arc in arcs.items())
        model.add(driving <= self.taken(self.hidden) + self.slack - self.service * (len(places) - 2))
        km = sum(each.km * arc for each, arc in arcs.items())
        cost = model.new_int_var(0, 10**9, "cost")
        chosen = {each: model.new_bool_var(each.name) for each in self.vehicles if each.capacity >= self.load}
        model.add_exactly_one(chosen.values())
        for each, is_chosen in chosen.items():
            model.add(cost == each.fixed + each.per_km * km).only_enforce_if(is_chosen)
        model.minimize(cost)
        solver, _ = solve(model)
        after = {each.start: each.end for each, arc in arcs.items() if solver.boolean_value(arc)}
        route = ["DEPOT"]
        while route[-1] != "HUB":
            route.append(after[route[-1]])
        vehicle = next(each for each, is_chosen in chosen.items() if solver.boolean_value(is_chosen))
        return self.answer(vehicle, route)


SCHEMA = form_of(
    {
        "vehicle": {"type": "string"},
        "route": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 20},
        "load": {"type": "integer", "minimum": 0},
        "km": {"type": "integer", "minimum": 0},
        "cost": {"type": "string", "pattern": AMOUNT},
        "arrival": {"type": "string", "format": "date-time"},
    }
)


def cost_of(vehicle: Vehicle, km: int) -> str:
    """Half a cent up."""
    cents = Decimal(vehicle.fixed + vehicle.per_km * km) / 10
    return amount(int(cents.quantize(Decimal(1), ROUND_HALF_UP)))


def draw(random: Random, level: int) -> RoutePlan:
    stops = random.sample(PLACES, STOPS[level])
    hidden = ("DEPOT", *stops, "HUB")
    pairs = list(pairwise(hidden))
    others = [
        (a, b) for a in hidden[:-1] for b in hidden[1:] if a != b and (a, b) not in pairs and (a, b) != ("DEPOT", "HUB")
    ]
    pairs += random.sample(others, min(OTHER_LEGS[level], len(others)))
    random.shuffle(pairs)
    legs = tuple(Leg(a, b, random.randint(8, 55), random.randint(4, 60)) for a, b in pairs)
    orders = [(stop, random.randint(2, 14)) for stop in stops]
    if level > 1:
        orders += [(random.choice(stops), random.randint(1, 9)) for _ in range(2)]
    random.shuffle(orders)
    numbers = random.sample(range(100, 1000), len(orders))
    load = sum(crates for _, crates in orders)
    capacities = [load - random.randint(1, 3), load + random.randint(0, 6)]
    capacities += [random.randint(load if level == 3 else load // 2, 2 * load) for _ in range(VEHICLES[level] - 2)]
    random.shuffle(capacities)
    vehicles = tuple(
        Vehicle(f"V{at}", capacity, random.randint(200, 900) * 100, random.randint(350, 1600))
        for at, capacity in enumerate(capacities, 1)
    )
    zone = timezone(timedelta(hours=random.choice((-5, 0, 1, 2, 5.5))))
    day = datetime(2026, 1, 1, tzinfo=zone) + timedelta(days=random.randint(0, 364))
    return RoutePlan(
        level=level,
        legs=legs,
        orders=tuple((f"O-{number}", stop, crates) for number, (stop, crates) in zip(numbers, orders, strict=True)),
        vehicles=vehicles,
        service=random.choice((5, 10, 15)),
        depart=day + timedelta(minutes=random.randrange(6 * 60, 19 * 60, 5)),
        slack=random.randint(*SLACK[level]),
        hidden=hidden,
    )


def make(options: RoutePlanOptions, split: Split, seed: int) -> DrawnTasks:
    if options.level == 3:
        need_solver("the cheapest route plan (route_plan at level 3)")
    return scenario_tasks("route_plan", split, seed, options.level, draw)


LEVELS: Mapping[int, str] = {
    1: "3 stops, 6 or 7 legs, half an hour or more to spare",
    2: "5 stops, 14 legs, at most 12 minutes to spare",
    3: "5 stops, 18 legs, the cheapest plan (needs ortools)",
}

ROUTE_PLAN = Generator(
    about="a van's route as JSON: legs, load, cost and arrival are checked, capacity and cutoff must hold",
    levels=LEVELS,
    options=RoutePlanOptions,
    make=make,
)
