"""Tables from real files: attached read-only, exact, read once for as long as the file stays the same."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from assay.core.errors import MissingExtra, TruthError
from assay.core.types import Reason
from assay.verify.base import judge, judge_case, read_case
from assay.verify.structured.database import Database

CITATIONS = [{"path": "id", "table": "orders", "key": "id"}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript(
        """
        create table orders (id text, price real, amount integer, note text);
        insert into orders values ('A', 0.1, 9007199254740993, null), ('B', 12.1, -5, 'x');
        create table "odd ""name" (x);
        insert into "odd ""name" values (1);
        create table blobs (b blob);
        insert into blobs values (x'00ff');
        create table empty (a, b);
        create view cheap as select id from orders where price < 1;
        """
    )
    connection.close()
    return tmp_path / "shop.db"


def test_sqlite(file: Path) -> None:
    found = Database({"sqlite": str(file)})
    assert set(found) == {"orders", 'odd "name', "blobs", "empty", "cheap"}
    assert len(found) == 5
    assert found["orders"] == [
        {"id": "A", "price": Fraction(1, 10), "amount": 9007199254740993, "note": None},
        {"id": "B", "price": Fraction("12.1"), "amount": -5, "note": "x"},
    ]
    assert found['odd "name'] == [{"x": 1}]
    assert found["cheap"] == [{"id": "A"}]
    assert found["empty"].columns == {"a", "b"}
    with pytest.raises(KeyError):
        found["nope"]
    with pytest.raises(TruthError, match=r"table blobs of shop.db holds a bytes"):
        found["blobs"]


def test_the_file_is_not_touched(file: Path) -> None:
    before, names = file.read_bytes(), set(file.parent.iterdir())
    os.chmod(file, 0o444)
    case = read_case("grounded", {"database": {"sqlite": str(file)}, "citations": CITATIONS})
    assert judge_case(case, '{"id": "A"}').is_pass
    assert not judge_case(case, '{"id": "a"}').is_pass
    assert (file.read_bytes(), set(file.parent.iterdir())) == (before, names)


def test_only_the_tables_that_are_named_are_read(file: Path) -> None:
    truth = {
        "database": {"sqlite": str(file)},
        "citations": CITATIONS,
        "rules": [{"name": "r", "expr": "count(tables.cheap) == 1"}],
    }
    assert judge("grounded", truth, '{"id": "A"}').is_pass  # the blobs would have been refused


def test_a_changed_file_is_read_anew(file: Path) -> None:
    truth = {"database": {"sqlite": str(file)}, "citations": CITATIONS}
    assert not judge("grounded", truth, '{"id": "NEW"}').is_pass
    assert Database(truth["database"])["orders"] is Database(truth["database"])["orders"]
    connection = sqlite3.connect(file)
    connection.execute("insert into orders values ('NEW', 1, 1, null)")
    connection.commit()
    connection.close()
    os.utime(file, ns=(1, 1))
    assert judge("grounded", truth, '{"id": "NEW"}').is_pass


def test_a_pinned_file(file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert judge(
        "grounded", {"database": {"sqlite": str(file), "sha256": digest}, "citations": CITATIONS}, '{"id": "A"}'
    ).is_pass
    verdict = judge("grounded", {"database": {"sqlite": str(file), "sha256": "0" * 64}, "citations": CITATIONS}, "{}")
    assert verdict.reason is Reason.BAD_TRUTH


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"hello" * 300)
    with pytest.raises(TruthError, match=r"x.db cannot be read as sqlite"):
        Database({"sqlite": str(tmp_path / "x.db")})
    with pytest.raises(TruthError, match=r"x.db cannot be read as duckdb"):
        Database({"duckdb": str(tmp_path / "x.db")})


def test_the_same_name_twice(file: Path) -> None:
    truth = {"database": {"sqlite": str(file)}, "tables": {"orders": []}, "citations": CITATIONS}
    with pytest.raises(TruthError, match="'orders' stands in the database too"):
        read_case("grounded", truth)


def test_tables_beside_a_database(file: Path) -> None:
    truth = {"database": {"sqlite": str(file)}, "tables": {"caps": [{"most": 1}]}, "citations": CITATIONS}
    truth["rules"] = [{"name": "cap", "expr": "answer.n <= tables.caps[0].most < count(tables.orders)"}]
    assert judge("grounded", truth, '{"id": "A", "n": 1}').is_pass
    assert not judge("grounded", truth, '{"id": "A", "n": 2}').is_pass


def test_jsonl(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "A", "x": 0.1}\n\n{"id": "B"}\n')
    found = Database({"jsonl": {"rows": str(tmp_path / "a.jsonl")}})
    assert found["rows"] == [{"id": "A", "x": Fraction(1, 10)}, {"id": "B"}]
    for text, sentence in (
        ('{"a": 1}\n{"a": 1, "a": 2}', r"a.jsonl:2: the key 'a' stands there twice"),
        ("[1]", "an object of column"),
    ):
        (tmp_path / "a.jsonl").write_text(text)
        with pytest.raises(TruthError, match=sentence):
            Database({"jsonl": {"rows": str(tmp_path / "a.jsonl")}})["rows"]
    (tmp_path / "a.jsonl").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(TruthError, match=r"a.jsonl:1: "):
        Database({"jsonl": {"rows": str(tmp_path / "a.jsonl")}})["rows"]


def test_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table orders as select 'A' as id, 12.30::decimal(10, 2) as price, date '2026-03-14' as day, "
            "timestamptz '2026-03-14 16:40:00+01' as at, timestamp '2026-03-14 16:40:00' as local, true as paid, "
            "[1, 2] as parts, {'k': 1} as box, null as nothing"
        )
    before = path.read_bytes()
    (row,) = Database({"duckdb": str(path)})["orders"]
    assert row == {
        "id": "A", "price": Fraction("12.3"), "day": "2026-03-14", "at": "2026-03-14T15:40:00Z",
        "local": "2026-03-14T16:40:00", "paid": True, "parts": [1, 2], "box": {"k": 1}, "nothing": None,
    }  # fmt: skip
    truth = {"database": {"duckdb": str(path)}, "citations": [{**CITATIONS[0], "equal": ["price"]}]}
    assert judge("grounded", truth, '{"id": "A", "price": 12.3}').is_pass
    assert not judge("grounded", truth, '{"id": "A", "price": 12.31}').is_pass
    assert path.read_bytes() == before


def test_without_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    (tmp_path / "other.duckdb").write_bytes(b"x")
    with pytest.raises(MissingExtra, match=r"assay\[sql\]"):
        Database({"duckdb": str(tmp_path / "other.duckdb")})
