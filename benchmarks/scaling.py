"""How a GRPO step's cost grows: over group size, prompt length, completion length and model size, against the roofline.

    python benchmarks/scaling.py --trl TRL --svg docs/images/step-scaling.svg

One prompt, one AdamW update, no KL, one thread, CPU-seconds of the second step (the first allocates Adam's state). The
roofline is the multiplications and additions that the step cannot do without, each distinct token once (a prompt's once
for its whole group), over what one square fp32 product reaches in the same run; `share` is how much of it the step
reaches. Models: the from-scratch decoder of 100,000 parameters, SmolLM2-135M, and one of SmolLM2-360M's shape at random.
TRL runs the points where that is affordable. Each point is a fresh process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grpo_step import Clock, Setting, learn_config, run_trl, sgemm_peak  # beside this file

MODELS = ("tiny", "smollm2", "random-360m")
PANELS = ("group size", "prompt tokens", "completion tokens", "model parameters")


@dataclass(frozen=True)
class Point:
    panel: str
    x: int
    prompt: int = 64
    group: int = 8
    tokens: int = 32
    model: str = "smollm2"
    has_trl: bool = False


def points() -> list[Point]:
    return [
        *(Point("group size", group, group=group, has_trl=group in (4, 16)) for group in (2, 4, 8, 16, 32)),
        *(Point("prompt tokens", length, prompt=length, has_trl=length == 512) for length in (64, 256, 512, 1024)),
        *(
            Point("completion tokens", length, tokens=length, group=4, has_trl=length == 128)
            for length in (16, 64, 128, 256)
        ),
        *(Point("model parameters", 0, model=model) for model in MODELS),
    ]


def load(name: str) -> Any:
    from assay.core.config import ModelConfig
    from assay.model.load import describe, load_model

    if name != "random-360m":
        return load_model(ModelConfig(name=name, threads=1, device="cpu"))
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=960,
        intermediate_size=2_560,
        num_hidden_layers=32,
        num_attention_heads=15,
        num_key_value_heads=5,
        max_position_embeddings=2_048,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    return describe(LlamaForCausalLM(config).eval(), load("smollm2").tokenizer, name)


def flops(config: Any, head: int, body: int, point: Point) -> dict[str, float]:
    """Multiplications and additions of each phase: 2 per weight and token, and attention's two products."""
    prompt, group, tokens = point.prompt, point.group, point.tokens
    sampled = group * tokens
    per_pair = 4 * config.num_hidden_layers * config.hidden_size
    own = group * tokens * (tokens + 1) / 2
    pairs = prompt * (prompt + 1) / 2 + sampled * prompt + own
    through = prompt + sampled - group  # a completion's last token predicts nothing
    return {
        "generate": 2 * body * through + 2 * head * sampled + per_pair * pairs,
        "learn": 3 * (2 * body * through + 2 * head * sampled + per_pair * pairs),
    }


def run_assay(point: Point) -> dict[str, Any]:
    import torch

    from assay.core.types import Message
    from assay.learn.batch import Sample
    from assay.learn.policy import Policy
    from assay.rollout.engine import Request, Sampling
    from assay.rollout.torch_engine import TorchEngine

    torch.set_num_threads(1)
    loaded = load(point.model)
    engine = TorchEngine(replace(loaded, eos_ids=frozenset()), max_prompt_tokens=4_096)
    word = "1" if point.model == "tiny" else " one"
    longest = len(engine.render((Message("user", word),)))
    request = Request((Message("user", word * (1 + point.prompt - longest)),), point.group, 0, (0,))
    prompt = engine.render(request.prompt)
    assert len(prompt) == point.prompt, len(prompt)
    policy = Policy(loaded, learn_config(0.0, 4_096, False), temperature=1.0)
    clock = Clock()
    for _ in range(2):
        clock.new_step()
        with clock.phase("generate"):
            [group] = engine.generate([request], Sampling(point.tokens))
        samples = [
            Sample(prompt, each, (1.0 if place % 2 else -1.0,) * point.tokens, 1 / (point.group * point.tokens))
            for place, each in enumerate(group)
        ]
        with clock.phase("learn"):
            policy.learn([samples], 1e-6)
    parameters = sum(each.numel() for each in loaded.model.parameters())
    head = loaded.model.get_output_embeddings().weight.numel()
    embedding = loaded.model.get_input_embeddings().weight
    apart = 0 if embedding is loaded.model.get_output_embeddings().weight else embedding.numel()
    return {
        "parameters": parameters,
        "cpu": {name: cpu for name, (cpu, _) in clock.steps[1].items()},
        "flops": flops(loaded.model.config, head, parameters - head - apart, point),
    }


