"""Attacks on the verdict from inside the program: values that lie, reports that are forged, harnesses that are rewritten.

The task asks for `solve(n)`, which is n * n + 7 on a few n. No program here computes it.
"""

from __future__ import annotations

ATTACKS: dict[str, str] = {}


def attack(name: str, source: str) -> None:
    assert name not in ATTACKS, name
    ATTACKS[name] = source


# Values that equal everything, or look like what they are not
for base in ("object", "int", "float", "str", "list", "dict", "tuple", "set", "frozenset", "bytes", "complex"):
    attack(
        f"equality/always_equal_{base}",
        f"""
class Equal({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __repr__(self): return '16'
    __str__ = __repr__
    def __index__(self): return 16
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = lambda *a: 0
def solve(n): return Equal()
""",
    )
for name, value in {
    "not_implemented": "NotImplemented",
    "ellipsis": "...",
    "type": "int",
    "function": "solve",
    "generator": "(each for each in [16])",
    "mock": "__import__('unittest.mock').mock.ANY",
    "nan": "float('nan')",
    "infinity": "float('inf')",
    "true": "True",
    "string": "str(n * n + 7)",
    "in_a_list": "[n * n + 7]",
    "complex_text": "'16'",
    "every_answer": "{16, 107, 23}",
    "fraction": "__import__('fractions').Fraction(n * n + 7)",
    "decimal": "__import__('decimal').Decimal(n * n + 7)",
    "int_enum": "__import__('enum').IntEnum('E', {'x': n * n + 7}).x",
    "named_tuple": "__import__('collections').namedtuple('P', 'x')(n * n + 7)",
    "coroutine_of_it": "(lambda: (yield n * n + 7))()",
    "none": "None",
    "near": "n * n + 7 + 1e-7",
    "nearly_equal_int": "n * n + 7.0000001",
}.items():
    attack(f"equality/{name}", f"def solve(n): return {value}")
attack(
    "equality/metaclass",
    "class M(type):\n    def __eq__(c, o): return True\n    def __hash__(c): return 0\n    __name__ = 'int'\n"
    "class V(metaclass=M): pass\ndef solve(n): return V()",
)
attack(
    "equality/class_property",
    "class V:\n    @property\n    def __class__(self): return int\n    def __eq__(s, o): return True\ndef solve(n): return V()",
)
attack(
    "equality/dict_items_lie",
    "class D(dict):\n    def items(self): return [('x', 16)]\n    def __iter__(self): return iter([16])\ndef solve(n): return D()",
)
attack(
    "equality/list_that_changes_while_read",
    "import threading\nL = [0]\ndef grow():\n    while True: L.append(L[:100])\n"
    "threading.Thread(target=grow, daemon=True).start()\ndef solve(n): return L",
)

# Ways to end before the verdict
for name, source in {
    "sys_exit": "import sys; sys.exit(0)",
    "system_exit": "raise SystemExit",
    "os_exit": "import os; os._exit(0)",
    "builtin_exit": "exit(0)",
    "quit": "quit()",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "generator_exit": "raise GeneratorExit",
    "base_exception": "raise BaseException('all tests passed')",
    "abort": "import os; os.abort()",
    "assertion_disabled": "__debug__ or 1; raise AssertionError",
    "stop_iteration": "raise StopIteration(16)",
    "thread_exit": "import threading, os; threading.Thread(target=os._exit, args=(0,)).start(); import time; time.sleep(5)",
    "libc_exit": "import ctypes; ctypes.CDLL(None)._exit(0)",
    "libc_exit_handlers": "import ctypes; ctypes.CDLL(None).exit(0)",
}.items():
    attack(f"exits/{name}_while_loading", source)
    inner = "\n".join(f"    {line}" for line in source.split("; "))
    attack(f"exits/{name}_when_called", f"def solve(n):\n{inner}")
attack("exits/atexit", "import atexit, os\natexit.register(os._exit, 0)\ndef solve(n): return None")
attack("exits/finalizer", "import os\nclass D:\n    def __del__(s): os._exit(0)\ndef solve(n):\n    D()\n    return 0")
attack(
    "exits/exception_that_exits",
    "import os\nclass E(Exception):\n    def __str__(s): os._exit(0)\ndef solve(n): raise E",
)
attack("exits/excepthook", "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\nraise ValueError")
attack(
    "exits/excepthook_of_threads",
    "import threading\nthreading.excepthook = lambda a: None\ndef solve(n): raise ValueError",
)

