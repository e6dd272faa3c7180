import re

import pytest

from assay.core import errors
from assay.core.errors import AssayError, MissingExtra, UnknownName, did_you_mean


def subclasses(kind: type[AssayError]) -> set[type[AssayError]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(each) for each in found)) if found else found


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    built = {each.__name__ for each in subclasses(AssayError) if each.__module__ == errors.__name__}
    assert sorted(drawn) == sorted(built)


def test_the_drawn_exit_codes_are_the_real_ones() -> None:
    for name, code in re.findall(r"── (\w+) +exit (\d)", errors.__doc__ or ""):
        kind = getattr(errors, name)
        assert {each.exit_code for each in {kind, *subclasses(kind)} if each.__module__ == errors.__name__} == {
            int(code)
        }


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("stpes", ["steps", "seed"], "; did you mean 'steps'?"),
        ("zzz", ["steps", "seed"], ""),
        ("", ["steps"], ""),
        ("steps", [], ""),
    ],
)
def test_the_nearest_name(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint


def test_sentences() -> None:
    unknown = UnknownName("verifier", "maht", ["math", "choice"])
    assert str(unknown) == "unknown verifier 'maht'; did you mean 'math'?; known: choice, math"
    assert unknown.known == ("choice", "math")
    missing = MissingExtra("pyarrow", "data", "a .parquet file")
    assert str(missing) == "a .parquet file needs pyarrow, which is not installed: pip install 'assay[data]'"
    assert missing.exit_code == 3
