"""sympy, as the last step: in a process of its own that is killed when it computes too long, with little memory.

Trees travel as JSON and are built with sympy's constructors; no text of a response is ever parsed by sympy. What does not
come back is None: not known. The limit is the question's own CPU time, kept by the kernel (ITIMER_PROF, whose signal ends
the process), so that a verdict does not depend on how busy the machine is; the wall time is only there for a process that
sleeps.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from assay.verify.math.number import exact
from assay.verify.math.tree import (
    Call,
    Constant,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Root,
    Sum,
    Symbol,
    TooLarge,
    children,
)

if TYPE_CHECKING:
    from assay.sandbox.supervisor import Supervisor

CPU_SECONDS = 2.0  # of one question
WALL_SECONDS = 60.0  # of one question, its process's start included
MEMORY = 1 << 30  # bytes of address space
LARGEST = 4_000  # characters of a request
FUNCTIONS = {
    **{name: name for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan")},
    "abs": "Abs",
    "ln": "log",
}


def is_irreducible(node: Node) -> bool | None:
    """Is a polynomial irreducible over the rationals, numbers aside?"""
    return _ask("irreducible", node)


def have_common_factor(top: Node, bottom: Node) -> bool | None:
    return _ask("common_factor", top, bottom)


def are_identical(left: Node, right: Node) -> bool | None:
    """Does sympy's simplification of the difference come to zero? False only says that it does not.

    Odd roots are not asked about: sympy takes the complex one of a negative number, this verifier the real one.
    """
    return None if _has_odd_root(left) or _has_odd_root(right) else _ask("zero", left, right)


def _has_odd_root(node: Node) -> bool:
    if isinstance(node, Root) and node.degree % 2:
        return True
    if isinstance(node, Power):
        exponent = exact(node.exponent)
        if exponent is not None and exponent.denominator % 2 and exponent.denominator > 1:
            return True
    return any(map(_has_odd_root, children(node)))


class NotPlain(Exception):
    """A node that is not sent to sympy."""


def encode(node: Node) -> Any:
    """The tree as JSON. Raises NotPlain."""
    if isinstance(node, Number):
        return ["number", str(node.value.numerator), str(node.value.denominator)]
    if isinstance(node, Symbol):
        return ["symbol", node.name]
    if isinstance(node, Constant) and node.name in ("pi", "e", "i"):
        return ["constant", node.name]
    if isinstance(node, Sum):
        return ["sum", *map(encode, node.terms)]
    if isinstance(node, Product):
        return ["product", *map(encode, node.factors)]
    if isinstance(node, Negative):
        return ["negative", encode(node.of)]
    if isinstance(node, Quotient):
        return ["quotient", encode(node.top), encode(node.bottom)]
    if isinstance(node, Power):
        exponent = exact(node.exponent)
        if exponent is not None and not -200 <= exponent <= 200:
            raise NotPlain("a large exponent")
        return ["power", encode(node.base), encode(node.exponent)]
    if isinstance(node, Root):
        return ["root", encode(node.of), node.degree]
    if isinstance(node, Call) and node.name in FUNCTIONS and len(node.args) == 1:
        return ["call", node.name, encode(node.args[0])]
    raise NotPlain(type(node).__name__)


_lock = threading.Lock()
_supervisor: Supervisor | None = None


def _forget() -> None:
    """In a forked child: the parent's worker is the parent's."""
    global _lock, _supervisor
    _lock, _supervisor = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _ask(question: str, *nodes: Node) -> bool | None:
    from assay.sandbox.supervisor import End, Supervisor  # with subprocess behind it: only when asked for

    global _supervisor
    try:
        request = json.dumps([question, *map(encode, nodes)])
    except (NotPlain, TooLarge):
        return None
    if len(request) > LARGEST:
        return None
    with _lock:
        if _supervisor is None:
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
                "ASSAY_PARENT": str(os.getpid()),
            }
            command = (sys.executable, "-P", "-m", "assay.verify.math.symbolic")
            _supervisor = Supervisor(command, 1, requests_per_worker=200, env=environment)
        supervisor = _supervisor
    reply = supervisor.ask(request.encode(), WALL_SECONDS)
    if reply.end is not End.DONE:
        return None
    answer = json.loads(reply.lines[0])
    return answer if isinstance(answer, bool) else None


# --- the process ---


def main() -> None:
    import resource
    import signal

    from assay.sandbox.supervisor import die_with_parent

    die_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import sympy

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # begun anew by each question
        answers.write(json.dumps(_answer(sympy, json.loads(line))).encode() + b"\n")
        answers.flush()


def _answer(sympy: Any, request: list[Any]) -> bool | None:
    question, *parts = request
    try:
        nodes = [_build(sympy, each) for each in parts]
        if question == "zero":
            return bool(sympy.simplify(nodes[0] - nodes[1]) == 0)
        if question == "common_factor":
            top, bottom = (sympy.Poly(each, *sorted(nodes[1].free_symbols, key=str)) for each in nodes)
            return bool(sympy.gcd(top, bottom).total_degree() > 0)
        _, factors = sympy.factor_list(sympy.expand(nodes[0]))
        return len(factors) == 1 and factors[0][1] == 1
    except (sympy.SympifyError, sympy.PolynomialError, ArithmeticError, ValueError, TypeError, AttributeError,
            NotImplementedError, RecursionError, MemoryError):  # fmt: skip
        return None


def _build(sympy: Any, node: list[Any]) -> Any:
    kind, *parts = node
    if kind == "number":
        return sympy.Rational(int(parts[0]), int(parts[1]))
    if kind == "symbol":
        return sympy.Symbol(parts[0], real=True)
    if kind == "constant":
        return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}[parts[0]]
    if kind == "root":
        return sympy.root(_build(sympy, parts[0]), parts[1])
    if kind == "call":
        return getattr(sympy, FUNCTIONS[parts[0]])(_build(sympy, parts[1]))
    built = [_build(sympy, each) for each in parts]
    if kind == "sum":
        return sympy.Add(*built)
    if kind == "product":
        return sympy.Mul(*built)
    if kind == "negative":
        return -built[0]
    if kind == "quotient":
        return built[0] / built[1]
    return sympy.Pow(*built)


if __name__ == "__main__":
    main()
