"""Graph colouring: neighbours get different colours. Levels 1 and 2 say how many colours there are (a drawn colouring needs
no more); level 3 asks for as few as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from pydantic import Field

from assay.core.records import dumps
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks, Posed
from assay.tasks.generators.puzzles import certified, need_solver_at, posed
from assay.tasks.source import Generator, Split

NODES = {1: (7, 8), 2: (9, 11), 3: (8, 10)}
DENSITY = (0.4, 0.75)  # of the pairs that may be neighbours


class GraphColoursOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 and 2: with so many colours, on larger graphs; 3: with the fewest")


@dataclass(frozen=True, slots=True)
class Graph:
    level: int
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    colours: int
    hidden: Mapping[str, int]  # the colouring that was drawn first

    @property
    def key(self) -> str:
        """The same for a graph under other names: what each node's neighbourhood looks like, three steps far."""
        near: dict[str, list[str]] = {node: [] for node in self.nodes}
        for one, other in self.edges:
            near[one].append(other)
            near[other].append(one)
        looks = {node: str(len(near[node])) for node in self.nodes}
        for _ in range(3):
            ranks = {look: str(at) for at, look in enumerate(sorted(set(looks.values())))}
            looks = {
                node: dumps([ranks[looks[node]], sorted(ranks[looks[each]] for each in near[node])]) for node in near
            }
        pairs = sorted(sorted([looks[one], looks[other]]) for one, other in self.edges)
        return dumps([sorted(looks.values()), pairs, 0 if self.level == 3 else self.colours])

    @property
    def problem(self) -> dict[str, Json]:
        return {"kind": "colouring", "nodes": list(self.nodes), "edges": [list(each) for each in self.edges]}

    def pose(self) -> Posed:
        pairs = ", ".join(f"{one}-{other}" for one, other in self.edges)
        form = {"colours": {self.nodes[0]: 1, self.nodes[1]: 1}, "used": 0}
        text = (
            f"Give each of the regions {', '.join(self.nodes)} a colour, a whole number from 1, so that no two neighbours "
            f"have the same one. The neighbours: {pairs}."
        )
        said = "Say the colour of every region, and how many different colours are used."
        if self.level == 3:
            problem, answer = certified(self.problem, "used")
            return posed(f"{text} Use as few different colours as can be. {said}", form, problem, "optimal", answer)
        problem = {**self.problem, "colours": self.colours}
        answer = {"colours": dict(self.hidden), "used": len(set(self.hidden.values()))}
        return posed(f"{text} The colours are 1 to {self.colours}. {said}", form, problem, "feasible", answer)


def draw(random: Random, level: int) -> Graph:
    nodes = random.sample("ABCDEFGHJKLMNPQRSTUVWXYZ", random.randint(*NODES[level]))
    colours = 3 if level < 3 else random.choice((3, 4))
    hidden = {node: at % colours + 1 for at, node in enumerate(nodes)}
    random.shuffle(nodes)
    density = random.uniform(*DENSITY)
    edges = [
        (one, other)
        for at, one in enumerate(nodes)
        for other in nodes[at + 1 :]
        if hidden[one] != hidden[other] and random.random() < density
    ]
    return Graph(level, tuple(nodes), tuple(edges), colours, hidden)


def make(options: GraphColoursOptions, split: Split, seed: int) -> DrawnTasks:
    need_solver_at(options.level, 3, "graph_colours")
    return DrawnTasks("graph_colours", split, seed, options.level, draw, "constraint")


LEVELS: Mapping[int, str] = {
    1: "7 or 8 regions, 3 colours",
    2: "9 to 11 regions, 3 colours",
    3: "8 to 10 regions, as few colours as can be (needs ortools)",
}

GRAPH_COLOURS = Generator(
    about="a colour for each region, as JSON: neighbours must differ",
    levels=LEVELS,
    options=GraphColoursOptions,
    make=make,
)
