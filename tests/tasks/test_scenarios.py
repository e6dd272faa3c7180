"""The three scenarios: every answer is held against an oracle written here in plain Python, and the best plans against
all plans there are."""

import itertools
import json
import sys
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from math import inf

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, MissingExtra
from assay.tasks.canonical import canonical_response
from assay.tasks.check import check_sources
from assay.tasks.load import load_source
from assay.tasks.source import SOURCES, demonstration_of
from assay.tasks.wrapped import First
from assay.verify.base import judge, judge_case, read_case

NAMES = ("route_plan", "invoice", "packing")
LEVELS = (1, 2, 3)


def source(name, split="train", seed=0, level=1):
    return load_source(TasksConfig(source=name, options={"level": level}), split, seed)


def half_up(value):
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)


# oracles: is this document right for this plan? written without the rule language


def route_is_right(plan, answer):
    legs = {(leg.start, leg.end): leg for leg in plan.legs}
    vehicle = {each.name: each for each in plan.vehicles}.get(answer["vehicle"])
    route = answer["route"]
    if vehicle is None or route[0] != "DEPOT" or route[-1] != "HUB" or len(set(route)) != len(route):
        return False
    if any(pair not in legs for pair in pairwise(route)) or not {stop for _, stop, _ in plan.orders} <= set(route):
        return False
    driven = [legs[pair] for pair in pairwise(route)]
    load, km = sum(crates for _, _, crates in plan.orders), sum(leg.km for leg in driven)
    if answer["load"] != load or load > vehicle.capacity or answer["km"] != km:
        return False
    if Decimal(answer["cost"]) != half_up(Decimal(vehicle.fixed + vehicle.per_km * km) / 1000):
        return False
    there = plan.depart + timedelta(minutes=sum(leg.minutes for leg in driven) + plan.service * (len(route) - 2))
    return datetime.fromisoformat(answer["arrival"]) == there <= plan.cutoff


def packing_is_right(plan, answer):
    items = {each.name: each for each in plan.items}
    crates = {each.name: each for each in plan.crates}
    named = [each["crate"] for each in answer["crates"]]
    packed = [item for each in answer["crates"] for item in each["items"]]
    if len(set(named)) != len(named) or not set(named) <= set(crates) or sorted(packed) != sorted(items):
        return False
    for each in answer["crates"]:
        inside, crate = [items[item] for item in each["items"]], crates[each["crate"]]
        weight = sum(item.weight for item in inside)
        if Decimal(str(each["weight"])) * 10 != weight or weight > crate.max_weight or len(inside) > crate.max_items:
            return False
        if {"food", "chemical"} <= {item.kind for item in inside}:
            return False
    cost = sum(crates[name].cost for name in named)
    return answer["crates_used"] == len(named) and Decimal(answer["cost"]) * 100 == cost


def all_routes(plan):
    stops = list({leg.start for leg in plan.legs} - {"DEPOT"})
    legs = {(leg.start, leg.end) for leg in plan.legs}
    for order in itertools.permutations(stops):
        route = ["DEPOT", *order, "HUB"]
        if all(pair in legs for pair in pairwise(route)):
            yield route


def cheapest_packing(plan):
    """Over all assignments of items to crates, branch by branch."""
    best = inf
    crates = plan.crates

    def put(at, inside, cost):
        nonlocal best
        if cost >= best:
            return
        if at == len(plan.items):
            best = cost
            return
        item = plan.items[at]
        for number, crate in enumerate(crates):
            there = inside[number]
            if sum(each.weight for each in there) + item.weight > crate.max_weight or len(there) >= crate.max_items:
                continue
            if any({each.kind, item.kind} == {"food", "chemical"} for each in there):
                continue
            put(
                at + 1,
                [*inside[:number], [*there, item], *inside[number + 1 :]],
                cost + (crate.cost if not there else 0),
            )

    put(0, [[] for _ in crates], 0)
    return best


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_the_reference_keeps_every_rule_and_the_demonstration_too(name, level):
    for split in ("train", "held_out"):
        found = source(name, split, 1, level)
        for index in range(4):
            task = found.task(index)
            case = read_case(task.verifier, task.truth)
            for response in (
                canonical_response(task),
                demonstration_of(found, index),
                f"So:\n{demonstration_of(found, index)}",
            ):
                verdict = judge_case(case, response)
                assert verdict.is_pass, (task.id, dict(verdict.evidence))
            assert not judge_case(case, "{}").is_pass


def changes(value):
    """Every leaf of a document changed a little, every list shortened, turned and repeated."""
    if isinstance(value, dict):
        for name in value:
            for inner in changes(value[name]):
                yield {**value, name: inner}
    elif isinstance(value, list):
        for at in range(len(value)):
            yield value[:at] + value[at + 1 :]
            yield [*value[:at], value[at], *value[at:]]
            for inner in changes(value[at]):
                yield [*value[:at], inner, *value[at + 1 :]]
        yield value[::-1]
        if len(value) > 3:
            yield [value[0], value[2], value[1], *value[3:]]
    elif isinstance(value, str):
        yield value + " "
        yield value[:-1] + ("1" if value[-1:] != "1" else "2")
        yield value.lower() if value.lower() != value else value.upper()
    else:
        yield value + 1
        yield value - 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "is_right"), [("route_plan", route_is_right), ("packing", packing_is_right)])