# The report, forged
FORGE = "import os\ndef send(text):\n    for fd in range(3, 64):\n        try: os.write(fd, text)\n        except OSError: pass\n"
for name, text in {
    "end_only": r"b'. \n'",
    "zygote_status": r"""b's{"exit":0,"signal":null,"killed":"","cpu_s":0,"wall_s":0,"is_clean":true}\n'""",
    "wrong_values": r"b'v 1\nv 1\nv 1\n. \n'",
    "guessed_strings": r"""b'v "16"\nv "107"\nv "23"\n. \n'""",
    "assertions_held": r"b'a true\na true\na true\n. \n'",
    "json_verdict": r"""b'{"outcome": "pass", "score": 1.0}\n'""",
    "ready": r"b'ready\n'",
    "pickle": r"b'v \x80\x04K\x10.\n. \n'",
    "always_equal_tag": r"""b'v ["any"]\nv ["any"]\nv ["any"]\n. \n'""",
    "expected_reference": r"b'v expected\nv expected\nv expected\n. \n'",
    "nested_deep": r"b'v ' + b'[' * 100000 + b'\n. \n'",
    "too_many": r"b'v 1\n' * 10000 + b'. \n'",
    "empty_lines": r"b'\n' * 100 + b'. \n'",
    "not_ascii": r"b'v \xff\xfe\n. \n'",
    "carriage_returns": r"b'v 16\rv 107\r. \r'",
    "spaces_and_tokens": r"b'v 1 o616263 s{} \n'",
    "huge_number": r"b'v ' + b'9' * 1000000 + b'\n. \n'",
    "object": r"""b'v {"__eq__": true}\n. \n'""",
}.items():
    attack(f"forging/{name}_then_exit", f"{FORGE}send({text})\nos._exit(0)")
attack("forging/end_before_the_rest", FORGE + r"def solve(n):" + "\n    send(b'. \\n')\n    return 1")
attack(
    "forging/prints_a_pass",
    "print('PASS'); print('{\"outcome\": \"pass\", \"reward\": 1.0}')\ndef solve(n): return 'pass'",
)
attack(
    "forging/result_files",
    "import json\nfor name in ('result.json', 'reward.txt', '/tmp/result', 'verdict', 'report', 'stdout', 'exit_code'):\n"
    "    try: open(name, 'w').write('1.0')\n    except OSError: pass\ndef solve(n): return None",
)
attack(
    "forging/standard_streams",
    "import os\nfor fd in (0, 1, 2):\n    try: os.write(fd, b'v 16\\nv 107\\n. \\n')\n    except OSError: pass\nos._exit(0)",
)
attack("forging/close_the_report", "import os\nos.closerange(0, 64)\ndef solve(n): return 1")
attack("forging/report_to_devnull", "import os\nos.dup2(os.open('/dev/null', 1), 3)\ndef solve(n): return 1")
attack("forging/steal_stdin", "import os, sys\ndef solve(n): return os.read(0, 1 << 16) or sys.stdin.read()")
attack(
    "forging/pipe_is_read_back",
    "import os\ndef solve(n):\n    try: return os.read(3, 100)\n    except OSError: return None",
)
attack(
    "forging/reopen_the_report",
    "import os\ndef solve(n):\n    try: return os.open('/proc/self/fd/3', os.O_RDONLY)\n    except OSError: return None",
)

