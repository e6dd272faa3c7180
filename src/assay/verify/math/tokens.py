r"""Text to tokens: LaTeX and plain text alike, the dress taken off, the limits on length and depth checked first.

A token is a string: a command (`\frac`), a number (`12`, `.5`, `1,234`, `3e8`), a run of letters, or one sign. White space and
LaTeX's spacing are dropped: they never mean anything but that two numbers are apart. Signs outside ASCII are let in by
name only (`π`, `√`, `≤`, `½`, ...): a digit of another alphabet is none of ours.
"""

from __future__ import annotations

import re

from assay.verify.math.tree import TooLarge, Unreadable

LONGEST = 20_000  # characters of a field that is parsed; plain integers of any length never are
MOST_TOKENS = 5_000
DEEPEST = 32  # brackets within brackets

_TOKEN = re.compile(
    r"\\(?:[A-Za-z]+|.)"
    r"|(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9]|,[0-9])(?:\.[0-9]+)?"
    r"|(?:[0-9]+(?:\.[0-9]+)?(?:[eE]|E[+-])[0-9]+|(?:[0-9]*\.[0-9]+|1)e[+-][0-9]+|[0-9]+e[+-]0[0-9]+)(?![0-9.]*[A-Za-z])"
    r"|[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+"
    r"|[^\W\d_]+'*|\*\*|<=|>=|!=|/=|==|:=|->|\.{2,}|\S",
    re.DOTALL,
)
_JOINED = re.compile(r"(?<=[0-9])\s*(?:\{,\}|\{\\,\}|,\s*\\!)\s*(?=[0-9]{3}(?![0-9]))")  # 1{,}000 and 1,\!000

_IGNORED = frozenset(
    [
        r"\,",
        r"\;",
        r"\:",
        r"\!",
        r"\>",
        r"\thinspace",
        r"\medspace",
        r"\thickspace",
        r"\negthinspace",
        r"~",
        r"\left",
        r"\right",
        r"\big",
        r"\Big",
        r"\bigg",
        r"\Bigg",
        r"\bigl",
        r"\bigr",
        r"\Bigl",
        r"\Bigr",
        r"\biggl",
        r"\biggr",
        r"\Biggl",
        r"\Biggr",
        r"\bigm",
        r"\middle",
        r"\displaystyle",
        r"\bf",
        r"\it",
        r"\textstyle",
        r"\scriptstyle",
        r"\limits",
        r"\nolimits",
        r"\nonumber",
        r"\hfill",
        r"\underline",
        r"\tiny",
        r"\small",
        r"\normalsize",
        r"\large",
        r"\Large",
        r"\LARGE",
        r"\huge",
        r"\Huge",
        r"\/",
    ]
) | {"\\ ", "\\\n", "\\\t"}

_OTHER = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "∙": r"\cdot ", "∗": "*",
    "÷": r"\div ", "⁄": "/", "∕": "/", "π": r"\pi ", "∞": r"\infty ", "√": r"\sqrt ", "≤": r"\le ", "≥": r"\ge ",
    "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∉": r"\notin ",
    "∅": r"\emptyset ", "∖": r"\setminus ", "°": r"\degree ", "±": r"\pm ", "∓": r"\mp ", "∧": r"\land ", "∨": r"\lor ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "…": "...",
    "£": r"\pounds ", "€": r"\euro ", "¥": r"\yen ", "₹": r"\rupee ", "∣": r"\mid ", "‖": r"\|", "Σ": r"\Sigma ",
    "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "⅕": r"\frac{1}{5}", "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}",
    "⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2002": " ", "\u2003": " ", "\u200a": " ", "′": "'", "″": "''",
    "“": '"', "”": '"', "’": "'", "¢": r"\text{cents}",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RUN = re.compile("[" + "".join(_RAISED) + "]+|[" + "".join(_LOWERED) + "]+")
_ROOT = re.compile(r"√\s*([0-9]+|[A-Za-z])")
_WRAPS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))


def tokenize(text: str, locale: str = "en", is_list: bool = False, is_plain: bool = False) -> list[str]:
    """The tokens of a field. Raises Unreadable or TooLarge.

    `1,234` is one number; in brackets, or where a list is expected (`is_list`), it is two, unless a group starts with 0.
    """
    if len(text) > LONGEST:
        raise TooLarge(f"{len(text)} characters, more than {LONGEST}")
    text = undressed(text)
    if not text.isascii():
        text = _in_ascii(text)
    if locale != "en":
        text = _in_english(text)
    elif "{,}" in text or "\\!" in text or "{\\,}" in text:
        text = _JOINED.sub("", text)
    if is_plain:
        text = _EXPONENT.sub(lambda found: found.group().replace("e", "E"), text)
    if "\\" in text:
        text = _NOTHING.sub(_tidied, text)
    if "{" in text:
        text = _BRACED_SIGN.sub(r"\1", text)
    tokens = [each for each in _TOKEN.findall(text) if each not in _IGNORED]
    if "quad" in text or "\\enspace" in text:
        tokens = _closed_up(tokens)
    if not tokens:
        raise Unreadable("nothing to read")
    if len(tokens) > MOST_TOKENS:
        raise TooLarge(f"{len(tokens)} tokens, more than {MOST_TOKENS}")
    if "[" in tokens or "]" in tokens:
        _close_outward(tokens)
    if len(tokens) > DEEPEST:
        _check_depth(tokens)
    return _separated(tokens, is_list) if "," in text and any("," in each[1:] for each in tokens) else tokens


def _tidied(found: re.Match[str]) -> str:
    """What LaTeX says in more than one way: brackets by name, an invisible bracket, space between rows."""
    return _SPELLED.get(found.group(1) or found.group(2) or "", "")


