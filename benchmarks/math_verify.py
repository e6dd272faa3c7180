"""The math verifier against math-verify 0.9.0, in one run: correctness, throughput, latency, bombs, import time.

    python benchmarks/math_verify.py                      # all of it, about ten minutes on one core
    python benchmarks/math_verify.py --only correctness throughput
    python benchmarks/math_verify.py --data ../shared/data --repeats 5

Throughput is verdicts per CPU-second of one process on one core, the best of --repeats passes; both sides read each truth
once per task, inside the time, and every response carries 500 characters of reasoning of its own. Before each pass every
functools cache of assay.verify is emptied. "No shortcut" rewrites each answer so that its text differs from the truth's
while its value cannot (`\\displaystyle` in front of it), so that equality of texts decides nothing.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import logging
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:] = [each for each in sys.path if Path(each).resolve() != HERE]  # this file has the peer package's own name
from math_verify import parse, verify  # noqa: E402

sys.path.append(str(HERE))
import math_oracle  # noqa: E402

from assay.verify.base import judge_case, read_case  # noqa: E402

ROOT = HERE.parent
BOMBS = ROOT / "tests" / "verify" / "math" / "bombs.py"
NAMED_BOMBS = (
    "tower of powers",
    "binomial to expand",
    "factorials of factorials",
    "nested parentheses",
    "200,000 digits",
    "500 KB of words",
)
PARTS = ("correctness", "throughput", "latency", "bombs", "import")

Pair = tuple[str, str]  # a truth and a response


class Tally(NamedTuple):
    passed: int
    of: int

    def __str__(self) -> str:
        return f"{self.passed:,} of {self.of:,}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    if not (options.data / "math500.jsonl").is_file() or not (options.data / "gsm8k" / "test.jsonl").is_file():
        print(f"No math500.jsonl and gsm8k/test.jsonl under {options.data}: name their folder with --data.")
        return 3
    math500 = [each["answer"] for each in read_jsonl(options.data / "math500.jsonl")]
    gsm8k = [each["answer"].rsplit("####", 1)[1].strip() for each in read_jsonl(options.data / "gsm8k" / "test.jsonl")]
    print(f"MATH-500: {len(math500)} truths; GSM8K test: {len(gsm8k)} truths; seed {options.seed}")
    if "correctness" in options.only:
        correctness(math500, gsm8k, options.seed)
    if "throughput" in options.only:
        throughput(math500, gsm8k, options.seed, options.repeats)
    if "latency" in options.only:
        latency(math500, gsm8k, options.seed)
    if "bombs" in options.only:
        bombs()
    if "import" in options.only:
        import_time()
    return 0


def read_jsonl(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


# The two sides


def ours(pairs: Iterable[Pair]) -> list[bool]:
    """Truths that follow each other and are equal are read once."""
    made, case, last = [], None, None
    for truth, response in pairs:
        if truth != last:
            case, last = read_case("math", truth), truth
        assert case is not None
        made.append(judge_case(case, response).is_pass)
    return made


def theirs(pairs: Iterable[Pair]) -> list[bool]:
    """math-verify with its default arguments, gold first."""
    made, gold, last = [], None, None
    for truth, response in pairs:
        if truth != last:
            gold, last = parse(f"\\boxed{{{truth}}}"), truth
        made.append(bool(verify(gold, parse(response))))
    return made


SIDES: dict[str, Callable[[Iterable[Pair]], list[bool]]] = {"assay": ours, "math-verify": theirs}

WORDS = str.split(
    "so we see that the sum of both sides is then even and we add three to it which gives us a square again"
)


def reasoning(pick: random.Random) -> str:
    """500 characters, never the same twice, with numbers in it."""
    text = " ".join(pick.choice([*WORDS, str(pick.randint(2, 999))]) for _ in range(160))
    return text[:497] + ".\n\n"


def boxed(answer: str, pick: random.Random) -> str:
    return f"{reasoning(pick)}The answer is $\\boxed{{{answer}}}$."


# Correctness


def correctness(math500: list[str], gsm8k: list[str], seed: int) -> None:
    pick = random.Random(seed)
    print("\n== Correctness ==")
    for name, truths in (("MATH-500", math500), ("GSM8K", gsm8k)):
        pairs = [(truth, f"\\boxed{{{truth}}}") for truth in truths]
        for who, side in SIDES.items():
            marks = side(pairs)
            print(f"{name} truth against itself, {who}: {Tally(sum(marks), len(marks))}")
            lost = [truth for (truth, _), mark in zip(pairs, marks, strict=True) if not mark]
            if lost:
                print(f"  refused: {lost[:10]}")
    different, same, unknown = [], 0, 0
    for truth in math500:
        for other in pick.sample(math500, 20):
            relation = math_oracle.relate(truth, other)
            if relation == "different":
                different.append((truth, f"\\boxed{{{other}}}"))
            same += relation == "same"
            unknown += relation == "unknown"
    print(f"Oracle: {math_oracle.NAME}; of 10,000 pairs {same} of the same value, {unknown} unknown, both left out")
    for who, side in SIDES.items():
        marks = side(different)
        paid = [pair for pair, mark in zip(different, marks, strict=True) if mark]
        print(f"MATH-500 truth against 20 others of a different value, {who}: accepted {Tally(sum(marks), len(marks))}")
        for truth, response in paid[:20]:
            print(f"  accepted: {response} for {truth}")
    wrong = [
        (truth, f"\\boxed{{{other}}}")
        for truth in gsm8k
        for other in pick.sample(gsm8k, 20)
        if int(truth.replace(",", "")) != int(other.replace(",", ""))
    ]
    print(f"GSM8K truth against 20 others of a different value, assay: accepted {Tally(sum(ours(wrong)), len(wrong))}")
    part = wrong[:: len(wrong) // 2000]
    print(f"  the same, a tenth or so of them, math-verify: accepted {Tally(sum(theirs(part)), len(part))}")
    golden()


def golden() -> None:
    """The golden rows that both sides can be asked: a bare truth and an answer in a box."""
    rows = [row for file in sorted((ROOT / "tests/golden/math").glob("*.jsonl")) for row in read_jsonl(file)]
    asked = [row for row in rows if isinstance(row["truth"], str) and "answer" in row]
    pairs = [(row["truth"], f"\\boxed{{{row['answer']}}}") for row in asked]
    right = [row["expect"] == "pass" for row in asked]
    for who, side in SIDES.items():
        marks = side(pairs)
        paid = sum(mark and not should for mark, should in zip(marks, right, strict=True))
        lost = sum(should and not mark for mark, should in zip(marks, right, strict=True))
        print(
            f"Golden rows without policies, {who}: false accepts {Tally(paid, len(right) - sum(right))}, "
            f"false rejects {Tally(lost, sum(right))}"
        )


# Throughput


def throughput(math500: list[str], gsm8k: list[str], seed: int, repeats: int) -> None:
    pick = random.Random(seed)
    integers = [truth.replace(",", "") for truth in gsm8k]
    mixes: dict[str, tuple[list[Pair], bool]] = {
        "GSM8K integers, right": ([(truth, boxed(truth, pick)) for truth in integers], True),
        "GSM8K integers, off by one": ([(truth, boxed(str(int(truth) + 1), pick)) for truth in integers], False),
        "GSM8K integers, right, no shortcut": ([(truth, boxed(roundabout(truth), pick)) for truth in integers], True),
        "MATH-500 against itself, cold": ([(truth, boxed(truth, pick)) for truth in math500], True),
        "MATH-500 against itself, cold, no shortcut": (
            [(truth, boxed(roundabout(truth), pick)) for truth in math500],
            True,
        ),
        "MATH-500 rewritten": ([(truth, boxed(rewritten(truth, pick), pick)) for truth in math500], True),
        "MATH-500 rewritten, no shortcut": (
            [(truth, boxed(roundabout(rewritten(truth, pick)), pick)) for truth in math500],
            True,
        ),
    }
    targets = {"GSM8K integers, right": 50_000, "GSM8K integers, off by one": 50_000}
    targets |= {"MATH-500 against itself, cold": 20_000, "MATH-500 rewritten": 1_000}
    print("\n== Throughput: verdicts per CPU-second, one process, one core ==")
    for name, (pairs, _) in mixes.items():
        rates, passed = {}, {}
        for who, side in SIDES.items():
            side(pairs[:20])  # imports, and first-use set-up, are not throughput
            best = 0.0
            for _ in range(repeats if who == "assay" else 1):
                forget()
                start = time.process_time()
                marks = side(pairs)
                best = max(best, len(pairs) / (time.process_time() - start))
            rates[who], passed[who] = best, sum(marks)
        print(
            f"{name}: assay {rates['assay']:,.0f}/s ({passed['assay']} passed), "
            f"math-verify {rates['math-verify']:,.0f}/s ({passed['math-verify']} passed), "
            f"ratio {rates['assay'] / rates['math-verify']:,.0f}"
            + (f"; asked for {targets[name]:,}/s" if name in targets else "")
        )


def forget() -> None:
    """Empty every functools cache of assay.verify, so that nothing is remembered from pass to pass."""
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper) and (each.__module__ or "").startswith("assay.verify.math"):
            each.cache_clear()
    gc.collect()


def rewritten(truth: str, pick: random.Random) -> str:
    """The same answer as another writer would put it: other commands, spaces, sizes, marks."""
    text = truth
    if "\\frac" in text:
        text = text.replace("\\frac", pick.choice(["\\dfrac", "\\tfrac"]))
    if "\\left" not in text and pick.random() < 0.7 and re.fullmatch(r"[^()\[\]]*\([^()\[\]]*\)[^()\[\]]*", text):
        text = text.replace("(", "\\left(").replace(")", "\\right)")
    elif "\\left" in text:
        text = text.replace("\\left", "").replace("\\right", "")
    if "begin" not in text and "text" not in text and "mbox" not in text:
        text = (
            re.sub(r"\s*([+,=])\s*(?!\\!)", lambda found: f" {found.group(1)} ", text)
            if not re.search(r"\\!|\d,\d{3}(?!\d)", text)
            else text
        )
        text = re.sub(r"(?<!\\)\\sqrt(\d)", r"\\sqrt{\1}", text)
    text = text.replace("pmatrix", "bmatrix").replace("\\text{(", "\\textbf{(")
    if re.fullmatch(r"-?\d+", truth):
        text = pick.choice([f"{truth}.0", f"${truth}$", f"\\text{{{truth}}}", f"\\,{truth}", f"\\mathbf{{{truth}}}"])
    return text if text != truth else f"${truth}$"


def roundabout(text: str) -> str:
    """The same answer, in a text that comparing texts does not take for the same: a style command in front of it."""
    return f"$\\displaystyle {text[1:]}" if text.startswith("$") else f"\\displaystyle {text}"


# Latency


def latency(math500: list[str], gsm8k: list[str], seed: int) -> None:
    pick = random.Random(seed)
    mix: list[Pair] = []
    for truth in math500:
        mix += [(truth, boxed(truth, pick)), (truth, boxed(rewritten(truth, pick), pick))]
        mix += [(truth, boxed(other, pick)) for other in pick.sample(math500, 2)]
    for truth in (each.replace(",", "") for each in gsm8k[:500]):
        mix += [(truth, boxed(truth, pick)), (truth, boxed(str(int(truth) + 1), pick))]
    print("\n== Latency of one verdict in a normal mix, truth read beforehand ==")
    for who in SIDES:
        spent = []
        for truth, response in mix if who == "assay" else mix[::5]:
            if who == "assay":
                case = read_case("math", truth)
                start = time.perf_counter()
                judge_case(case, response)
            else:
                gold = parse(f"\\boxed{{{truth}}}")
                start = time.perf_counter()
                verify(gold, parse(response))
            spent.append((time.perf_counter() - start) * 1000)
        cuts = statistics.quantiles(spent, n=1000)
        print(
            f"{who}: {len(spent):,} verdicts, p50 {cuts[499]:.3f} ms, p99 {cuts[989]:.3f} ms, "
            f"p99.9 {cuts[998]:.3f} ms, longest {max(spent):.1f} ms"
        )


# Bombs

BOMB_CHILD = r"""
import json, resource, runpy, sys, time
who, wanted, file = sys.argv[1:]
made = runpy.run_path(file)["BOMBS"]
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
if who == "assay":
    from assay.verify.base import judge_case, read_case
    case = read_case("math", "5")
    def outcome(response):
        return str(judge_case(case, response).outcome)
