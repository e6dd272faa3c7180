"""Units of measure, money, and things counted: by what names they go, and what one is worth in the base unit of its kind.

Two names of one unit are that unit. What is counted (`apples`, `ways`) is a unit too, so that 5 apples are not 5 hours.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

_PREFIXED = """
meter length 1 m: meter meters metre metres
gram mass 1/1000 g: gram grams gramme grammes
liter volume 1/1000 L l: liter liters litre litres
second time 1 s: second seconds sec secs
watt power 1 W: watt watts
joule energy 1 J: joule joules
newton force 1 N: newton newtons
pascal pressure 1 Pa: pascal pascals
volt voltage 1 V: volt volts
ampere current 1 A: ampere amperes amp amps
hertz frequency 1 Hz: hertz
byte data 8 B: byte bytes
bit data 1 b: bit bits
calorie energy 523/125 cal: calorie calories
mole amount 1 mol: mole moles
kelvin temperature 1 K: kelvin kelvins
ohm resistance 1 : ohm ohms
"""
_PREFIXES = (
    ("kilo", "k", Fraction(1000)), ("centi", "c", Fraction(1, 100)), ("milli", "m", Fraction(1, 1000)),
    ("mega", "M", Fraction(10**6)), ("giga", "G", Fraction(10**9)), ("micro", "\u03bc", Fraction(1, 10**6)),
    ("nano", "n", Fraction(1, 10**9)), ("deci", "d", Fraction(1, 10)),
)  # fmt: skip
_SINGLE = """
inch length 127/5000: inch inches in
foot length 381/1250: foot feet ft
yard length 1143/1250: yard yards yd yds
mile length 201168/125: mile miles mi
furlong length 25146/125: furlong furlongs
fathom length 1143/625: fathom fathoms
minute time 60: minute minutes min mins
hour time 3600: hour hours hr hrs h
day time 86400: day days
week time 604800: week weeks
month months 1: month months
year months 12: year years yr yrs
decade months 120: decade decades
century months 1200: century centuries
pound mass 45359237/100000000: pound pounds lb lbs
ounce mass 45359237/1600000000: ounce ounces oz
tonne mass 1000: tonne tonnes
ton tons 1: ton tons
gallon volume 473176473/125000000000: gallon gallons gal
quart volume 473176473/500000000000: quart quarts qt
pint volume 473176473/1000000000000: pint pints pt
cup volume 473176473/2000000000000: cup cups
tablespoon volume 473176473/32000000000000: tablespoon tablespoons tbsp
teaspoon volume 473176473/96000000000000: teaspoon teaspoons tsp
acre area 316160658/78125: acre acres
hectare area 10000: hectare hectares ha
dollar dollars 1: dollar dollars usd
cent dollars 1/100: cent cents
nickel nickels 1: nickel nickels
dime dimes 1: dime dimes
penny pennies 1: penny pennies
quarter quarters 1: quarter quarters
euro euro 1: euro euros eur
pound_sterling sterling 1: pence
yen yen 1: yen
rupee rupee 1: rupee rupees
degree angle 1: degree degrees deg
radian radian 1: radian radians rad rads
revolution angle 360: revolution revolutions rev
celsius celsius 1: celsius
fahrenheit fahrenheit 1: fahrenheit
percent percent 1: percent
percentage_point percentage_point 1:
knot speed 463/900: knot knots
unit unit 1: unit units
"""
_COUNTED = [
    "apple",
    "orange",
    "ball",
    "marble",
    "book",
    "page",
    "student",
    "boy",
    "girl",
    "child",
    "person",
    "people",
    "man",
    "woman",
    "player",
    "team",
    "game",
    "match",
    "goal",
    "point",
    "way",
    "time",
    "step",
    "move",
    "turn",
    "solution",
    "root",
    "pair",
    "group",
    "set",
    "member",
    "element",
    "number",
    "digit",
    "integer",
    "factor",
    "divisor",
    "multiple",
    "prime",
    "side",
    "edge",
    "vertex",
    "face",
    "angle",
    "triangle",
    "square",
    "rectangle",
    "circle",
    "diagonal",
    "cube",
    "tile",
    "brick",
    "block",
    "box",
    "bag",
    "card",
    "coin",
    "pencil",
    "pen",
    "car",
    "bus",
    "train",
    "plane",
    "boat",
    "ship",
    "wheel",
    "bike",
    "bicycle",
    "ticket",
    "seat",
    "row",
    "column",
    "table",
    "chair",
    "room",
    "house",
    "floor",
    "building",
    "tree",
    "flower",
    "plant",
    "seed",
    "animal",
    "dog",
    "cat",
    "bird",
    "fish",
    "cow",
    "chicken",
    "egg",
    "sheep",
    "horse",
    "pig",
    "cookie",
    "cake",
    "pie",
    "slice",
    "piece",
    "candy",
    "pizza",
    "sandwich",
    "cup",
    "bottle",
    "can",
    "jar",
    "glass",
    "plate",
    "bowl",
    "friend",
    "worker",
    "employee",
    "customer",
    "guest",
    "passenger",
    "teacher",
    "class",
    "school",
    "question",
    "problem",
    "test",
    "answer",
    "word",
    "letter",
    "message",
    "call",
    "trip",
    "lap",
    "jump",
    "hit",
    "shot",
    "stamp",
    "sticker",
    "toy",
    "doll",
    "shirt",
    "shoe",
    "sock",
    "hat",
    "dress",
    "handshake",
    "arrangement",
    "combination",
    "permutation",
    "outcome",
    "possibility",
    "choice",
    "combo",
    "path",
    "route",
    "sequence",
    "subset",
    "function",
    "value",
    "term",
    "case",
    "bottle",
    "gallon",
    "ribbon",
    "rope",
    "string",
    "stick",
    "pole",
    "post",
    "fence",
    "flag",
    "banana",
    "pear",
    "peach",
    "plum",
    "grape",
    "cherry",
    "lemon",
    "melon",
    "potato",
    "carrot",
    "tomato",
    "onion",
    "lollipop",
    "chocolate",
    "muffin",
    "cupcake",
    "donut",
    "doughnut",
    "loaf",
    "bread",
    "bean",
    "nut",
    "peanut",
    "balloon",
    "bead",
    "button",
    "crayon",
    "marker",
    "eraser",
    "notebook",
    "magazine",
    "newspaper",
    "movie",
    "song",
    "video",
    "photo",
    "picture",
    "painting",
    "vote",
    "win",
    "loss",
    "inning",
    "round",
    "race",
    "mile",
    "lap",
    "key",
    "lock",
    "bulb",
    "light",
    "battery",
    "phone",
    "computer",
]
_PLURALS = {"child": "children", "person": "persons", "man": "men", "woman": "women", "vertex": "vertices",
            "loaf": "loaves", "people": "people"}  # fmt: skip


class Tables(NamedTuple):
    names: dict[str, str]  # every name to the unit's own
    worth: dict[
        str, tuple[str, Fraction]
    ]  # a unit to the kind of what it measures, and its worth in that kind's base unit


@cache
def tables() -> Tables:
    """Made when a case first has a unit."""
    names_of: dict[str, str] = {}
    worth_of: dict[str, tuple[str, Fraction]] = {}
    for word in _COUNTED:
        plural = _PLURALS.get(word) or (
            word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou"
            else word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
        )  # fmt: skip
        names_of[word] = names_of[plural] = word
    names_of["people"] = names_of["persons"] = "person"
    for line in _SINGLE.strip().splitlines():
        head, _, names = line.partition(":")
        canonical, kind, worth = head.split()
        worth_of[canonical] = (kind, Fraction(worth))
        for name in names.split():
            names_of[name] = canonical
        names_of[canonical.replace("_", " ")] = canonical
    for line in _PREFIXED.strip().splitlines():
        head, _, names = line.partition(":")
        canonical, kind, worth, *signs = head.split()
        for prefix, sign, times in (("", "", Fraction(1)), *_PREFIXES):
            full = prefix + canonical
            worth_of[full] = (kind, Fraction(worth) * times)
            for name in names.split():
                if prefix == "" or len(name) > 4 or name == "gram":
                    names_of[prefix + name] = full
            for each in signs:
                names_of[sign + each] = full
    for shape in ("square", "cube"):  # `square cm`
        names_of.pop(shape)
    names_of["cc"] = "centimeter^3"
    names_of["mph"], names_of["kph"] = "mile/hour", "kilometer/hour"
    for mistaken in ("b", "B", "cl", "dl", "kb", "cb", "mb", "db", "nb", "mB", "cB", "dB", "nB", "Gb"):
        names_of.pop(mistaken, None)
    return Tables(names_of, worth_of)


AMBIGUOUS = frozenset(("in", "a", "an", "as", "at", "may", "can", "pt", "mol", "cal", "ha", "mi", "Pa", "rev", "gal"))
"""Units only where the text says that they are words: `\\text{in}`; a bare run of these letters is none."""


def unit_name(run: str) -> str | None:
    """The unit that a bare run of at least two letters names."""
    if len(run) < 2 or run in AMBIGUOUS:
        return None
    found = tables().names.get(run)
    return (
        found
        if found is not None or not run[:1].isupper()
        else tables().names.get(run.lower())
        if len(run) > 3
        else None
    )


def unit_word(text: str) -> str | None:
    r"""The unit that one word inside `\text{...}` names."""
    found = tables().names.get(text)
    return tables().names.get(text.lower()) if found is None and len(text) > 2 else found