_BRACED_SIGN = re.compile(r"(?<![A-Za-z^_}\]])\{\s*([-+=<>.])\s*\}")  # `{-}7`, `0{.}5`
_EXPONENT = re.compile(r"(?<![A-Za-z0-9.])[0-9]+e[+-][0-9]+(?![0-9.]*[A-Za-z])")
_NOTHING = re.compile(
    r"\\(lbrace|rbrace|lbrack|rbrack|lparen|rparen|textdollar)(?![A-Za-z])"
    r"|\\(?:left|right)\s*\.|(?<=\\\\)\s*\[[0-9. ]*[a-z]{2}\]|\\(?:text|mathrm|mbox)\s*\{\s*\\(\$)\s*\}"
    r"|\\(?:text)?color\s*\{[A-Za-z]+\}"
)
_SPELLED = {
    "lbrace": "\\{",
    "rbrace": "\\}",
    "lbrack": "[",
    "rbrack": "]",
    "lparen": "(",
    "rparen": ")",
    "textdollar": "\\$",
    "$": "\\$",
}


def _close_outward(tokens: list[str]) -> None:
    """`]0, 1[` as `(0, 1)`, in place: a `]` where nothing has been opened yet to be closed, a `[` where nothing can begin."""
    for index, each in enumerate(tokens):
        if each == "]" and (index == 0 or tokens[index - 1] in _BEFORE_OPENING):
            tokens[index] = "("
        elif each == "[" and (index + 1 == len(tokens) or tokens[index + 1] in _AFTER_CLOSING):
            tokens[index] = ")"


_BEFORE_OPENING = frozenset(("\\cup", "\\cap", "\\setminus", "\\in", "=", "U"))
_AFTER_CLOSING = frozenset(("\\cup", "\\cap", "\\setminus", "U", "}", "\\}"))


def _closed_up(tokens: list[str]) -> list[str]:
    """Without wide spaces; between two numbers they mean that these are two."""
    found: list[str] = []
    for index, each in enumerate(tokens):
        if each in ("\\quad", "\\qquad", "\\enspace"):
            after = tokens[index + 1] if index + 1 < len(tokens) else ""
            if found and found[-1][-1].isdigit() and after[:1].isdigit():
                raise Unreadable("two numbers set apart")
            continue
        found.append(each)
    return found


def _separated(tokens: list[str], is_list: bool) -> list[str]:
    found: list[str] = []
    depth = 0
    for each in tokens:
        if each in ("(", "[", "\\{"):
            depth += 1
        elif each in (")", "]", "\\}"):
            depth -= 1
        elif (is_list or depth) and "," in each[1:] and ",0" not in each:
            for part in each.split(","):
                found += (part, ",")
            del found[-1]
            continue
        found.append(each)
    return found


def _in_english(text: str) -> str:
    """Numbers with a decimal comma, and points between thousands, as English writes them."""

    def spell(found: re.Match[str]) -> str:
        whole, part = found.group(1).replace(".", ""), found.group(2)
        return f"{whole}.{part}" if part else whole

    text = _GROUPED.sub("", text)
    for found in _POINT.finditer(text):
        if not _THOUSANDS.fullmatch(found.group()):
            raise Unreadable(f"{found.group()}, which has a point where this locale has a comma")
    return _COMMA.sub(spell, text)


_GROUPED = re.compile(r"(?<=[0-9])(?:\\[, ]|\s|~)(?=[0-9]{3}(?![0-9]))")
_POINT = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_COMMA = re.compile(r"(?<![0-9.,])([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:(?:,|\{,\})([0-9]+))?(?![0-9])")


def undressed(text: str) -> str:
    """Without the `$` or `\\(` around the whole of it, and without a full stop behind it."""
    text = text.strip()
    while True:
        before = text
        text = text.removesuffix("\\text{.}").rstrip()
        if text.endswith(".") and not text.endswith("..") and not text.endswith("\\right."):
            text = text[:-1].rstrip()
        for left, right in _WRAPS:
            inside = text[len(left) : -len(right)]
            if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
                bare = inside.replace("\\$", "")
                if left in bare or right in bare or inside.endswith("\\") or ("$" in left and "$" in bare):
                    continue
                text = inside.strip()
        if text == before:
            return text


def _in_ascii(text: str) -> str:
    def spell(found: re.Match[str]) -> str:
        run = found.group()
        if run[0] in _RAISED:
            return "^{" + "".join(_RAISED[sign] for sign in run) + "}"
        return "_{" + "".join(_LOWERED[sign] for sign in run) + "}"

    signs = []
    for sign in _RUN.sub(spell, _ROOT.sub(r"\\sqrt{\1}", text)):
        if sign.isascii():
            signs.append(sign)
        elif sign in _OTHER:
            signs.append(_OTHER[sign])
        elif sign in _GREEK:
            signs.append(f"\\{_GREEK[sign]} ")
        elif sign.isalpha():
            signs.append(sign)  # a letter of a word; the parser refuses it elsewhere
        else:
            raise Unreadable(f"the sign {sign!r}")
    return "".join(signs)


def _check_depth(tokens: list[str]) -> None:
    depth = 0
    for each in tokens:
        if each in _OPENS:
            depth += 1
            if depth > DEEPEST:
                raise TooLarge(f"brackets more than {DEEPEST} deep")
        elif each in _CLOSES:
            depth -= 1


_OPENS = frozenset(("{", "(", "[", "\\{", "\\lfloor", "\\lceil", "\\langle", "\\lvert"))
_CLOSES = frozenset(("}", ")", "]", "\\}", "\\rfloor", "\\rceil", "\\rangle", "\\rvert"))
