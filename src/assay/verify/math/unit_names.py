"""Units of measure, money and things counted: what they are called, and how far one is worth another.

A unit here is a canonical name. Two names of one unit are the same; `CONVERT` says what a unit is worth in the base unit
of its kind, for truths with `"units": "convert"`.
"""

from __future__ import annotations

_NAMES = """
meter: meter meters metre metres m
centimeter: centimeter centimeters centimetre centimetres cm
millimeter: millimeter millimeters millimetre millimetres mm
kilometer: kilometer kilometers kilometre kilometres km
inch: inch inches in
foot: foot feet ft
yard: yard yards yd
mile: mile miles mi
"""
_PLAIN = {}
for _line in _NAMES.split("\n"):
    _canonical, _, _names = _line.partition(":")
    for _name in _names.split():
        _PLAIN[_name] = _canonical


def unit_name(text: str) -> str | None:
    return _PLAIN.get(text)