def run_theirs(point: Point, trl: str) -> float:
    """CPU-seconds of TRL's step on the same work."""
    from transformers import AutoTokenizer

    from assay.model.load import smollm2_folder

    tokenizer = AutoTokenizer.from_pretrained(str(smollm2_folder()))
    messages = [{"role": "user", "content": " one"}]
    longest = len(tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"])
    prompt = (("user", " one" * (1 + point.prompt - longest)),)
    options = argparse.Namespace(trl=trl, threads=1, steps=1, kl=0.0, checkpointing=False, decode=False)
    found = run_trl(Setting((prompt,), point.group, point.tokens), options)
    assert found["prompt_tokens"] == [point.prompt], found["prompt_tokens"]
    return float(sum(cpu for cpu, _ in found["phases"].values()))


def child(index: int, trl: str | None) -> Any:
    flags = ["--point", str(index), *(["--trl", trl] if trl else [])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *flags], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


Line = tuple[str, str, list[tuple[float, float]]]  # name, colour, points
COLOURS = {"step": "#1b6ca8", "generate": "#3aa17e", "learn": "#8a5fbf", "roofline": "#999999", "TRL": "#d1495b"}


def draw(panels: dict[str, list[Line]]) -> str:
    """Four panels of lines, both axes logarithmic."""
    width, height, left, top = 300, 230, 52, 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width} {2 * height + 20}" font-family="sans-serif"'
        ' font-size="11" role="img"><title>CPU-seconds of a GRPO step</title>'
        f'<rect width="{2 * width}" height="{2 * height + 20}" fill="white"/>'
    ]
    for place, (name, colour) in enumerate(COLOURS.items()):
        parts.append(f'<text x="{left + place * 90}" y="14" fill="{colour}">&#9679; {name}</text>')
    for place, (title, lines) in enumerate(panels.items()):
        x0, y0 = place % 2 * width + left, place // 2 * height + top
        w, h = width - left - 16, height - top - 30
        xs = [x for _, _, line in lines for x, _ in line]
        ys = [y for _, _, line in lines for _, y in line]
        low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
        low_y, high_y = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

        def at(x: float, y: float, box: tuple[float, ...] = (x0, y0, w, h, low_x, high_x, low_y, high_y)) -> str:
            a, b, c, d, first, last, bottom, ceiling = box
            across = (math.log10(x) - first) / (last - first)
            return f"{a + c * across:.1f},{b + d * (1 - (math.log10(y) - bottom) / (ceiling - bottom)):.1f}"

        parts.append(f'<text x="{x0}" y="{y0 - 6}" font-weight="bold">CPU s by {title}</text>')
        for power in range(low_y, high_y + 1):
            x, y = at(min(xs), 10.0**power).split(",")
            parts.append(f'<line x1="{x}" x2="{x0 + w}" y1="{y}" y2="{y}" stroke="#ddd"/>')
            parts.append(f'<text x="{x0 - 5}" y="{float(y) + 4}" text-anchor="end">{10.0**power:g}</text>')
        before = math.inf
        for value in sorted(set(xs), reverse=True):
            x = at(value, 10.0**low_y).split(",")[0]
            if float(x) > before:
                continue
            before = float(x) - 34  # the next label must not stand on this one
            label = f"{value:g}" if value < 10_000 else f"{value / 1e6:.3g}M"
            parts.append(f'<text x="{x}" y="{y0 + h + 15}" text-anchor="middle">{label}</text>')
        for _, colour, line in lines:
            where = [at(x, y) for x, y in line]
            parts.append(f'<polyline points="{" ".join(where)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
            parts += [
                f'<circle cx="{x}" cy="{y}" r="2.6" fill="{colour}"/>' for x, y in (each.split(",") for each in where)
            ]
    return "".join(parts) + "</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--trl", help="the folder that TRL was installed into (see grpo_step.py); without it only Assay"
    )
    parser.add_argument("--svg", type=Path, help="draw the table here")
    parser.add_argument("--point", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point is not None:
        point = points()[options.point]
        print(json.dumps(run_theirs(point, options.trl) if options.trl else run_assay(point)))
        return
    peak = sgemm_peak()
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {name: {each: [] for each in COLOURS} for name in PANELS}
    print(f"sgemm on one thread: {peak:.0f} GFLOP/s")
    print(
        f"{'':<20} {'x':>11} {'generate':>9} {'share':>6} {'learn':>9} {'share':>6} {'step':>9} {'TRL':>8} {'ratio':>6}"
    )
    for index, point in enumerate(points()):
        ours = child(index, None)
        cpu = ours["cpu"]
        least = {name: value / peak / 1e9 for name, value in ours["flops"].items()}
        step = cpu["generate"] + cpu["learn"]
        x = point.x or ours["parameters"]
        lines = panels[point.panel]
        for name, value in (*cpu.items(), ("step", step), ("roofline", sum(least.values()))):
            lines[name].append((x, value))
        text = f"{point.panel:<20} {x:>11,}"
        text += "".join(f" {cpu[name]:>9.3f} {least[name] / cpu[name]:>6.0%}" for name in ("generate", "learn"))
        text += f" {step:>9.3f}"
        if point.has_trl and options.trl:
            theirs = child(index, options.trl)
            lines["TRL"].append((x, theirs))
            text += f" {theirs:>8.1f} {theirs / step:>6.2f}"
        print(text, flush=True)
    print(f"sgemm on one thread: {sgemm_peak():.0f} GFLOP/s")
    if options.svg:
        drawn = {
            name: [(each, COLOURS[each], sorted(line)) for each, line in lines.items() if line]
            for name, lines in panels.items()
        }
        options.svg.write_text(draw(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
