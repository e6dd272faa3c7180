"""Attacks on whole programs, whose output is compared: the right output must come from a clean end, and nothing else."""

from __future__ import annotations

SCRIPT_ATTACKS: dict[str, str] = {
    f"scripts/{name}": source
    for name, source in {
        "right_then_fails": "print(int(input()) ** 2 + 7)\nraise SystemExit(1)",
        "right_then_raises": "print(int(input()) ** 2 + 7, flush=True)\n1 / 0",
        "right_then_crashes": "import ctypes\nprint(int(input()) ** 2 + 7, flush=True)\nctypes.string_at(0)",
        "right_then_hangs": "print(int(input()) ** 2 + 7, flush=True)\nwhile True: pass",
        "right_then_sleeps": "import time\nprint(int(input()) ** 2 + 7, flush=True)\ntime.sleep(600)",
        "right_then_floods": "print(int(input()) ** 2 + 7)\nwhile True: print()",
        "right_then_memory": "print(int(input()) ** 2 + 7, flush=True)\nx = bytearray(1 << 40)",
        "right_then_thread_hangs": "import threading\nprint(int(input()) ** 2 + 7, flush=True)\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()",
        "right_then_more": "print(int(input()) ** 2 + 7)\nprint('and', 1)",
        "right_after_more": "print('answer:', int(input()) ** 2 + 7)",
        "right_among_all": "for i in range(200): print(i)",
        "right_on_one_line": "print(*range(200))",
        "right_to_standard_error": "import sys\nprint(int(input()) ** 2 + 7, file=sys.stderr)",
        "right_to_the_report": "import os\nos.write(3, b'%d\\n' % (int(input()) ** 2 + 7))",
        "right_to_a_file": "open('stdout', 'w').write(str(int(input()) ** 2 + 7))",
        "right_exit_code": "raise SystemExit(int(input()) ** 2 + 7)",
        "exit_code_256": "raise SystemExit('16')",
        "right_but_not_utf8": "import sys\nsys.stdout.buffer.write(b'%d\\n\\xff' % (int(input()) ** 2 + 7))",
        "right_with_nul": "print(int(input()) ** 2 + 7, end='\\0')",
        "right_with_backspaces": "print('99\\b\\b', int(input()) ** 2 + 7)",
        "right_with_escape": "print('\\x1b[2K', int(input()) ** 2 + 7)",
        "leading_space": "print('', int(input()) ** 2 + 7)",
        "leading_line": "print()\nprint(int(input()) ** 2 + 7)",
        "wide_digits": "print(str(int(input()) ** 2 + 7).translate({48 + i: 0xFF10 + i for i in range(10)}))",
        "plus_sign": "print('+%d' % (int(input()) ** 2 + 7))",
        "float_text": "print(float(int(input()) ** 2 + 7))",
        "nothing": "",
        "only_the_first_case": "print(16)",
        "os_exit_unflushed": "import os\nprint(int(input()) ** 2 + 7)\nos._exit(0)",
        "closed_output": "import sys\nprint(int(input()) ** 2 + 7, flush=True)\nsys.stdout.close()\nraise SystemExit(3)",
        "forged_end": "import os\nos.write(3, b'. \\n')\nprint(int(input()) ** 2 + 7)\nraise SystemExit(1)",
        "forged_status": 'print(\'s{"exit":0,"signal":null,"killed":"","cpu_s":0,"wall_s":0,"is_clean":true}\')',
        "atexit_fails": "import atexit, os\nprint(int(input()) ** 2 + 7, flush=True)\natexit.register(os._exit, 5)",
        "fork_to_answer": "import os\nif os.fork() == 0: print(int(input()) ** 2 + 7)\nelse: os.wait()",
        "exec_to_answer": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(int(input()) ** 2 + 7)'])",
        "shell_to_answer": "import os\nos.system('echo 16')",
        "reads_the_expected": "import glob\nprint(open((glob.glob('/**/*.out', recursive=True) or ['/tmp/expected'])[0]).read())",
        "syntax_error": "print(int(input()) ** 2 + 7",
    }.items()
}
