"""Fuzz the math verifier: nothing but Verdicts, no VOID that a response caused, none above a second, nothing wrong paid.

    python benchmarks/fuzz_math.py --inputs 200000 --seed 0

Inputs are the golden rows' answers and responses, mutated (characters and tokens deleted, doubled, swapped, inserted,
two answers spliced, brackets broken), and soups of LaTeX tokens, letters and bytes, each judged against a golden truth.
Seconds are CPU-seconds of this process. A watchdog ends the run and prints the case when one takes more than 30 of them. One case in a hundred is judged twice, and must
get the same verdict. Accepted inputs whose text is not the truth's are then asked of the benchmark's oracle; those that
it takes for another value are printed, for a person to judge (the oracle misreads more than it reads when text is broken).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from assay.core.errors import TruthError
from assay.verify.base import Case, judge_case, read_case

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests" / "golden" / "math"
HANG = 30.0
SLOW = 1.0
ORACLE = 5.0  # CPU-seconds for one question
TOKENS = str.split(
    r"\frac \dfrac \sqrt \sqrt[3] { } ( ) [ ] \{ \} , ; : . - + * / ^ _ = < > \le \ge \ne \in \pm \mp \cup \cap \setminus "
    r"| ! % \% $ \$ & \\ ' ~ # @ ? 0 1 2 3 7 10 12 99 1.5 .5 1e5 x y n e i a_1 \pi \infty \alpha \text \mathrm \text{cm} "
    r"\left( \right) \left[ \right] \left| \right| \boxed \begin{pmatrix} \end{pmatrix} \begin{cases} \end{cases} \sin "
    r"\cos \tan \arctan \log \ln \log_2 \sum_{k=1}^{5} \prod_{k=1}^{5} k \int \binom \overline \bar ^\circ ^2 ^{-1} ^{10} "
    r"_2 _{10} \langle \rangle \emptyset \mathbb{R} \text{or} \text{and} or and \lfloor \rfloor \lceil \rceil \lim \cdot "
    r"\times \div \, \! \; \quad \displaystyle \over \choose \to \ldots \dots ... \mid \sinh \exp \gcd \max \Re \deg \vec "
    r"\hat \underline \phantom \color \mathbf \operatorname{lcm} € £ ½ √ π ∞ ² − × ÷ ≤ ∅ x! 5! || ** // <> == := -> mod"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--oracle", type=int, default=3000, help="accepted inputs to ask the oracle about")
    options = parser.parse_args()
    pick = random.Random(options.seed)
    rows = [
        json.loads(line) for file in sorted(GOLDEN.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()
    ]
    cases = read_truths(rows)
    answers = [row["answer"] for row in rows if "answer" in row]
    responses = [row["response"] for row in rows if "response" in row]
    by_truth: dict[str, list[str]] = {}
    for row in rows:
        if "answer" in row:
            by_truth.setdefault(json.dumps(row["truth"]), []).append(row["answer"])
    watch = Watch()
    outcomes: Counter[str] = Counter()
    trouble: list[str] = []
    accepted: dict[tuple[str, str], None] = {}
    slowest, start = 0.0, time.perf_counter()
    names = list(cases)
    for number in range(options.inputs):
        name = pick.choice(names)
        response = input_for(name, pick, by_truth, answers, responses)
        watch.begin(name, response)
        began = time.process_time()
        verdict = judge_case(cases[name], response)
        spent = time.process_time() - began
        watch.end()
        slowest = max(slowest, spent)
        outcomes[f"{verdict.outcome} {verdict.reason}"] += 1
        if verdict.is_void:
            trouble.append(f"VOID {dict(verdict.evidence)}: {name} {response!r}"[:600])
        if spent > SLOW:
            trouble.append(f"{spent:.2f} s: {name} {response!r}"[:600])
        if number % 100 == 0:
            again = judge_case(cases[name], response)
            if (again.outcome, again.reason) != (verdict.outcome, verdict.reason):
                trouble.append(f"{verdict.reason}, then {again.reason}: {name} {response!r}"[:600])
        if verdict.is_pass and verdict.answer is not None:
            accepted[(name, verdict.answer)] = None
    print(
        f"{options.inputs:,} inputs, seed {options.seed}, {time.perf_counter() - start:,.0f} s of wall, slowest {slowest:.3f} s"
    )
    for key, count in outcomes.most_common():
        print(f"  {key}: {count:,}")
    print(f"Trouble (VOID, above {SLOW:.0f} s, another verdict the second time): {len(trouble)}")
    for line in trouble[:50]:
        print(f"  {line}")
    ask_oracle(list(accepted), options.oracle, pick)
    return 1 if trouble else 0


def read_truths(rows: list[dict[str, Any]]) -> dict[str, Case]:
    cases = {}
    for row in rows:
        name = json.dumps(row["truth"])
        if name not in cases:
            try:
                cases[name] = read_case("math", row["truth"])
            except TruthError as error:
                print(f"unreadable truth {name}: {error}")
    return cases


def input_for(
    name: str, pick: random.Random, by_truth: dict[str, list[str]], answers: list[str], responses: list[str]
) -> str:
    draw = pick.random()
    if draw < 0.70:  # near what the truth accepts or refuses
        text = mutated(pick.choice(by_truth.get(name) or answers), pick, answers)
    elif draw < 0.80:
        text = mutated(pick.choice(answers), pick, answers)
    elif draw < 0.92:
        text = pick.choice(["", " "]).join(pick.choice(TOKENS) for _ in range(pick.randint(1, 25)))
    elif draw < 0.96:
        text = "".join(
            chr(pick.choice([pick.randint(0, 127), pick.randint(0, 0xFFFF)])) for _ in range(pick.randint(0, 40))
        )
    else:
        return mutated(pick.choice(responses), pick, responses)
    return f"\\boxed{{{text}}}"


def mutated(text: str, pick: random.Random, others: list[str]) -> str:
    for _ in range(pick.choice([0, 1, 1, 1, 2, 3])):
        at = pick.randint(0, len(text))
        to = min(len(text), at + pick.randint(1, 4))
        kind = pick.randrange(8)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:at] + text[at:to] * 2 + text[to:]
        elif kind == 2:
            text = f"{text[:at]}{pick.choice(TOKENS)}{text[at:]}"
        elif kind == 3:
            text = f"{text[:at]}{pick.choice('0123456789+-*/^_{}()[]|!,. xyi')}{text[to:]}"
        elif kind == 4:
            other = pick.choice(others)
            text = text[:at] + other[pick.randint(0, len(other)) :]
        elif kind == 5:
            text = text[:at] + text[at:to][::-1] + text[to:]
        elif kind == 6:
            text = f"{text}{pick.choice(TOKENS)}" if pick.random() < 0.5 else f"{pick.choice(TOKENS)}{text}"
        else:
            around = pick.choice(
                [("(", ")"), ("{", "}"), ("|", "|"), ("\\sqrt{", "}"), ("-(", ")"), ("$", "$"), ("\\text{", "}")]
            )
            text = f"{around[0]}{text}{around[1]}"
    return text


def ask_oracle(accepted: list[tuple[str, str]], most: int, pick: random.Random) -> None:
    sys.path[:] = [each for each in sys.path if Path(each).resolve() != HERE]
    import math_verify  # noqa: F401 - the package, not the benchmark of its name beside this file

    sys.path.append(str(HERE))
    import math_oracle

    asked = [(name, text) for name, text in accepted if name.startswith('"') and json.loads(name) != text]
    pick.shuffle(asked)
    relations: Counter[str] = Counter()
    different = []

    def give_up(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, give_up)  # the peer's parser, or its arithmetic, may not come back
    for name, text in asked[:most]:
        signal.setitimer(signal.ITIMER_PROF, ORACLE)
        try:
            relation = math_oracle.relate(json.loads(name), text)
        except Exception as error:  # noqa: BLE001 - the peer's parser raises what it likes
            relation = type(error).__name__
        signal.setitimer(signal.ITIMER_PROF, 0)
        relations[relation] += 1
        if relation == "different":
            different.append(f"{json.loads(name)}  <-  {text}")
    print(
        f"Accepted, in another text than the truth's: {len(asked):,}; the oracle on {min(most, len(asked)):,}: {dict(relations)}"
    )
    for line in sorted(different):
        print(f"  {line}"[:300])


class Watch:
    """Ends the process, with the case, when one takes longer than HANG seconds."""

    def __init__(self) -> None:
        self.since: tuple[float, float] | None = None
        self.case = ("", "")
        threading.Thread(target=self._look, daemon=True).start()

    def begin(self, name: str, response: str) -> None:
        self.case = (name, response)
        self.since = (time.process_time(), time.monotonic())

    def end(self) -> None:
        self.since = None

    def _look(self) -> None:
        while True:
            time.sleep(1)
            since = self.since
            if since is None:
                continue
            if time.process_time() - since[0] > HANG or time.monotonic() - since[1] > 10 * HANG:
                print(f"No verdict within {HANG:.0f} s: {self.case!r}", flush=True)
                os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