else:
    from math_verify import parse, verify
    def outcome(response):
        return "pass" if verify(parse("5"), parse(response)) else "fail"
def peak():  # of this program alone: ru_maxrss still holds what its parent had when it started this
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
before, seconds, outcomes = peak(), {}, {}
for name, make in made.items():
    if wanted in ("all", name):
        response = "\\boxed{" + make() + "}"
        start = time.perf_counter()
        came = outcome(response)
        seconds[name] = time.perf_counter() - start
        outcomes[came] = outcomes.get(came, 0) + 1
print(json.dumps({"seconds": seconds, "outcomes": outcomes, "before": before, "peak": peak()}))
"""


def bombs() -> None:
    print("\n== Bombs: seconds for one answer against the truth 5, and the peak memory of a process of its own ==")
    done = run_child("assay", "all", 600)
    if done is not None:
        slowest = sorted(done["seconds"].items(), key=lambda item: -item[1])
        print(f"assay: {len(slowest)} bombs in one process, outcomes {done['outcomes']}, {memory(done)}")
        for name in [*NAMED_BOMBS, *(name for name, _ in slowest[:5] if name not in NAMED_BOMBS)]:
            print(f"  {name}: {done['seconds'][name]:.3f} s")
    for name in NAMED_BOMBS:
        done = run_child("math-verify", name, 30)
        if done is None:
            print(f"math-verify, {name}: no answer within 30 s, or a crash")
        else:
            print(f"math-verify, {name}: {done['seconds'][name]:.3f} s, {done['outcomes']}, {memory(done)}")


def memory(done: dict[str, Any]) -> str:
    return f"peak {done['peak']:.0f} MB ({done['before']:.0f} MB before the first)"


def run_child(who: str, name: str, seconds: float) -> dict[str, Any] | None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", BOMB_CHILD, who, name, str(BOMBS)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout else None


# Import


def import_time() -> None:
    print("\n== Import, seconds of CPU over a bare Python (best of 7) ==")
    bare = cpu("pass")
    for name, line in (
        ("assay.verify.math.verifier", "import assay.verify.math.verifier"),
        ("... and the first integer judged", "from assay.verify.base import judge; judge('math', '5', r'\\boxed{5}')"),
        ("math_verify", "import math_verify"),
    ):
        print(f"{name}: {cpu(line) - bare:.3f} s")


def cpu(line: str) -> float:
    best = float("inf")
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", line], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


if __name__ == "__main__":
    sys.exit(main())
