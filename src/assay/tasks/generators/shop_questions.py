"""Questions about a shop, each with its query: what `shop_queries` asks at each level.

A question says what becomes of NULLs, ties and repetitions, so that one multiset (or list) of rows is right. `near` names
values that the instances should hold often: those that the query compares with, and their neighbours, so that a query
with > for >= is told from the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from assay.core.types import Json

COUNTRIES = (
    "Brazil", "Canada", "Chile", "Egypt", "Finland", "France", "Ghana", "Greece", "India", "Ireland", "Japan", "Kenya",
    "Mexico", "Norway", "Peru", "Poland", "Spain", "Sweden", "Turkey", "Vietnam",
)  # fmt: skip
STATUSES = ("open", "paid", "sent", "returned")
CATEGORIES = ("books", "games", "garden", "kitchen", "music", "tools")
FIRST, DAYS = date(2023, 1, 1), 960

Near = Mapping[str, Sequence[Json]]


@dataclass(frozen=True, slots=True)
class Question:
    """`name` and `values` make it this question."""

    name: str
    text: str
    sql: str
    values: tuple[Json, ...]
    near: Near = field(default_factory=dict)
    is_ordered: bool = False


def level_1(random: Random) -> Question:
    return random.choice((joined, cities, counted, waiting, cheapest))(random)


def level_2(random: Random) -> Question:
    return random.choice((per_customer, revenue, regulars, silent, days, either))(random)


def level_3(random: Random) -> Question:
    return random.choice((latest, ranked, above, complete, months, neighbours))(random)


LEVELS: Mapping[int, Callable[[Random], Question]] = {1: level_1, 2: level_2, 3: level_3}


# one table


def joined(random: Random) -> Question:
    country, since = random.choice(COUNTRIES), day(random)
    return Question(
        "joined",
        f"the id and the name of every customer in {country} who joined on or after {since}, the newest first; of those who "
        f"joined on one day by name, and of one name the one with the largest id first",
        f"SELECT id, name FROM customers WHERE country = '{country}' AND joined >= '{since}' "
        f"ORDER BY joined DESC, name, id DESC",
        (country, since),
        {"customers.country": [country], "customers.joined": around(since)},
        is_ordered=True,
    )


def cities(random: Random) -> Question:
    country, before = random.choice(COUNTRIES), day(random)
    return Question(
        "cities",
        f"every city of customers in {country} who joined before {before}, each city once; customers whose city is not "
        f"known are left out",
        f"SELECT DISTINCT city FROM customers WHERE country = '{country}' AND joined < '{before}' AND city IS NOT NULL",
        (country, before),
        {
            "customers.country": [country, country, *COUNTRIES[:2]],
            "customers.joined": [before, *(later(before, -each) for each in (1, 2, 30, 60))],
        },
    )


def counted(random: Random) -> Question:
    status, first = random.choice(STATUSES), day(random)
    last = later(first, random.randint(20, 120))
    return Question(
        "counted",
        f"one row: how many orders with the status '{status}' were placed from {first} to {last} (both days included), and "
        f"how many of these used a coupon",
        f"SELECT COUNT(*), COUNT(coupon) FROM orders WHERE status = '{status}' AND placed BETWEEN '{first}' AND '{last}'",
        (status, first, last),
        {"orders.status": [status], "orders.placed": [*around(first), *around(last)]},
    )


def waiting(random: Random) -> Question:
    status, since = random.choice(STATUSES), day(random)
    return Question(
        "waiting",
        f"the id and the day of every order that was placed after {since}, has no shipping day, and either has the status "
        f"'{status}' or used a coupon (or both)",
        f"SELECT id, placed FROM orders WHERE (status = '{status}' OR coupon IS NOT NULL) AND shipped IS NULL "
        f"AND placed > '{since}'",
        (status, since),
        {"orders.status": [status, *STATUSES], "orders.placed": around(since)},
    )


def cheapest(random: Random) -> Question:
    category, least, most = random.choice(CATEGORIES), random.randrange(200, 3000, 10), random.randint(2, 3)
    return Question(
        "cheapest",
        f"the id, the name and the price of the {most} cheapest products in the category '{category}' that cost more than "
        f"{least} cents, the cheapest first; of one price by name, and of one name the one with the largest id first",
        f"SELECT id, name, cents FROM products WHERE category = '{category}' AND cents > {least} "
        f"ORDER BY cents, name, id DESC LIMIT {most}",
        (category, least, most),
        {"products.category": [category], "products.cents": [least, least + 1, least + 1, least + 50]},
        is_ordered=True,
    )


# joins and groups


def per_customer(random: Random) -> Question:
    country, status, since = random.choice(COUNTRIES), random.choice(STATUSES), day(random)
    return Question(
        "per_customer",
        f"for each customer in {country}: the id, and how many orders with the status '{status}' they placed on or after "
        f"{since} (0 for those without any)",
        f"SELECT c.id, COUNT(o.id) FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id "
        f"AND o.status = '{status}' AND o.placed >= '{since}' WHERE c.country = '{country}' GROUP BY c.id",
        (country, status, since),
        {"customers.country": [country], "orders.status": [status], "orders.placed": around(since)},
    )


def revenue(random: Random) -> Question:
    status, least = random.choice(STATUSES), random.randrange(2000, 20000, 10)
    half = least // 2
    return Question(
        "revenue",
        f"for each category with a revenue of more than {least} cents from orders with the status '{status}': the category "
        f"and that revenue (the sum of quantity times the price at which each item was sold)",
        f"SELECT p.category, SUM(i.quantity * i.cents) FROM items AS i JOIN products AS p ON p.id = i.product_id "
        f"JOIN orders AS o ON o.id = i.order_id WHERE o.status = '{status}' GROUP BY p.category "
        f"HAVING SUM(i.quantity * i.cents) > {least}",
        (status, least),
        {"orders.status": [status], "items.cents": [least, half, half + 1, least + 1], "items.quantity": [1, 1, 2]},
    )


def regulars(random: Random) -> Question:
    since, least = day(random), random.randint(2, 3)
    return Question(
        "regulars",
        f"the id and the name of every customer with at least {least} orders placed on or after {since}, and the number of "
        f"these orders",
        f"SELECT c.id, c.name, COUNT(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id "
        f"WHERE o.placed >= '{since}' GROUP BY c.id HAVING COUNT(*) >= {least}",
        (since, least),
        {"orders.placed": around(since), "orders.customer_id": [1, 2, 2, 3]},
    )


def silent(random: Random) -> Question:
    country, since = random.choice(COUNTRIES), day(random)
    return Question(
        "silent",
        f"the id of every customer in {country} who placed no order on or after {since} (orders of guests have no customer)",
        f"SELECT id FROM customers WHERE country = '{country}' AND id NOT IN "
        f"(SELECT customer_id FROM orders WHERE placed >= '{since}' AND customer_id IS NOT NULL)",
        (country, since),
        {"customers.country": [country], "orders.placed": around(since), "orders.customer_id": [1, 2, None]},
    )


def days(random: Random) -> Question:
    since, status = day(random), random.choice(STATUSES)
    return Question(
        "days",
        f"for each day on or after {since} with orders whose status is not '{status}': the day, how many such orders were "
        f"placed on it, and by how many different customers (guests, who have no customer, are not counted among these)",
        f"SELECT placed, COUNT(*), COUNT(DISTINCT customer_id) FROM orders WHERE placed >= '{since}' "
        f"AND status <> '{status}' GROUP BY placed",
        (since, status),
        {
            "orders.status": STATUSES,
            "orders.placed": [since, since, *around(since)],
            "orders.customer_id": [1, 2, 2, None],
        },
    )


def either(random: Random) -> Question:
    category, least = random.choice(CATEGORIES), random.randint(3, 40)
    return Question(
        "either",
        f"the id of every product that is in the category '{category}' or of which at least {least} were sold in one order, "
        f"each id once",
        f"SELECT id FROM products WHERE category = '{category}' UNION "
        f"SELECT product_id FROM items WHERE quantity >= {least}",
        (category, least),
        {"products.category": [category, *CATEGORIES], "items.quantity": [least - 1, least, least + 1]},
    )


# subqueries and windows


def latest(random: Random) -> Question:
    country, status = random.choice(COUNTRIES), random.choice(STATUSES)
    before = day(random)
    return Question(
        "latest",
        f"for each customer in {country}: the customer's id and the id of their latest order among those with the status "
        f"'{status}' placed before {before}; where several were placed on that day, all of them",
        f"SELECT c.id, o.id FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE c.country = '{country}' "
        f"AND o.status = '{status}' AND o.placed = (SELECT MAX(x.placed) FROM orders AS x WHERE x.customer_id = c.id "
        f"AND x.status = '{status}' AND x.placed < '{before}')",
        (country, status, before),
        {
            "customers.country": [country],
            "orders.status": [status, status, *STATUSES],
            "orders.placed": [*around(before), later(before, -1), later(before, -9)],
            "orders.customer_id": [1, 2, 2, 3],
        },
    )


def ranked(random: Random) -> Question:
    least = random.randrange(200, 4000, 5)
    return Question(
        "ranked",
        f"for each product that costs at least {least} cents: its category, its id, and its rank within the category by the "
        f"number of units sold, the most first (0 for one that was never sold); equal numbers share a rank, and the next "
        f"rank counts them all",
        f"SELECT p.category, p.id, RANK() OVER (PARTITION BY p.category ORDER BY COALESCE(SUM(i.quantity), 0) DESC) "
        f"FROM products AS p LEFT JOIN items AS i ON i.product_id = p.id WHERE p.cents >= {least} GROUP BY p.id",
        (least,),
        {"products.cents": [least, least, least - 1, least + 1], "products.category": [*CATEGORIES[:1] * 3, CATEGORIES[1]], "items.quantity": [1, 1, 2]},
    )  # fmt: skip


def above(random: Random) -> Question:
    status, since = random.choice(STATUSES), day(random)
    return Question(
        "above",
        f"of the orders with the status '{status}' placed on or after {since} that have items: the id and the total (the sum "
        f"of quantity times the price at which each item was sold) of those whose total is above the average total of these "
        f"orders, the largest total first; of one total the one with the largest id first",
        f"WITH totals AS (SELECT o.id, SUM(i.quantity * i.cents) AS total FROM orders AS o JOIN items AS i "
        f"ON i.order_id = o.id WHERE o.status = '{status}' AND o.placed >= '{since}' GROUP BY o.id) "
        f"SELECT id, total FROM totals WHERE total > (SELECT AVG(total) FROM totals) ORDER BY total DESC, id DESC",
        (status, since),
        {"orders.status": [status], "orders.placed": around(since), "items.cents": [500, 1000, 1000], "items.quantity": [1, 2]},
        is_ordered=True,
    )  # fmt: skip


def complete(random: Random) -> Question:
    category, least = random.choice(CATEGORIES), random.randrange(300, 3000, 10)
    products = f"p.category = '{category}' AND p.cents >= {least}"
    return Question(
        "complete",
        f"the id of every customer who has ordered each product in the category '{category}' that costs at least {least} "
        f"cents; nobody, where there is no such product",
        f"SELECT c.id FROM customers AS c WHERE EXISTS (SELECT 1 FROM products AS p WHERE {products}) AND NOT EXISTS "
        f"(SELECT 1 FROM products AS p WHERE {products} AND NOT EXISTS (SELECT 1 FROM orders AS o JOIN items AS i "
        f"ON i.order_id = o.id WHERE o.customer_id = c.id AND i.product_id = p.id))",
        (category, least),
        {
            "products.category": [category, *CATEGORIES[:3]],
            "products.cents": [least, least - 1, least + 1],
            "orders.customer_id": [1, 1, 2],
        },
    )


def months(random: Random) -> Question:
    status, since = random.choice(STATUSES), day(random)
    return Question(
        "months",
        f"for each month with orders of the status '{status}' placed on or after {since}: the month as YYYY-MM, how many such "
        f"orders were placed in it, and how many in it and all such months before it; the earliest month first",
        f"SELECT SUBSTR(placed, 1, 7), COUNT(*), SUM(COUNT(*)) OVER (ORDER BY SUBSTR(placed, 1, 7)) FROM orders "
        f"WHERE status = '{status}' AND placed >= '{since}' GROUP BY SUBSTR(placed, 1, 7) ORDER BY SUBSTR(placed, 1, 7)",
        (status, since),
        {"orders.status": [status], "orders.placed": [*around(since), later(since, 40), later(since, 75)]},
        is_ordered=True,
    )


def neighbours(random: Random) -> Question:
    since, before = sorted([day(random), day(random)])
    return Question(
        "neighbours",
        f"every pair of different customers of one known city, of whom the one with the smaller id joined on or after "
        f"{since} and the other one before {before}: both ids, the smaller one first",
        f"SELECT a.id, b.id FROM customers AS a JOIN customers AS b ON a.city = b.city AND a.id < b.id "
        f"WHERE a.joined >= '{since}' AND b.joined < '{before}'",
        (since, before),
        {"customers.joined": [*around(since), *around(before)]},
    )


def day(random: Random) -> str:
    return (FIRST + timedelta(days=random.randint(30, DAYS - 130))).isoformat()


def later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def around(day: str) -> list[str]:
    """The day itself, twice, and its neighbours."""
    return [later(day, -1), day, day, later(day, 1), later(day, 20)]
