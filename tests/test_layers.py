"""The arrows of the house, read off the imports: which room may know which, what may import torch, and no circles."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "assay"

BELOW_RUNS = {"audit", "core", "model", "reward", "rollout", "sandbox", "tasks", "verify"}
EVERYTHING = {*BELOW_RUNS, "learn", "measure", "pipeline", "recipes", "report"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "sandbox": {"core"},
    "reward": {"core"},
    "model": {"core"},
    "recipes": {"core"},
    "verify": {"core", "sandbox"},
    "tasks": {"core", "sandbox", "verify"},
    "rollout": {"core", "model", "reward", "sandbox", "tasks", "verify"},
    "audit": {"core", "reward", "rollout", "sandbox", "tasks", "verify"},
    "measure": BELOW_RUNS,
    "learn": {*BELOW_RUNS, "measure"},
    "report": {*BELOW_RUNS, "learn", "measure"},
    "pipeline": {*BELOW_RUNS, "learn", "measure", "recipes"},
    "api": EVERYTHING,
    "serve": EVERYTHING,
    "adapters": {*EVERYTHING, "api"},
    "cli": {*EVERYTHING, "api", "serve", "adapters"},
    "__init__": {*EVERYTHING, "api"},
    "__main__": {"cli"},
}
"""Room -> the rooms below it that it may import. A file beside the rooms is a room of its own."""

TORCH_ROOMS = {"model", "learn"}
TORCH_FILES = {f"assay.rollout.{name}" for name in ("sampling", "plain_cache", "shared_cache", "torch_engine")}
EXTRAS = {"numpy", "transformers", "safetensors", "peft", "gguf", "datasets", "pyarrow", "pandas", "reasoning_gym"}
EXTRAS |= {
    "ortools",
    "duckdb",
    "math_verify",
    "wandb",
    "trackio",
    "tensorboard",
    "mlflow",
    "torch",
    "scipy",
    "huggingface_hub",
}


class Import(NamedTuple):
    module: str  # what is imported: the module that the name is found in
    line: int
    is_at_load: bool  # run when the file is imported, and not only by a function or for the type checker


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def read(module: str, node: ast.AST, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = at_load and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from read(module, ast.Module([statement], []), False)
            for statement in child.orelse:
                yield from read(module, ast.Module([statement], []), inside)
        elif isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module}:{child.lineno}: imports are absolute"
            assert child.module is not None
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield Import(whole if whole in modules() else child.module, child.lineno, inside)
        else:
            yield from read(module, child, inside)


@cache
def imports(module: str) -> tuple[Import, ...]:
    return tuple(read(module, ast.parse(modules()[module].read_text(encoding="utf-8")), True))


def ours_at_load(module: str) -> set[str]:
    return {each.module for each in imports(module) if each.is_at_load and each.module in modules()} - {module}


def loads_torch(module: str, seen: set[str] | None = None) -> bool:
    """Whether importing this file brings in torch, through whatever it imports."""
    seen = seen if seen is not None else set()
    seen.add(module)
    if any(each.is_at_load and each.module.partition(".")[0] == "torch" for each in imports(module)):
        return True
    return any(loads_torch(each, seen) for each in ours_at_load(module) - seen)


def test_the_house_is_found() -> None:
    assert {"assay", "assay.core.types", "assay.verify.base", "assay.learn.train"} <= set(modules())
    assert Import("assay.core.types", 0, True)._replace(line=0) in {
        each._replace(line=0) for each in imports("assay.verify.base")
    }
    assert any(each.module == "assay.verify.function" and not each.is_at_load for each in imports("assay.verify.base"))


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in modules()} <= set(MAY_IMPORT)


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_arrows_run_down_only(name: str) -> None:
    wrong = [
        f"{module}:{each.line} imports {each.module}"
        for module in modules()
        if room(module) == name
        for each in imports(module)
        if each.module.partition(".")[0] == "assay"
        and room(each.module) not in {name, *MAY_IMPORT[name]}
        and not (each.module == "assay" and name in ("cli", "adapters"))
    ]
    assert not wrong


def test_the_table_itself_has_no_circle() -> None:
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        free = [name for name, below in MAY_IMPORT.items() if name not in order and below <= set(order)]
        assert free, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += free


def test_no_files_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module not in done:
            for each in sorted(ours_at_load(module)):
                visit(each, (*path, module))
            done.add(module)

    for module in modules():
        visit(module, ())


def test_only_the_torch_rooms_import_torch() -> None:
    direct = {
        module
        for module in modules()
        for each in imports(module)
        if each.is_at_load and each.module.split(".")[0] == "torch"
    }
    assert {each for each in direct if room(each) not in TORCH_ROOMS} <= TORCH_FILES
    through = {module for module in modules() if loads_torch(module)}
    assert {each for each in through if room(each) not in TORCH_ROOMS} <= TORCH_FILES


def test_optional_packages_are_imported_where_they_are_used() -> None:
    wrong = [
        f"{module}:{each.line} imports {each.module}"
        for module in modules()
        if room(module) not in TORCH_ROOMS and module not in TORCH_FILES
        for each in imports(module)
        if each.is_at_load and each.module.partition(".")[0] in EXTRAS
    ]
    assert not wrong


def test_adapters_import_their_framework_inside_functions() -> None:
    known = {*sys.stdlib_module_names, "assay", "pydantic"}
    wrong = [
        f"{module}:{each.line}"
        for module in modules()
        if room(module) == "adapters"
        for each in imports(module)
        if each.is_at_load and each.module.partition(".")[0] not in known
    ]
    assert not wrong


def test_rich_and_typer_stay_in_the_command_line() -> None:
    assert not [
        f"{module}:{each.line}"
        for module in modules()
        if room(module) != "cli"
        for each in imports(module)
        if each.module.partition(".")[0] in ("rich", "typer", "click")
    ]


def test_randomness_comes_from_core_rng() -> None:
    """No global generator is drawn from or seeded, but torch's own inside a fork, with a seed that `derive` made."""
    named = ("random.", "numpy.random.", "np.random.", "torch.rand", "torch.normal", "torch.multinomial")
    keyed = ("numpy.random.Generator", "numpy.random.Philox", "torch.random.fork_rng")  # made of a derived key
    for module, path in modules().items():
        if module == "assay.core.rng":
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        known = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        for node in nodes:  # `random` may also be a stream's name
            if isinstance(node, ast.ImportFrom) and node.module == "random":
                assert [alias.name for alias in node.names] == ["Random"], f"{module}:{node.lineno}"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                is_own = called in keyed or any(each.arg == "generator" for each in node.keywords)
                is_own = is_own or (called.startswith("random.") and "random" not in known)
                assert is_own or not called.startswith(named), f"{module}:{node.lineno} calls {called}"
                assert called != "Random", f"{module}:{node.lineno}"
                if called == "torch.manual_seed":
                    assert ast.unparse(node.args[0]).startswith("derive("), f"{module}:{node.lineno}"


def test_files_read_in_one_sitting() -> None:
    longest = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules().items()}
    assert {module: lines for module, lines in longest.items() if lines > 440} == {}


def test_no_file_is_named_for_leftovers() -> None:
    assert not {"utils", "util", "helpers", "misc", "manager", "common"} & {
        part for module in modules() for part in module.split(".")
    }


def test_what_needs_no_torch_works_without_it() -> None:
    """Every file outside the torch rooms, imported by an interpreter in which torch cannot be found."""
    free = [module for module in modules() if not loads_torch(module) and not module.endswith("__main__")]
    free = [module for module in free if room(module) not in TORCH_ROOMS]
    code = "import sys, importlib\nsys.modules['torch'] = None\n" + "".join(
        f"importlib.import_module({module!r})\n" for module in free
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert {"assay.cli.verify", "assay.cli.audit", "assay.cli.config", "assay.cli.doctor"} <= set(free)
