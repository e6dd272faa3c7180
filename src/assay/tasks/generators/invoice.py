"""Invoices: lines priced from a catalogue, discounts by quantity, tax by class, every amount rounded to cents half up.

There is one right answer, but for the order of the lines. An amount is a text with two decimals, so that 0.1 + 0.2 has
no say in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from pydantic import Field

from assay.core.records import dumps
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks
from assay.tasks.generators.scenarios import AMOUNT, Told, form_of, plain, scenario_tasks, shown
from assay.tasks.source import Generator, Split

LINES = {1: 2, 2: 3, 3: 5}
CLASSES = {1: 1, 2: 2, 3: 3}
CATALOGUE = {1: 4, 2: 6, 3: 9}
GOODS = ("bolts", "brackets", "cable", "crates", "filters", "gloves", "hinges", "labels", "pallets", "tape", "valves")
TAXES = (("standard", Decimal("0.19")), ("reduced", Decimal("0.075")), ("books", Decimal("0.055")))
CENT = Decimal("0.01")

LINE_RULES = (
    (
        "lines",
        "same_items([[line.sku, line.quantity] for line in answer.lines], "
        "[[order.sku, order.quantity] for order in tables.order])",
    ),
    (
        "unit prices",
        'all(money(line.unit_price) == money(lookup(tables.catalogue, "sku", line.sku).unit_price) for line in answer.lines)',
    ),
    (
        "line net",
        "all(money(line.net) == round(line.quantity * money(line.unit_price) "
        "* (1 - max([0] + [step.rate for step in tables.discounts if step.from_quantity <= line.quantity])), "
        "2, 'half_up') for line in answer.lines)",
    ),
    (
        "line tax",
        'all(money(line.tax) == round(money(line.net) * lookup(tables.taxes, "class", '
        'lookup(tables.catalogue, "sku", line.sku).tax_class).rate, 2, "half_up") for line in answer.lines)',
    ),
    ("net", "money(answer.net) == sum(money(line.net) for line in answer.lines)"),
    ("tax", "money(answer.tax) == sum(money(line.tax) for line in answer.lines)"),
)


class InvoiceOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1: two lines, one tax; 2: discounts; 3: five lines and shipping")


@dataclass(frozen=True, slots=True)
class Good:
    sku: str
    name: str
    price: Decimal
    tax_class: str


@dataclass(frozen=True, slots=True)
class Invoice:
    level: int
    customer: str
    goods: tuple[Good, ...]
    lines: tuple[tuple[int, int], ...]  # place in goods, quantity
    steps: tuple[tuple[int, Decimal], ...]  # from which quantity, which discount
    issued: date
    days: int
    free_from: Decimal
    shipping: Decimal

    @property
    def key(self) -> str:
        ordered = sorted([str(self.goods[at].price), self.goods[at].tax_class, quantity] for at, quantity in self.lines)
        return dumps([ordered, [[quantity, str(rate)] for quantity, rate in self.steps]])

    def discount(self, quantity: int) -> Decimal:
        return max((rate for least, rate in self.steps if least <= quantity), default=Decimal(0))

    def answer(self) -> dict[str, Json]:
        rates = dict(TAXES)
        lines, nets, taxes = [], [], []
        for at, quantity in self.lines:
            good = self.goods[at]
            nets.append(cents(quantity * good.price * (1 - self.discount(quantity))))
            taxes.append(cents(nets[-1] * rates[good.tax_class]))
            lines.append(
                {
                    "sku": good.sku,
                    "quantity": quantity,
                    "unit_price": str(good.price),
                    "net": str(nets[-1]),
                    "tax": str(taxes[-1]),
                }
            )
        net, tax, shipping = sum(nets, Decimal(0)), sum(taxes, Decimal(0)), self.shipped(sum(nets, Decimal(0)))
        return {
            "customer": self.customer,
            "lines": lines,
            "net": str(net),
            "tax": str(tax),
            **({"shipping": str(shipping)} if self.level == 3 else {}),
            "total": str(net + tax + shipping),
            "due": (self.issued + timedelta(days=self.days)).isoformat(),
        }

    def shipped(self, net: Decimal) -> Decimal:
        return Decimal("0.00") if self.level < 3 or net >= self.free_from else self.shipping

    def tell(self) -> Told:
        tables = self.tables()
        parts = "money(answer.net) + money(answer.tax)" + (" + money(answer.shipping)" if self.level == 3 else "")
        rules = [
            ("customer", f'answer.customer == "{self.customer}"'),
            *LINE_RULES,
            ("total", f"money(answer.total) == {parts}"),
            ("due", f'date(answer.due) == date("{self.issued}") + days({self.days})'),
        ]
        said = ""
        if self.level == 3:
            rules.append(
                (
                    "shipping",
                    f"money(answer.shipping) == (0 if money(answer.net) >= {self.free_from} else {self.shipping})",
                )
            )
            said = f" Shipping is {self.shipping} untaxed, and free from a net sum of {self.free_from}; it is part of the total."
        steps = ""
        if self.steps:
            steps = f"Discounts on a line, by its quantity:\n\n{shown(tables['discounts'])}\n\n"
        text = (
            f"Write the invoice of customer {self.customer}, issued on {self.issued}, due {self.days} days later.\n\n"
            f"Order:\n\n{shown(tables['order'])}\n\nCatalogue:\n\n{shown(tables['catalogue'])}\n\n"
            f"Tax rates:\n\n{shown(tables['taxes'])}\n\n{steps}"
            f"A line's net is quantity times unit price{' less the highest discount that its quantity earns' if self.steps else ''}, its tax is the net times the rate of its "
            f"class; both are rounded to cents, half a cent up. The sums are sums of the rounded lines.{said} Amounts "
            f"are texts with two decimals."
        )
        line = {"sku": "...", "quantity": 0, "unit_price": "0.00", "net": "0.00", "tax": "0.00"}
        form = {"customer": "...", "lines": [line], "net": "0.00", "tax": "0.00"}
        form |= {"shipping": "0.00"} if self.level == 3 else {}
        form |= {"total": "0.00", "due": "2026-01-31"}
        return Told(text, form, schema(self.level), tables, rules, self.answer())

    def tables(self) -> dict[str, list[dict[str, Json]]]:
        used = {each.tax_class for each in self.goods}
        return {
            "order": [{"sku": self.goods[at].sku, "quantity": quantity} for at, quantity in self.lines],
            "catalogue": [
                {"sku": each.sku, "name": each.name, "unit_price": str(each.price), "tax_class": each.tax_class}
                for each in self.goods
            ],
            "taxes": [{"class": name, "rate": plain(rate)} for name, rate in TAXES if name in used],
            "discounts": [{"from_quantity": least, "rate": plain(rate)} for least, rate in self.steps],
        }


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def schema(level: int) -> Json:
    money: Json = {"type": "string", "pattern": AMOUNT}
    quantity: Json = {"type": "integer", "minimum": 1, "maximum": 100_000}
    line = form_of({"sku": {"type": "string"}, "quantity": quantity, "unit_price": money, "net": money, "tax": money})
    fields = {"customer": {"type": "string"}, "lines": {"type": "array", "items": line, "minItems": 1, "maxItems": 50}}
    fields |= {"net": money, "tax": money} | ({"shipping": money} if level == 3 else {})
    return form_of(fields | {"total": money, "due": {"type": "string", "format": "date"}})


def draw(random: Random, level: int) -> Invoice:
    names = random.sample(GOODS, CATALOGUE[level])
    numbers = random.sample(range(100, 1000), len(names))
    classes = [name for name, _ in TAXES[: CLASSES[level]]]
    goods = tuple(
        Good(f"{name[:2].upper()}-{number}", name, Decimal(random.randint(45, 12_000)) * CENT, random.choice(classes))
        for name, number in zip(names, numbers, strict=True)
    )
    most = {1: 12, 2: 40, 3: 80}[level]
    chosen = random.sample(range(len(goods)), LINES[level])
    steps = ((10, Decimal("0.05")), (25, Decimal("0.125")), (60, Decimal("0.2")))
    return Invoice(
        level=level,
        customer=f"C-{random.randint(1000, 9999)}",
        goods=goods,
        lines=tuple((at, random.randint(1, most)) for at in chosen),
        steps=() if level == 1 else steps[:2] if level == 2 else steps,
        issued=date(2026, 1, 1) + timedelta(days=random.randint(0, 364)),
        days=random.choice((7, 14, 30, 45)),
        free_from=Decimal(random.choice((500, 1000, 2500, 5000))),
        shipping=Decimal(random.randint(490, 4990)) * CENT,
    )


def make(options: InvoiceOptions, split: Split, seed: int) -> DrawnTasks:
    return scenario_tasks("invoice", split, seed, options.level, draw)


INVOICE = Generator(
    about="an invoice as JSON: prices, discounts, tax and sums are recomputed to the cent",
    levels={1: "2 lines, one tax rate", 2: "3 lines, discounts by quantity", 3: "5 lines, three tax rates, shipping"},
    options=InvoiceOptions,
    make=make,
)
