"""Run one candidate program, in the process that was forked and confined for it alone.

Nothing here is trusted by what reads its report: whoever forges a line of it has only returned a value. A report is lines:
`v VALUE` a test's value, `x [TYPE, LINE]` a test that raised, `u WHY` a value that is no plain data, `a true|false` whether
an assertion held (weak: the judgement itself came from inside), `X [TYPE, LINE]` the program itself raised, `m NAME` it
defines no such name, and `.` at the very end.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from types import CodeType, ModuleType
from typing import Any

from assay.sandbox.encoding import NotPlain, decode, encode, to_python

NO_KEYWORDS = '["d"]'


_read = json.JSONDecoder().raw_decode


def take(descriptor: int, size: int) -> dict[str, Any]:
    """The request: JSON that our own trusted side wrote, so it is ASCII and whole."""
    text = os.read(descriptor, size)
    while len(text) < size:
        more = os.read(descriptor, size - len(text))
        if not more:
            os._exit(1)
        text += more
    request: dict[str, Any] = _read(text.decode("ascii"))[0]
    return request


def place(source: str, path: str) -> bytes:
    """Put the program where it says it is, and give it back as bytes."""
    content = source.encode()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    write_whole(file, content)
    os.close(file)
    return content


def write_whole(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        written += os.write(descriptor, memoryview(content)[written:])


def arrange(stdin: str | None, output: int, nothing: int) -> None:
    """0 is the candidate's input, 1 its output if wanted, 2 nothing."""
    if stdin is None:
        os.dup2(nothing, 0)
    else:
        file = os.memfd_create("stdin")
        write_whole(file, stdin.encode("utf-8", "surrogatepass"))
        os.lseek(file, 0, os.SEEK_SET)
        os.dup2(file, 0)
        os.close(file)
    os.dup2(output if output >= 0 else nothing, 1)
    os.dup2(nothing, 2)


class Report:
    """Lines to the descriptor that the zygote reads. Holds what it needs by itself, in case a program rearranges `os`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._write = descriptor, os.write

    def line(self, tag: str, text: str = "") -> None:
        line = f"{tag} {text}\n".encode("ascii", "backslashreplace")
        written = self._write(self._descriptor, line)
        while written < len(line):
            written += self._write(self._descriptor, memoryview(line)[written:])


def run_function(request: dict[str, Any], source: bytes, path: str, report: Report) -> int:
    """Load the program as a module, then call what each test names. Returns the exit code."""
    module = _new_module("solution", path)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is what we are for
        if request["setup"]:
            exec(compile(request["setup"], "<setup>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is its own end
        report.line("X", _where(error, path))
        return 1
    for test in request["tests"]:
        if "assert" in test:
            _hold(test["assert"], module, path, report)
        else:
            _call(test, module, path, report)
    report.line(".")
    return 0


def _call(test: dict[str, Any], module: ModuleType, path: str, report: Report) -> None:
    try:
        function = module.__dict__[test["call"]]
    except KeyError:
        report.line("m", test["call"])
        return
    try:
        arguments = to_python(decode(test["args"].encode()))
        named = to_python(decode(test["kwargs"].encode())) if test["kwargs"] != NO_KEYWORDS else {}
        value = function(*arguments, **named)
    except BaseException as error:  # noqa: BLE001 - as above
        report.line("x", _where(error, path))
        return
    try:
        report.line("v", encode(value))
    except NotPlain as why:
        report.line("u", json.dumps(str(why)))
    except BaseException as error:  # noqa: BLE001 - no memory left to write it down, or a list that grows meanwhile
        report.line("x", _where(error, path))


def _hold(assertion: str, module: ModuleType, path: str, report: Report) -> None:
    try:
        exec(compile(assertion, "<assert>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except AssertionError:
        report.line("a", "false")
    except BaseException as error:  # noqa: BLE001 - as above
        report.line("x", _where(error, path))
    else:
        report.line("a", "true")


def run_script(request: dict[str, Any], source: bytes, path: str, report: Report) -> int:
    """Run the program as `__main__`, as `python main.py` would, to its end: threads waited for, output flushed."""
    import threading  # here, so that the zygote decides how it is imported

    module = _new_module("__main__", path)
    code = 0
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is what we are for
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException as error:  # noqa: BLE001 - whatever a candidate raises is its own end
        report.line("X", _where(error, path))
        code = 1
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.__stdout__):
            if stream is not None and not stream.closed:
                stream.flush()
    except SystemExit as error:
        code = code or _exit_code(error)
    except BaseException as error:  # noqa: BLE001 - as above
        report.line("X", _where(error, path))
        code = code or 120  # what Python answers when it cannot flush
    report.line(".")
    return code


def _new_module(name: str, path: str) -> ModuleType:
    """Under its name and with its file, so that dataclasses, pickle, inspect and tracebacks find it."""
    module = ModuleType(name)
    module.__file__ = path
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules[name] = module
    sys.argv = [path]
    return module


def _exit_code(error: SystemExit) -> int:
    code = error.code
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _where(error: BaseException, path: str) -> str:
    """The exception's type and the program's line, as JSON."""
    try:
        line, trace = None, error.__traceback__
        while trace is not None:
            code: CodeType = trace.tb_frame.f_code
            if code.co_filename == path:
                line = trace.tb_lineno
            trace = trace.tb_next
        if line is None and isinstance(error, SyntaxError) and error.filename == path:
            line = error.lineno
        return json.dumps([str(type(error).__name__)[:80], line if isinstance(line, int) else None])
    except BaseException:  # noqa: BLE001 - a class that hides its name
        return '["?", null]'