def test_what_passes_is_right_by_the_oracle(name, is_right, level):
    found = source(name, "train", 2, level)
    seen = {True: 0, False: 0}
    for index in range(6):
        plan, task = found.drawn(index).plan, found.task(index)
        case, best = read_case(task.verifier, task.truth), Decimal(task.truth["reference"]["cost"])
        for changed in [task.truth["reference"], *changes(task.truth["reference"])]:
            verdict = judge_case(case, json.dumps(changed))
            assert not verdict.is_void
            try:
                right = is_right(plan, changed) and (level < 3 or Decimal(changed["cost"]) == best)
            except (KeyError, IndexError, ValueError, ArithmeticError, TypeError):
                right = False
            if verdict.is_pass:
                assert right, changed
            elif right:  # only a form that the schema refuses may cost a right answer
                assert verdict.evidence["rule"] == "schema", (changed, dict(verdict.evidence))
            seen[verdict.is_pass] += 1
    assert seen[True] >= 6
    assert seen[False] > 100


def test_the_invoice_is_recomputed():
    for level in LEVELS:
        found = source("invoice", "train", 3, level)
        for index in range(10):
            invoice, answer = found.drawn(index).plan, found.task(index).truth["reference"]
            net = tax = Decimal(0)
            for line, (at, quantity) in zip(answer["lines"], invoice.lines, strict=True):
                good = invoice.goods[at]
                off = max([Decimal(0), *(rate for least, rate in invoice.steps if quantity >= least)])
                rate = {"standard": "0.19", "reduced": "0.075", "books": "0.055"}[good.tax_class]
                assert Decimal(line["net"]) == half_up(good.price * quantity * (1 - off))
                assert Decimal(line["tax"]) == half_up(Decimal(line["net"]) * Decimal(rate))
                net, tax = net + Decimal(line["net"]), tax + Decimal(line["tax"])
            shipping = Decimal(answer.get("shipping", 0))
            assert (Decimal(answer["net"]), Decimal(answer["tax"])) == (net, tax)
            assert Decimal(answer["total"]) == net + tax + shipping
            assert level == 3 or shipping == 0
            assert shipping == (invoice.shipping if level == 3 and net < invoice.free_from else 0)


def test_no_other_invoice_passes():
    for level in LEVELS:
        task = source("invoice", "train", 4, level).task(0)
        case, right = read_case(task.verifier, task.truth), task.truth["reference"]
        for changed in changes(right):
            verdict = judge_case(case, json.dumps(changed))
            same = {**changed, "lines": sorted(changed["lines"], key=str)} == {
                **right,
                "lines": sorted(right["lines"], key=str),
            }
            assert verdict.is_pass == same, (changed, dict(verdict.evidence))


def test_the_best_route_is_the_best_of_all():
    found = source("route_plan", "held_out", level=3)
    for index in range(8):
        plan, best = found.drawn(index).plan, Decimal(found.task(index).truth["reference"]["cost"])
        costs = []
        for route in all_routes(plan):
            for vehicle in plan.vehicles:
                answer = plan.answer(vehicle, route)
                if route_is_right(plan, answer):
                    costs.append(Decimal(answer["cost"]))
        assert min(costs) == best
        assert len(set(costs)) > 1


def test_the_best_packing_is_the_best_of_all():
    found = source("packing", "held_out", level=3)
    for index in range(5):
        assert cheapest_packing(found.drawn(index).plan) == Decimal(found.task(index).truth["reference"]["cost"]) * 100


def test_a_plan_that_is_only_feasible_fails_by_the_rule_that_says_so():
    for name in ("route_plan", "packing"):
        found, told = source(name, "train", 5, 3), 0
        for index in range(12):
            plan, task = found.drawn(index).plan, found.task(index)
            fit = next((each for each in getattr(plan, "vehicles", ()) if each.capacity >= plan.load), None)
            hidden = plan.answer(fit, plan.hidden) if name == "route_plan" else plan.answer(plan.hidden)
            if hidden["cost"] == task.truth["reference"]["cost"]:
                continue
            told += 1
            verdict = judge(task.verifier, task.truth, json.dumps(hidden))
            assert (verdict.evidence["rule"], verdict.evidence["path"]) == ("cheapest", "answer.cost")
            assert "broken" not in verdict.evidence  # feasible and optimal are two rules
        assert told >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_a_function_of_seed_and_index(name):
    first, again, other = source(name, seed=1), source(name, seed=1), source(name, seed=2)
    backwards = [again.task(index) for index in reversed(range(10))][::-1]
    assert [first.task(index) for index in range(10)] == backwards
    assert first.fingerprint == again.fingerprint != other.fingerprint
    with pytest.raises(IndexError):
        first.task(-1)
    one, two = source(name, "held_out", 1), source(name, "held_out", 2)
    assert [one.task(index) for index in range(10)] == [two.task(index) for index in range(10)]


@pytest.mark.parametrize("name", NAMES)
def test_the_splits_are_apart_and_nothing_comes_twice(name):
    keys = {
        split: [source(name, split, 1, 2).problem(index) for index in range(150)] for split in ("train", "held_out")
    }
    assert not set(keys["train"]) & set(keys["held_out"])
    assert all(len(set(each)) == len(each) for each in keys.values())


def test_the_check_finds_nothing_wrong():
    for name in NAMES:
        report = check_sources(First(source(name), 12))
        assert report.is_clean, report.problems
        assert report.splits[0].judged == 12


@pytest.mark.parametrize("name", ["route_plan", "packing"])
def test_without_a_solver_the_best_plan_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools", None)
    assert source(name, level=2).task(0)
    with pytest.raises(MissingExtra, match=r"assay\[constraint\]"):
        source(name, level=3)


@pytest.mark.parametrize("name", NAMES)
def test_bad_options(name):
    assert SOURCES.get(name).levels.keys() == set(LEVELS)
    with pytest.raises(ConfigError, match="did you mean 'level'"):
        load_source(TasksConfig(source=name, options={"levle": 1}), "train", 0)
