import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.audit.foreign import ForeignJudges, ForeignReward, foreign_tasks, parse_reward
from assay.audit.run import audit
from assay.audit.samples import sample_tasks
from assay.core.errors import EnvironmentFault, UsageError
from assay.core.types import Outcome, Reason, Task
from assay.verify.pool import JudgeRequest

STYLES = Path(__file__).parents[1] / "attacks" / "public_styles.py"


@pytest.mark.parametrize(
    ("spec", "layout", "place"),
    [
        ("trl:my.rewards.accuracy", "trl", "my.rewards.accuracy"),
        ("verl:r.py:compute_score", "verl", "r.py:compute_score"),
        ("openrlhf:r.py", "openrlhf", "r.py"),
        ("http://127.0.0.1:5000/get_reward", "http", "http://127.0.0.1:5000/get_reward"),
        ("http:http://127.0.0.1:5000/r", "http", "http://127.0.0.1:5000/r"),
    ],
)
def test_specs(spec: str, layout: str, place: str) -> None:
    assert parse_reward(spec) == ForeignReward(layout, place)  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", ["", "trl", "trl:accuracy", "verl:", "tlr:a.b", "http:", "http:nowhere"])
def test_what_is_no_spec(spec: str) -> None:
    with pytest.raises(UsageError, match="would be right"):
        parse_reward(spec)


def test_truths_become_plain_text() -> None:
    truths = ["168", {"answer": ["1/2", "0.5"], "tolerance": {"absolute": 1}}, r"\boxed{7}", 3]
    tasks = foreign_tasks([Task("t", (), "math", each) for each in truths], parse_reward("verl:r.py:f"))
    assert [each.truth for each in tasks] == ["168", "1/2", "7", "3"]
    assert {each.verifier for each in tasks} == {"verl:r.py:f"}


NUMBERS = [each for each in sample_tasks("math") if isinstance(each.truth, str) and each.truth.isdigit()]


@pytest.mark.parametrize(
    ("spec", "attack"),
    [(f"verl:{STYLES}:last_number", "first_and_last"), (f"openrlhf:{STYLES}", "substrings")],
)
def test_public_styles_have_holes(spec: str, attack: str) -> None:
    reward = parse_reward(spec)
    with ForeignJudges(reward) as judges:
        report = audit(foreign_tasks(NUMBERS, reward), judges=judges)
    assert attack in {hole.attack for hole in report.holes if hole.kind == "paid"}


def ask(judges: ForeignJudges, *responses: str) -> list[tuple[Outcome, Reason]]:
    verdicts = judges.judge_many([JudgeRequest("f", "7", each, "p") for each in responses])
    return [(each.outcome, each.reason) for each in verdicts]


def test_a_hung_or_dying_function_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "reward.py"
    file.write_text(
        "import os, time\n"
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    print('noise' * 50_000)\n"
        "    if solution_str == 'hang': time.sleep(60)\n"
        "    if solution_str == 'die': os._exit(0)\n"
        "    if solution_str == 'raise': raise ValueError('no')\n"
        "    return {'score': float(solution_str == ground_truth), 'extra': 1}\n"
    )
    with ForeignJudges(parse_reward(f"verl:{file}:compute_score"), timeout=2.0) as judges:
        assert ask(judges, "7", "8", "hang", "7", "die", "7", "raise", "7") == [
            (Outcome.PASS, Reason.CORRECT),
            (Outcome.FAIL, Reason.WRONG_VALUE),
            (Outcome.FAIL, Reason.TIMEOUT),
            (Outcome.PASS, Reason.CORRECT),
            (Outcome.VOID, Reason.VERIFIER_ERROR),
            (Outcome.PASS, Reason.CORRECT),
            (Outcome.VOID, Reason.VERIFIER_ERROR),
            (Outcome.PASS, Reason.CORRECT),
        ]


def test_a_function_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    judges = ForeignJudges(parse_reward(f"verl:{tmp_path}/missing.py:compute_score"))
    with judges, pytest.raises(EnvironmentFault, match=r"cannot be loaded: .*missing\.py"):
        ask(judges, "7")


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = asked["query"][0].removeprefix(asked["prompts"][0]) == asked["labels"][0]
        body = json.dumps({"rewards": [float(right)]}).encode()
        self.send_response(200 if "crash" not in asked["query"][0] else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/get_reward"
        serving.shutdown()
        thread.join()


def test_over_http(server: str) -> None:
    judges = ForeignJudges(parse_reward(server))
    assert ask(judges, "7", "8", "crash") == [
        (Outcome.PASS, Reason.CORRECT),
        (Outcome.FAIL, Reason.WRONG_VALUE),
        (Outcome.VOID, Reason.VERIFIER_ERROR),
    ]


def test_nobody_listens() -> None:
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        ask(ForeignJudges(parse_reward("http://127.0.0.1:9/get_reward")), "7")
