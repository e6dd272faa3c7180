import io
import json
from pathlib import Path
from typing import Any

import pytest

from assay.audit.foreign_worker import load_call, score_of, serve

STYLES = Path(__file__).parents[1] / "attacks" / "public_styles.py"


class Tensor:
    """What a reward tensor looks like from here."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def tolist(self) -> Any:
        return self.values


@pytest.mark.parametrize(
    ("value", "score"),
    [
        (0.5, 0.5),
        (True, 1.0),
        ([0.5], 0.5),
        ([None], None),
        (None, None),
        ({"score": -1, "assay_void": 0.0}, -1.0),
        ({"rewards": Tensor([0.25]), "scores": Tensor([0.1])}, 0.25),
        (Tensor(2.0), 2.0),
    ],
)
def test_scores(value: Any, score: float | None) -> None:
    assert score_of(value) == score


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, 0.0], [], "high", {"reward": None, "score": "x"}])
def test_what_is_no_score(value: Any) -> None:
    with pytest.raises(ValueError):
        score_of(value)


def test_verl() -> None:
    call = load_call("verl", f"{STYLES}:last_number")
    assert score_of(call("p", "7, no, 168", "168")) == 1.0
    assert score_of(call("p", "168, no, 7", "168")) == 0.0


def test_openrlhf_gets_prompt_and_response_in_one() -> None:
    call = load_call("openrlhf", str(STYLES))
    assert score_of(call("What? 168?", "168", "168")) == 1.0
    assert score_of(call("What?", "168168", "168")) == 0.5


def test_trl_by_module_and_by_the_columns_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_rewards.py").write_text(
        "def kwargs(completions, **columns):\n"
        "    return [float(columns['solution'][0] in completions[0][0]['content'])]\n"
        "def narrow(completions, ground_truth):\n"
        "    return [1.0 if completions[0][0]['content'] == ground_truth[0] else None]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert score_of(load_call("trl", "my_rewards.kwargs")("p", "so 168", "168")) == 1.0
    narrow = load_call("trl", "my_rewards.narrow")
    assert score_of(narrow("p", "168", "168")) == 1.0
    assert score_of(narrow("p", "167", "168")) is None


def test_whatever_it_raises_is_an_answer() -> None:
    def call(prompt: str, response: str, truth: object) -> float:
        if response == "exit":
            raise SystemExit(0)
        return float(response)

    asked = [{"prompt": "", "truth": "1", "response": each} for each in ("exit", "1", "x")]
    out = io.BytesIO()
    serve(call, io.BytesIO("".join(json.dumps(each) + "\n" for each in asked).encode()), out)
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert answers[0] == {"error": "SystemExit: 0"}
    assert answers[1] == {"score": 1.0}
    assert "ValueError" in answers[2]["error"]
