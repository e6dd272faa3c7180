"""The names the parser knows: functions, constants, operators, and how commands wrap text and letters."""

from __future__ import annotations

FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "arccot",
        "arcsec",
        "arccsc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "sech",
        "csch",
        "arcsinh",
        "arccosh",
        "arctanh",
        "arsinh",
        "arcosh",
        "artanh",
        "asin",
        "acos",
        "atan",
        "asinh",
        "acosh",
        "atanh",
        "log",
        "ln",
        "lg",
        "exp",
        "sqrt",
        "cbrt",
        "abs",
        "floor",
        "ceil",
        "max",
        "min",
        "gcd",
        "lcm",
        "det",
        "Re",
        "Im",
        "cis",
        "arg",
        "sgn",
        "sign",
        "factorial",
        "binom",
        "binomial",
    ]
)
SAME_FUNCTION = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh", "sgn": "sign", "binomial": "binom", "lg": "log10",
    "ceiling": "ceil",
}  # fmt: skip
TRIGONOMETRIC = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "arccot",
        "arcsec",
        "arccsc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "sech",
        "csch",
        "arcsinh",
        "arccosh",
        "arctanh",
    ]
)
INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
           "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}  # fmt: skip

CONSTANTS = {"\\pi": "pi", "\\infty": "inf", "\\infin": "inf", "\\emptyset": "emptyset", "\\varnothing": "emptyset",
             "\\imath": "i", "\\degree": "degree"}  # fmt: skip
PLAIN_CONSTANTS = {"e": "e", "i": "i", "pi": "pi", "Pi": "pi", "inf": "inf", "infinity": "inf", "oo": "inf",
                   "Infinity": "inf"}  # fmt: skip
BOARDS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complex"}

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "vartheta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "varrho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "ell",
        "hbar",
    ]
)
SAME_LETTER = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho"}

TEXTS = frozenset(
    [
        "\\text",
        "\\mbox",
        "\\textrm",
        "\\textbf",
        "\\textit",
        "\\textsf",
        "\\texttt",
        "\\textnormal",
        "\\hbox",
        "\\fbox",
        "\\emph",
    ]
)
ROMANS = frozenset(
    ["\\mathrm", "\\rm", "\\operatorname", "\\mathsf", "\\mathtt", "\\mathit", "\\mathnormal", "\\boldsymbol", "\\bm"]
)
BOLDS = frozenset(["\\mathbf", "\\vec", "\\overrightarrow", "\\mathcal", "\\hat", "\\mathfrak", "\\mathscr", "\\bar"])

RELATIONS = {
    "=": "=", "==": "=", "\\equiv": "~", "\\approx": "~", "\\sim": "~", "\\simeq": "~", "\\cong": "~",
    "\\ne": "!=", "\\neq": "!=", "!=": "!=", "/=": "!=", "<": "<", ">": ">", "\\lt": "<", "\\gt": ">",
    "<=": "<=", ">=": ">=", "\\le": "<=", "\\leq": "<=", "\\ge": ">=", "\\geq": ">=", "\\leqslant": "<=",
    "\\geqslant": ">=", "\\leqq": "<=", "\\geqq": ">=", "\\in": "in", "\\notin": "notin", ":=": "=",
}  # fmt: skip
SET_SIGNS = {"\\cup": "union", "\\cap": "intersection", "\\setminus": "difference", "\\backslash": "difference"}
TIMES = frozenset(("*", "\\cdot", "\\times", "\\ast", "\\bullet"))
OVER = frozenset(("/", "\\div", "per"))
FRACTIONS = frozenset(("\\frac", "\\dfrac", "\\tfrac", "\\cfrac"))
BINOMIALS = frozenset(("\\binom", "\\dbinom", "\\tbinom"))
DOTS = frozenset(("\\dots", "\\ldots", "\\cdots", "\\dotsc", "\\dotsb", "..", "...", "....", "\\vdots", "\\ddots"))
ENDLESS = frozenset(("\\overline", "\\bar", "\\dot"))
CURRENCIES = {"\\$": "dollar", "$": "dollar", "\\pounds": "pound sterling", "\\pound": "pound sterling",
              "\\euro": "euro", "\\yen": "yen", "\\rupee": "rupee"}  # fmt: skip
JOINERS = {"and": "and", "or": "or"}

ABSENT = {"undefined": "undefined", "dne": "undefined", "does not exist": "undefined", "no solution": "emptyset",
          "no solutions": "emptyset", "empty set": "emptyset", "the empty set": "emptyset", "null set": "emptyset",
          "no solution exists": "emptyset", "no solutions exist": "emptyset", "none": "none", "no real solution": "emptyset",
          "no real solutions": "emptyset", "infinity": "inf", "all real numbers": "reals", "all reals": "reals"}  # fmt: skip
