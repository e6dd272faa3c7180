"""The names that `import assay` offers: one sorted list, each documented, loaded only when used."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import assay

ROOT = Path(__file__).parents[1]
SLOW = ("torch", "sympy", "transformers", "numpy", "pydantic", "typer", "rich", "pyarrow", "datasets")


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_assay_loads_nothing_slow() -> None:
    loaded = fresh("import sys, assay\nprint(' '.join(sys.modules))").split()
    assert "assay" in loaded
    assert not {each.partition(".")[0] for each in loaded} & set(SLOW)
    assert [each for each in loaded if each.startswith("assay.")] == []


def test_the_nouns_and_a_verdict_load_neither_torch_nor_sympy() -> None:
    code = (
        "import sys, assay\n"
        "assay.Task('1', (assay.Message('user', '?'),), 'choice', 'B'); assay.Outcome.PASS, assay.find_rule('outcome')\n"
        "assert assay.judge('choice', 'B', 'so \\\\boxed{B}').is_pass\n"
        "print(' '.join({each.partition('.')[0] for each in sys.modules}))"
    )
    assert not set(fresh(code).split()) & {"torch", "sympy", "transformers", "numpy", "typer"}


def test_one_sorted_list() -> None:
    assert assay.__all__ == sorted(set(assay.__all__))
    assert 20 <= len(assay.__all__) <= 32
    assert dir(assay) == assay.__all__


@pytest.mark.parametrize("name", assay.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(assay, name)
    assert thing is getattr(assay, name)
    if name != "__version__":
        said = inspect.getdoc(thing)
        assert said, f"{name} has no docstring"
        assert not said.startswith((f"{name}(", "Enum where")), f"{name} has only what Python wrote for it"
        assert thing.__module__.startswith("assay.")


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert assay.__version__ == version("assay")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'jugde'"):
        assay.jugde  # noqa: B018
    with pytest.raises(ImportError):
        from assay import jugde  # noqa: F401


def test_no_name_is_that_of_a_room() -> None:
    """Importing `assay.x` would put the module in the place of a function of that name."""
    inside = {path.stem for path in (ROOT / "src/assay").iterdir() if not path.name.startswith("_")}
    assert not inside & set(assay.__all__)


def test_the_page_lists_every_name() -> None:
    page = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, flags=re.M)
    assert sorted(rows) == sorted(set(assay.__all__))


def test_the_pages_example_uses_names_that_are_there() -> None:
    for page in (ROOT / "docs/reference/python.md", ROOT / "README.md"):
        for name in re.findall(r"\bassay\.(\w+)\(", page.read_text(encoding="utf-8")):
            assert name in assay.__all__, f"{page.name}: assay.{name}"


def test_type_checkers_see_what_is_loaded() -> None:
    tree = ast.parse((ROOT / "src/assay/__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        node.module: tuple(alias.name for alias in node.names)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    assert seen == assay._PLACES
    assert sorted(name for names in seen.values() for name in names) == sorted(set(assay.__all__) - {"__version__"})
