import importlib.util
from pathlib import Path

from assay.cli.app import VERBS


def test_the_page_is_the_programs_own_help() -> None:
    spec = importlib.util.spec_from_file_location("help_page", Path(__file__).with_name("help_page.py"))
    assert spec is not None
    assert spec.loader is not None
    help_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(help_page)
    found, real = help_page.PAGE.read_text(encoding="utf-8"), help_page.page()
    assert all(f"## `assay {verb}`" in real for verb in VERBS)
    assert found == real, "the help has changed: python tests/cli/help_page.py writes docs/reference/cli.md anew"
