"""Colours that stand beside each other on a chart differ for every eye, in light and in dark.

Dichromats are simulated by Machado, Oliveira and Fernandes (2009, severity 1) in linear RGB; differences are CIE76 in
L*a*b*, where 2.3 is the smallest that can be seen.
"""

import re
from importlib.resources import files
from itertools import combinations

import pytest

STYLE = (files("assay.report") / "viewer.css").read_text(encoding="utf-8")
EYES = {
    "trichromat": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanope": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranope": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanope": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TOGETHER = {
    "outcomes": ("pass", "fail", "void"),
    "groups by cause": ("informative", "pass", "fail", "unparsed", "void", "flat"),
    "the first lines of a chart": ("s1", "s2", "s3", "s4"),
    "before and after": ("before", "s1"),
}


def colour(name: str, scheme: str) -> str:
    light, dark = re.search(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\)", STYLE).groups()
    return light if scheme == "light" else dark


def lab(colour: str, eye: str) -> tuple[float, float, float]:
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    seen = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in EYES[eye]]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) / w for row, w in zip(rows, white, strict=True)]
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("where", TOGETHER)
def test_neighbours_differ(where: str, eye: str, scheme: str) -> None:
    for one, other in combinations(TOGETHER[where], 2):
        a, b = lab(colour(one, scheme), eye), lab(colour(other, scheme), eye)
        distance = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
        assert distance > 15, f"{one} and {other}: {distance:.1f}"
