"""A second opinion on queries: DuckDB runs them beside sqlite (verify/structured/sql_second says what it can tell).

It has no opinion of a query that it does not take; such a case is VOID here, which counts as silence.
"""

from __future__ import annotations

from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import failed, voided
from assay.verify.structured.sql import SqlTruth, read_sql_truth


class DuckDb:
    name = "duckdb"

    @property
    def version(self) -> str:
        from importlib.metadata import version

        return version("duckdb")

    def read(self, truth: Json) -> SqlTruth:
        return read_sql_truth(truth)

    def check(self, truth: SqlTruth, response: str, prompt: str = "") -> Finding:
        from assay.verify.structured.sql_second import second_engine

        said, detail = second_engine(truth, response)
        if said == "same":
            return Finding(Outcome.PASS, Reason.CORRECT, None, {"read": "the same rows"})
        if said == "different":
            return failed(Reason.WRONG_VALUE, read=detail)
        return voided(Reason.UNDECIDED, error=detail)
