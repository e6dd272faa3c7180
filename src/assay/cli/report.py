"""`assay report`: rebuild a run's page, or make one page over several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import UsageError
from assay.core.records import dumps


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="run folders (several make one page, side by side), or a pipeline's")
    ],
    out: Annotated[
        Path | None, typer.Option(help="the page to write (default: RUN/report.html; for several, runs.html here)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as one JSON object")] = False,
) -> None:
    """Rebuild a run's page, or one page over several runs."""
    from assay.core.pipeline_folder import is_pipeline
    from assay.report.build import build_comparison, build_report
    from assay.report.pipeline import build_pipeline_report

    if out is not None and out.is_dir():
        raise UsageError(f"--out {out} is a folder; a file name such as {out / 'runs.html'} would be right")
    if len(runs) > 1:
        page = build_comparison(runs, out or Path("runs.html"))
    else:
        page = (build_pipeline_report if is_pipeline(runs[0]) else build_report)(runs[0], out)
    typer.echo(dumps({"report": str(page), "runs": [str(run) for run in runs]}) if as_json else str(page))
