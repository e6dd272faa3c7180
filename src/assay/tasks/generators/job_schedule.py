"""Job schedules: when each task of each job begins, one after the other on its machine. Levels 1 and 2 ask for any schedule
within a deadline that a drawn one keeps, level 3 for the earliest end."""

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

SIZES = {1: (2, 2), 2: (3, 3), 3: (4, 3)}  # jobs, machines
SPARE = {1: 4, 2: 1}  # minutes between the drawn schedule's end and the deadline, at most


class JobScheduleOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 and 2: within a deadline, with more jobs; 3: the earliest end")


@dataclass(frozen=True, slots=True)
class Jobs:
    level: int
    jobs: tuple[tuple[tuple[int, int], ...], ...]  # of each job, (machine, minutes) in order
    spare: int

    @property
    def key(self) -> str:
        """The jobs in any order, the machines under any names."""
        uses: dict[int, list[int]] = {}
        for job in self.jobs:
            for machine, minutes in job:
                uses.setdefault(machine, []).append(minutes)
        names = {machine: dumps(sorted(minutes)) for machine, minutes in uses.items()}
        return dumps(sorted([[names[machine], minutes] for machine, minutes in job] for job in self.jobs))

    @property
    def problem(self) -> dict[str, Json]:
        jobs = [
            {
                "id": f"J{at}",
                "tasks": [{"machine": f"M{machine}", "minutes": minutes} for machine, minutes in job],
            }
            for at, job in enumerate(self.jobs, 1)
        ]
        return {"kind": "schedule", "jobs": jobs}

    def pose(self) -> Posed:
        lines = "\n".join(
            f"J{at}: "
            + ", then ".join(f"M{machine} for {minutes} minute{'s' * (minutes > 1)}" for machine, minutes in job)
            for at, job in enumerate(self.jobs, 1)
        )
        form = {"starts": {"J1": [0, 0], "J2": [0, 0]}, "makespan": 0}
        text = (
            f"Schedule these jobs. The tasks of a job run in the given order, each without a break and none before the one "
            f"before it has ended; a machine runs one task at a time. Minute 0 is the earliest.\n\n{lines}\n\n"
        )
        said = "Say for each job the minute at which each of its tasks begins, and the minute at which all is done."
        if self.level == 3:
            problem, answer = certified(self.problem, "makespan")
            return posed(f"{text}All must be done as early as it can be. {said}", form, problem, "optimal", answer)
        greedy = self.greedy()
        problem = {**self.problem, "deadline": greedy["makespan"] + self.spare}
        text += f"All must be done by minute {problem['deadline']}. {said}"
        return posed(text, form, problem, "feasible", greedy)

    def greedy(self) -> dict[str, Json]:
        """A schedule that is there: always the task that can begin first, of the job with the most left."""
        free: dict[int, int] = {}
        ready = [0] * len(self.jobs)
        starts: list[list[int]] = [[] for _ in self.jobs]
        while any(len(done) < len(job) for done, job in zip(starts, self.jobs, strict=True)):
            open_ones = [at for at, job in enumerate(self.jobs) if len(starts[at]) < len(job)]
            begins = {at: max(ready[at], free.get(self.jobs[at][len(starts[at])][0], 0)) for at in open_ones}
            left = {at: sum(minutes for _, minutes in self.jobs[at][len(starts[at]) :]) for at in open_ones}
            chosen = min(open_ones, key=lambda at: (begins[at], -left[at], at))
            machine, minutes = self.jobs[chosen][len(starts[chosen])]
            starts[chosen].append(begins[chosen])
            ready[chosen] = free[machine] = begins[chosen] + minutes
        return {"starts": {f"J{at}": each for at, each in enumerate(starts, 1)}, "makespan": max(ready)}


def draw(random: Random, level: int) -> Jobs:
    count, machines = SIZES[level]
    jobs = []
    for _ in range(count):
        route = random.sample(range(1, machines + 1), machines if level > 1 else random.randint(1, machines))
        jobs.append(tuple((machine, random.randint(1, 12)) for machine in route))
    return Jobs(level, tuple(jobs), random.randint(0, SPARE.get(level, 0)))


def make(options: JobScheduleOptions, split: Split, seed: int) -> DrawnTasks:
    need_solver_at(options.level, 3, "job_schedule")
    return DrawnTasks("job_schedule", split, seed, options.level, draw, "constraint")


LEVELS: Mapping[int, str] = {
    1: "2 jobs, 2 machines, a deadline with a few minutes to spare",
    2: "3 jobs, 3 machines, a tight deadline",
    3: "4 jobs, 3 machines, the earliest end (needs ortools)",
}

JOB_SCHEDULE = Generator(
    about="when each task of each job begins, as JSON: order, machines and deadline are checked",
    levels=LEVELS,
    options=JobScheduleOptions,
    make=make,
)
