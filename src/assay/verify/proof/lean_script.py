"""A Lean proof, read before any Lean runs: an allow-list of words.

Lean has no sentences: a command's keyword ends whatever stood before it, wherever it is written. So the text is cut into
Lean's tokens (nested comments, strings, characters and «quoted names» as Lean reads them), and no token may be the keyword
of a command, an attribute, a metaprogram, or a name that stands for an unproved fact. In `file` mode the few commands
that only define and prove are allowed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from assay.verify.proof.coq_script import Malformed

LONGEST = 100_000
MOST_DEPTH = 400

Mode = Literal["proof", "file"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILE_COMMANDS = _words(
    "theorem lemma def abbrev structure inductive class instance example namespace section end variable universe "
    "noncomputable private protected mutual open"
)
COMMANDS = FILE_COMMANDS | _words(
    "axiom axioms constant opaque classInductive coinductive extends_decl macro macro_rules syntax notation notation3 "
    "infix infixl infixr prefix postfix elab elab_rules declare_syntax_cat declare_config_elab builtin_initialize initialize "
    "attribute import export prelude module public meta scoped local include omit deriving run_cmd run_elab run_meta add_decl_doc "
    "register_simp_attr register_option register_builtin_option unif_hint binder_predicate simproc simproc_decl dsimproc "
    "builtin_simproc grind_pattern library_note unsafe partial nonrec irreducible_def alias recall compile_inductive "
    "unset_option docs_to_verso seal unseal suppress_compilation gen_injective_theorems assert_not_exists initialize_simps_projections "
    "init_quot init_grind_norm grind_propagator cbv_simproc cbv_simproc_decl deprecated_module deprecated_syntax tactic_extension "
    "recommended_spelling set_library_suggestions add_aesop_rules erase_aesop_rules mk_iff_of_inductive_prop proof_wanted count_heartbeats "
    "guard_min_heartbeats whatsnew open_locale reassoc_axiom insert_to_additive_translation show_panel_widgets compile_def"
)
"""Keywords that begin a command, or change one."""

COMMAND_FAMILIES = ("declare_", "register_", "builtin_")
"""Beginnings of commands of which every library adds its own."""

FORBIDDEN = _words(
    "sorry sorryAx admit native_decide ofReduceBool reduceBool ofReduceNat reduceNat trustCompiler implemented_by extern csimp run_tac "
    "by_elab term_elab eval include_str include_bytes dbg_trace unsafeCast unsafeIO unsafeBaseIO lcProof lcUnreachable lcAny "
    "unsafeEIO MacroM TacticM CommandElabM CoreM MetaM TermElabM IO Elab Meta skipKernelTC addDecl bv_decide native"
)
"""Parts of names that no proof needs: what leads out of the kernel, or into the elaborator."""

OPTIONS = frozenset({"maxRecDepth", "maxHeartbeats", "synthInstance.maxHeartbeats"})
ATTRIBUTES = frozenset({"simp", "ext", "reducible", "inline", "norm_num"})

_LETTER = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f\u0370-\u039f\u03a1\u03a2\u03a4-\u03ba\u03bc-\u03ff\u1f00-\u1ffe\u2100-\u214f"
    "\U0001d49c-\U0001d59f"
)
_PART = rf"(?:[{_LETTER}][{_LETTER}0-9'!?\u2080-\u2089\u2090-\u209c\u1d62-\u1d6a]*|«[^«»\n]*»)"
_TOKEN = re.compile(
    rf"(?P<blank>[ \n\r]+)|(?P<line>--[^\n]*)|(?P<block>/-)|(?P<raw>r(?P<hashes>#*)\")|(?P<string>\")"
    rf"|(?P<char>'(?:\\(?:x[0-9a-fA-F]{{2}}|u[0-9a-fA-F]{{4}}|[^xu])|[^\\'])')"
    rf"|(?P<name>{_PART}(?:\.{_PART})*)"
    rf"|(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(?P<sign>.)",
    re.DOTALL,
)
_BLOCK = re.compile(r"/-|-/")
_PAIRS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⟪": "⟫", "⦃": "⦄", "⟦": "⟧"}


def read_lean(text: str, mode: Mode = "proof") -> tuple[str, ...]:
    """The tokens of an allowed text, without blanks and comments. Raises Malformed."""
    if len(text) > LONGEST:
        raise Malformed(f"the proof is longer than {LONGEST} characters")
    for sign in set(text):
        if unicodedata.category(sign) in ("Cc", "Cs", "Cf", "Zl", "Zp") and sign not in "\n\r":
            raise Malformed(f"the control character U+{ord(sign):04X}")
    words = _tokens(text)
    if mode == "proof" and "/-!" in text:
        raise Malformed("a module's comment (/-!) is a command")
    if not words:
        raise Malformed("no proof")
    _check_brackets(words)
    for at, word in enumerate(words):
        _check_word(words, at, word, mode)
    return tuple(words)


def _tokens(text: str) -> list[str]:
    words = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None
        kind, word = token.lastgroup, token.group()
        if token.group("raw") is not None:
            kind = "raw"
        at = token.end()
        if kind == "block":
            at = _block_end(text, token.start())
        elif kind == "string":
            if text[token.start() - 1 : token.start()] == "!":
                raise Malformed("a string with code in it")
            at = _string_end(text, at)
        elif kind == "raw":
            closing = '"' + (token.group("hashes") or "")
            end = text.find(closing, at)
            if end < 0:
                raise Malformed("a string that never ends")
            at = end + len(closing)
        elif kind in ("name", "number", "sign"):
            if text[at : at + 1] == '"' and word.endswith("!"):
                raise Malformed("a string with code in it")
            words.append(word)
    return words


def _block_end(text: str, start: int) -> int:
    depth = 0
    for found in _BLOCK.finditer(text, start):
        depth += 1 if found.group() == "/-" else -1
        if depth == 0:
            return found.end()
        if depth > MOST_DEPTH:
            break
    raise Malformed("a comment that never ends")


def _string_end(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"':
            return at + 1
        else:
            at += 1
    raise Malformed("a string that never ends")


def _check_brackets(words: list[str]) -> None:
    waiting: list[str] = []
    for word in words:
        if word in _PAIRS:
            waiting.append(_PAIRS[word])
            if len(waiting) > MOST_DEPTH:
                raise Malformed(f"more than {MOST_DEPTH} brackets in each other")
        elif word in _PAIRS.values() and (not waiting or waiting.pop() != word):
            raise Malformed(f"{word} closes nothing")
    if waiting:
        raise Malformed(f"{waiting[-1]} is missing")


def _check_word(words: list[str], at: int, word: str, mode: Mode) -> None:
    following = words[at + 1] if at + 1 < len(words) else ""
    if word == "#" and (following[:1].isalpha() or following[:1] == "«"):
        raise Malformed(f"the command #{following[:20]}")
    if word == "@" and following == "[":
        named = words[at + 2 : at + 4]
        if mode == "proof" or len(named) < 2 or named[0] not in ATTRIBUTES or named[1] != "]":
            raise Malformed("an attribute")
    if not (word[0].isalpha() or word[0] in "_«"):
        return
    parts = word.replace("«", "").replace("»", "").split(".")
    if not FORBIDDEN.isdisjoint(parts) or parts[0] == "Lean":
        raise Malformed(f"the name {word[:40]!r} is not allowed")
    if word.startswith("«"):
        return
    if word == "set_option":
        if following not in OPTIONS:
            raise Malformed(f"the option {following[:40]!r} may not be set")
        if mode == "proof" and words[at + 3 : at + 4] != ["in"]:
            raise Malformed("set_option without its `in` is a command")
    elif word == "in" and mode == "file" and "open" in words[max(0, at - 12) : at]:
        raise Malformed("open ... in")
    elif parts[0].startswith(COMMAND_FAMILIES):
        raise Malformed(f"the command {parts[0][:40]!r}")
    elif parts[0] in COMMANDS and not (mode == "file" and parts[0] in FILE_COMMANDS):
        raise Malformed(f"the command {parts[0]!r}")
    elif parts[0] == "open" and following in ("scoped", "Lean"):
        raise Malformed(f"open {following}")