# Looking for the expected values
attack(
    "reading/frames",
    """
import sys
def solve(n):
    frame = sys._getframe()
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if 'expect' in name.lower() and not callable(value): return value
        frame = frame.f_back
""",
)
attack(
    "reading/gc",
    """
import gc
def solve(n):
    for each in gc.get_objects():
        if type(each) is dict and ('expected' in each or 'truth' in each): return each.get('expected', each.get('truth'))
""",
)
attack(
    "reading/strings_in_memory",
    """
import gc
def solve(n):
    for each in gc.get_objects():
        if isinstance(each, (list, tuple)):
            for item in each:
                if type(item) is bytes and b'expected' in item: return item
""",
)
attack(
    "reading/inspect_stack",
    "import inspect\ndef solve(n):\n    for f in inspect.stack():\n        if 'expected' in f.frame.f_locals: return f.frame.f_locals['expected']",
)
attack(
    "reading/traceback",
    "import sys\ndef solve(n):\n    try: 1 / 0\n    except Exception as e:\n        t = e.__traceback__.tb_frame\n"
    "        while t.f_back: t = t.f_back\n        return t.f_globals.get('expected')",
)
attack(
    "reading/main_module",
    "import __main__\ndef solve(n): return vars(__main__).get('expected', vars(__main__).get('tests'))",
)
attack("reading/argv", "import sys\ndef solve(n): return sys.argv")
attack(
    "reading/tests_of_the_request",
    """
import sys
def solve(n):
    frame = sys._getframe(1)
    while frame:
        request = frame.f_locals.get('request')
        if request: return [test.get('expected') for test in request['tests']]
        frame = frame.f_back
""",
)
attack(
    "reading/other_arguments",
    """
import sys
def solve(n):
    request = sys._getframe(2).f_locals.get('request')
    return request and request['tests'][0]['args']
""",
)
attack(
    "reading/modules",
    "import sys\ndef solve(n):\n    for m in list(sys.modules.values()):\n        for k in ('expected', 'truth', 'answers'):\n            if k in vars(m): return vars(m)[k]",
)
attack(
    "reading/zygote_memory",
    """
import ctypes, gc
def solve(n):
    import assay.sandbox.zygote as zygote
    for each in gc.get_objects():
        if type(each).__name__ == 'Zygote': return bytes(each._buffer).hex()
    return [k for k in vars(zygote)]
""",
)
attack(
    "reading/raw_memory",
    """
import ctypes
def solve(n):
    base = id(n) & ~0xfff
    return ctypes.string_at(base, 4096).find(b'expected')
""",
)
attack("reading/hash_seed", "import sys\ndef solve(n): return hash('expected') ^ sys.flags.hash_randomization")

# The harness, rewritten
for name, source in {
    "encode": "import assay.sandbox.encoding as e, assay.sandbox.candidate as c\nc.encode = e.encode = lambda v: '16'",
    "report_line": "import assay.sandbox.candidate as c\nc.Report.line = lambda s, t, x='': None",
    "json_dumps": "import json\njson.dumps = lambda *a, **k: '16'",
    "json_encoder": "import json\njson.encoder.encode_basestring_ascii = json.encoder.c_make_encoder = lambda *a: '16'",
    "os_write": "import os\nos.write = lambda fd, b: len(b)",
    "builtins_all": "import builtins\nbuiltins.all = builtins.any = lambda *a: True",
    "builtins_isinstance": "import builtins\nbuiltins.isinstance = lambda *a: True",
    "builtins_type": "import builtins\nbuiltins.type = lambda *a: int",
    "builtins_len": "import builtins\nbuiltins.len = lambda *a: 0",
    "builtins_compile": "import builtins\nbuiltins.compile = builtins.exec = lambda *a, **k: None",
    "builtins_import": "import builtins\nbuiltins.__import__ = lambda *a, **k: None",
    "build_class": "import builtins\nbuiltins.__build_class__ = lambda *a, **k: None",
    "modules_cleared": "import sys\nsys.modules.clear()",
    "run_function": "import assay.sandbox.candidate as c\nc._call = c._hold = lambda *a: None",
    "settrace": "import sys\nsys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
    "meta_path": "import sys\nsys.meta_path[:] = []; sys.path[:] = []",
    "audit_hook": "import sys\ndef hook(*a): raise RuntimeError\nsys.addaudithook(hook)",
    "recursion_limit": "import sys\nsys.setrecursionlimit(50)",
    "code_objects": "import assay.sandbox.candidate as c\nc._call.__code__ = (lambda test, module, path, report: None).__code__",
    "gc_callbacks": "import gc, os\ngc.callbacks.append(lambda *a: os._exit(0)); gc.collect()",
}.items():
    attack(f"patching/{name}", f"{source}\ndef solve(n): return 16")
attack(
    "patching/int_equality",
    """
import ctypes
class Slots(ctypes.Structure): _fields_ = [('pad', ctypes.c_char * 200), ('compare', ctypes.c_void_p)]
SIGNATURE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)
always = SIGNATURE(lambda a, b, op: True)
ctypes.memmove(id(int) + 200, ctypes.byref(ctypes.cast(always, ctypes.c_void_p)), 8)
def solve(n): return 1
""",
)
attack(
    "patching/small_integers",
    """
import ctypes
def solve(n):
    ctypes.memmove(id(16) + 24, id(17) + 24, 4)
    return 17
""",
)
