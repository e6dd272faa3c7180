"""Questions about a shop, answered by one SELECT: `sql` tasks whose instances tell a right query from a nearly right one.

A problem is a question with its values; a hash of these decides the split, so no question stands on both sides, whatever
the seed. Four hidden instances come with each: an empty one, and three drawn around the question's own values, with
repeated names, ties, NULLs, customers without orders and products that were never sold. Of several draws those are kept
that tell the most changed queries (`verify.structured.sql_mutate`) from the right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pydantic import Field

from assay.core.records import dumps
from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks, Posed
from assay.tasks.generators.shop_questions import CATEGORIES, COUNTRIES, LEVELS, STATUSES, Near, Question, day, later
from assay.tasks.source import Generator, Split
from assay.verify.structured.sql import Expected, SqlTruth, differing, expect, read_sql_truth
from assay.verify.structured.sql_instances import read_instances
from assay.verify.structured.sql_mutate import mutants
from assay.verify.structured.sql_query import DEFAULT, Query, Refused, scan

SCHEMA = """\
CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  country TEXT NOT NULL,
  city TEXT,
  joined TEXT NOT NULL
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT NOT NULL,
  cents INTEGER NOT NULL
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  status TEXT NOT NULL,
  placed TEXT NOT NULL,
  shipped TEXT,
  coupon TEXT
);
CREATE TABLE items (
  order_id INTEGER NOT NULL REFERENCES orders (id),
  product_id INTEGER NOT NULL REFERENCES products (id),
  quantity INTEGER NOT NULL,
  cents INTEGER NOT NULL,
  PRIMARY KEY (order_id, product_id)
);"""
NOTES = (
    "Days are texts such as 2024-03-09. Prices are whole cents: products.cents is today's, items.cents the one at which the "
    "item was sold. The city of a customer, the customer of an order (a guest's), its shipping day and its coupon may be NULL. "
    f"The statuses of an order are {', '.join(STATUSES)}."
)
ASK = (
    "Think first if you like. End with one SELECT for SQLite in a ```sql fence, and nothing after it. Only its rows count, with "
    "their columns in the order asked for; the columns' names do not."
)
CONTRACT: Mapping[str, Json] = {"kind": "one_select", "prose_before_fence": True}
NAMES = ("Ada", "Ben", "Caro", "Dan", "Eve", "Finn")
CITIES = ("Alba", "Brod", "Cove", "Dorn")
GOODS = ("bell", "clock", "drum", "flute", "globe", "kite", "lamp")
KINDS = ("ties", "nulls", "plain")  # of instances beside the empty one
TRIES = 40
DRAWS = 5  # of each kind of instance, of which one is kept
HIT = 0.65  # how often a value is one of those that the question is about


class ShopQueriesOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1: one table; 2: joins and groups; 3: subqueries and windows")


@dataclass(frozen=True, slots=True)
class ShopQuery:
    """Its instances are a function of the question: asked again, it is the same task."""

    question: Question

    @property
    def key(self) -> str:
        return dumps([self.question.name, *self.question.values])

    def pose(self) -> Posed:
        asked = self.question
        prompt = f"A shop's database:\n\n```sql\n{SCHEMA}\n```\n\n{NOTES}\n\nWrite a query for {asked.text}.\n\n{ASK}"
        return Posed(prompt, self.truth(), f"```sql\n{asked.sql}\n```", (asked.name,))

    def truth(self) -> dict[str, Json]:
        """With the instances of several draws that tell the most nearly right queries from the right one."""
        random = stream(0, "shop_queries", "instances", self.key)
        read = read_sql_truth(self._truth([]))
        living = [scan(each.sql, DEFAULT.max_depth) for each in mutants(read)]
        instances: list[Json] = [{}]
        for kind in KINDS:
            chosen, told = self._drawn(random, kind, read, living)
            instances.append(chosen)
            living = [each for each in living if each not in told]
        return self._truth(instances)

    def _drawn(self, random: Random, kind: str, truth: SqlTruth, living: Sequence[Query]) -> tuple[Json, list[Query]]:
        """One of several draws, the one that tells the most apart; but for the last kind the query gives rows on it."""
        best: tuple[Json, list[Query]] = ({}, [])
        seen = 0
        for _ in range(TRIES):
            rows = shop(random, self.question.near, kind)
            (instance,) = read_instances(truth.schema, [rows])
            right = expect(instance, truth.gold, truth.contract, truth.is_ordered)
            if right.is_stable and (right.ran.rows or kind == KINDS[-1]):
                told = _told_apart(truth, right, living)
                best = (rows, told) if seen == 0 or len(told) > len(best[1]) else best
                seen += 1
            if seen == DRAWS or (seen and not living):
                break
        return best

    def _truth(self, instances: Sequence[Json]) -> dict[str, Json]:
        return {
            "gold_sql": self.question.sql,
            "order_matters": self.question.is_ordered,
            "tables": {"schema": SCHEMA, "instances": list(instances)},
            "contract": dict(CONTRACT),
        }


def _told_apart(truth: SqlTruth, right: Expected, queries: Sequence[Query]) -> list[Query]:
    """The queries that an instance tells from the gold one."""
    found = []
    for each in queries:
        try:
            if differing(truth, right, each) is not None:
                found.append(each)
        except Refused:
            found.append(each)
    return found


def shop(random: Random, near: Near, kind: str) -> dict[str, list[list[Json]]]:
    """`kind`: `plain`, `nulls` (many of them) or `ties` (few different values)."""
    blank = {"plain": 0.15, "nulls": 0.5, "ties": 0.2}[kind]
    hit = 0.9 if kind == "ties" else HIT

    def value(column: str, *others: Any) -> Any:
        pool = near.get(column)
        return random.choice(pool) if pool and random.random() < hit else random.choice(others)

    def perhaps(made: Any) -> Any:
        return None if random.random() < blank else made

    names, cities = (NAMES[:2], CITIES[:2]) if kind == "ties" else (NAMES, CITIES)
    customers = [
        [at, random.choice(names), value("customers.country", *COUNTRIES), perhaps(random.choice(cities)),
         value("customers.joined", day(random), day(random))]
        for at in range(1, 8)
    ]  # fmt: skip
    goods = GOODS[:2] if kind == "ties" else GOODS
    products = [
        [
            at,
            random.choice(goods),
            value("products.category", *CATEGORIES),
            value("products.cents", *range(100, 4000, 50)),
        ]
        for at in range(1, 7)
    ]
    orders = []
    for at in range(1, 12):
        placed = value("orders.placed", day(random), day(random))
        customer = value("orders.customer_id", *range(1, 6))  # two customers never order
        shipped = perhaps(later(placed, random.randint(1, 9)))
        orders.append([at, perhaps(customer) if kind != "plain" else customer, value("orders.status", *STATUSES), placed,
                       shipped, perhaps(random.choice(("TEN", "SPRING")))])  # fmt: skip
    items = []
    for order in orders[:-1]:  # one order has no items
        for product in random.sample(range(1, 6), random.randint(1, 3)):  # one product is never sold
            items.append(
                [order[0], product, value("items.quantity", *range(1, 6)), value("items.cents", *range(100, 4000, 50))]
            )
    return {"customers": customers, "products": products, "orders": orders, "items": items}


def draw(random: Random, level: int) -> ShopQuery:
    return ShopQuery(LEVELS[level](random))


def make(options: ShopQueriesOptions, split: Split, seed: int) -> DrawnTasks:
    return DrawnTasks("shop_queries", split, seed, options.level, draw, "sql")


SHOP_QUERIES = Generator(
    about="questions about a shop's orders, answered by one SELECT that is run on four hidden instances",
    levels={
        1: "one table: conditions, NULLs, DISTINCT, counts, ORDER BY and LIMIT",
        2: "joins and groups: LEFT JOIN, HAVING, NOT IN over NULLs, UNION",
        3: "subqueries and windows: latest rows, ranks, averages, division, running sums",
    },
    options=ShopQueriesOptions,
    make=make,
)
