import sys
from pathlib import Path

import pytest

from assay.core.errors import UnknownName
from assay.core.registry import Registry, load_object


@pytest.fixture
def registry() -> Registry[object]:
    return Registry("thing", {"path": "pathlib:Path", "never": "no_such_module:thing"})


def install_plugin(folder: Path, group: str, points: dict[str, str], module: str) -> None:
    """A real installed distribution: metadata and a module in a folder on the path."""
    info = folder / "assay_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: assay-plugin\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {place}" for name, place in points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
    (folder / "assay_plugin_module.py").write_text(module)


def test_listing_imports_nothing(registry: Registry[object]) -> None:
    assert list(registry) == ["never", "path"]
    assert "never" in registry
    assert "nothing" not in registry
    with pytest.raises(ModuleNotFoundError):
        registry.get("never")


def test_get_loads_once(registry: Registry[object]) -> None:
    assert registry.get("path") is Path
    assert registry.get("path") is registry.get("path")


def test_unknown_names_come_with_the_nearest(registry: Registry[object]) -> None:
    with pytest.raises(UnknownName, match=r"unknown thing 'pth'; did you mean 'path'\?; known: never, path"):
        registry.get("pth")


def test_what_is_added_at_run_time_goes_first(registry: Registry[object]) -> None:
    registry.add("path", "mine")
    registry.add("new", "thing")
    assert registry.get("path") == "mine"
    assert list(registry) == ["never", "new", "path"]


def test_other_packages_add_through_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(
        tmp_path,
        "assay.thing",
        {"theirs": "assay_plugin_module:make", "path": "assay_plugin_module:make"},
        "make = 'made'\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[object] = Registry("thing", {"path": "pathlib:Path"})
    assert list(registry) == ["path", "theirs"]
    assert "assay_plugin_module" not in sys.modules, "listing does not import the package"
    assert registry.get("theirs") == "made"
    assert registry.get("path") is Path, "a package cannot take the place of a built-in"
    sys.modules.pop("assay_plugin_module")


def test_load_object() -> None:
    assert load_object("pathlib:Path") is Path
    with pytest.raises(AttributeError):
        load_object("pathlib:Nothing")
