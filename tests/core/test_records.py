import errno
import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import OutOfDisk, TaskFileError
from assay.core.records import (
    append_jsonl,
    disk_errors,
    dumps,
    read_jsonl,
    sha256_of,
    to_json,
    write_json,
    write_jsonl,
    write_text,
    write_whole,
)
from assay.core.types import Message, Outcome, Reason, Verdict

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Row:
    name: str
    value: float


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- values ---


def test_nouns_become_json() -> None:
    verdict = Verdict(Outcome.PASS, 1.0, Reason.CORRECT, "2", {"path": Path("a/b")}, "math@1#0", 0.5)
    assert to_json(verdict) == {
        "outcome": "pass",
        "score": 1.0,
        "reason": "correct",
        "answer": "2",
        "evidence": {"path": "a/b"},
        "verifier": "math@1#0",
        "seconds": 0.5,
    }
    assert to_json((Message("user", "?"), {1: {2.0}})) == [["user", "?"], {"1": [2.0]}]
    assert type(to_json({"k": Outcome.PASS})["k"]) is str


def test_what_is_not_finite_is_null() -> None:
    assert json.loads(dumps([math.nan, math.inf, -math.inf, 1.5])) == [None, None, None, 1.5]


def test_what_has_no_json_form_is_refused() -> None:
    for value in (object(), b"bytes", Row, 1j):
        with pytest.raises(TypeError, match="has no JSON form"):
            dumps({"value": value})


@given(JSON)
def test_json_survives(value: object) -> None:
    text = dumps(value)
    assert text.isascii()
    assert json.loads(text) == value
    assert sha256_of(value) == sha256_of(json.loads(text))


def test_a_hash_does_not_hang_on_the_order_of_keys() -> None:
    assert sha256_of({"a": 1, "b": [2]}) == sha256_of({"b": [2], "a": 1}) != sha256_of({"a": 1, "b": [3]})
    assert sha256_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


# --- whole files ---


def test_a_file_is_written_whole_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file.json"
    write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o644
    assert listing(path.parent) == ["file.json"]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def half(file: object) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]
    with pytest.raises(TypeError):
        write_jsonl(path, [{"a": 1}, {"b": object()}])
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


def test_readers_never_meet_half_a_file(tmp_path: Path) -> None:
    path, stop = tmp_path / "file.json", threading.Event()
    write_json(path, [0] * 20_000)

    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            write_json(path, [number] * 20_000)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        seen = set()
        for _ in range(60):
            values = json.loads(path.read_text())
            assert len(values) == 20_000
            assert len(set(values)) == 1
            seen.add(values[0])
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 1


def test_lone_surrogates_survive(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x\ud800y")
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8", "surrogatepass") == "x\ud800y"
    append_jsonl(tmp_path / "a.jsonl", [{"text": "x\ud800\x00y"}])
    assert list(read_jsonl(tmp_path / "a.jsonl")) == [{"text": "x\ud800\x00y"}]


# --- no room ---


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():  # macOS
        with pytest.raises(OutOfDisk), disk_errors(tmp_path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return

    def overflow(file: object) -> None:
        with open("/dev/full", "wb") as full:
            full.write(b"x" * 100_000)

    with pytest.raises(OutOfDisk, match=r"no space left on the disk that holds .*file\.bin.*--resume"):
        write_whole(tmp_path / "file.bin", overflow)
    assert listing(tmp_path) == []
    with pytest.raises(OutOfDisk):
        append_jsonl(Path("/dev/full"), [{"a": 1}])


def test_other_trouble_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        write_text(tmp_path / "file" / "inside", "x")


# --- JSONL ---


def test_appended_rows_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [Row("a", 1.0), Row("b", math.nan)])
    append_jsonl(path, [])
    append_jsonl(path, [{"c": "line\nbreak"}])
    assert list(read_jsonl(path)) == [{"name": "a", "value": 1.0}, {"name": "b", "value": None}, {"c": "line\nbreak"}]
    assert path.read_bytes().count(b"\n") == 3


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n   \n{"a": 2}')
    assert list(read_jsonl(path)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not a line of JSON"),
        (b'{"a": 1} {"a": 2}', "not a line of JSON"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": -Infinity}', "-Infinity is no JSON value"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b'{"a": "\xff"}', "not a line of JSON"),
        (b"[1]", "a list where a JSON object is needed"),
        (b"null", "a NoneType where a JSON object is needed"),
        (b"[" * 100_000, "not a line of JSON"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "not a line of JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b"\n")
    rows = read_jsonl(path)
    assert next(rows) == {"a": 1}
    with pytest.raises(TaskFileError, match=rf"rows\.jsonl:3: .*{why}"):
        next(rows)


def test_only_a_cut_last_line_is_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": ')
    assert list(read_jsonl(path, broken_tail=True)) == [{"a": 1}]
    with pytest.raises(TaskFileError, match=":2: not a line of JSON"):
        list(read_jsonl(path))
    for text in (b'{"a": 1}\n{"a": \n', b'{"a": \n{"a": 1}\n'):
        path.write_bytes(text)
        with pytest.raises(TaskFileError, match="not a line of JSON"):
            list(read_jsonl(path, broken_tail=True))


def test_a_cut_inside_a_character_is_forgiven_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xc3')
    assert list(read_jsonl(path, broken_tail=True)) == [{"a": 1}]


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="no such file"):
        list(read_jsonl(tmp_path / "gone.jsonl"))
    with pytest.raises(TaskFileError, match="is a folder"):
        list(read_jsonl(tmp_path))


def test_a_kill_while_appending_leaves_at_most_one_broken_line(tmp_path: Path) -> None:
    """Killed at an unlucky moment, for real: whatever is there reads back but for its last line."""
    path = tmp_path / "rows.jsonl"
    code = (
        "import sys, pathlib\nfrom assay.core.records import append_jsonl\npath = pathlib.Path(sys.argv[1])\n"
        "for step in range(10**9):\n    append_jsonl(path, [{'step': step, 'text': 'x' * 50_000}])\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)])
    while not path.exists() or path.stat().st_size < 2_000_000:
        assert child.poll() is None
    child.kill()
    child.wait()
    rows = list(read_jsonl(path, broken_tail=True))
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert len(rows) > 30
