"""Attacks on the machine around the program: processes, signals, memory, disk, time, network, kernel.

Each is a program for the same task; none computes the answer, and none may be paid, hang, or leave anything behind.
"""

from __future__ import annotations

ATTACKS: dict[str, str] = {}
TAIL = "\ndef solve(n): return 0\n"


def attack(name: str, source: str, tail: str = TAIL) -> None:
    assert name not in ATTACKS, name
    ATTACKS[name] = source + tail


# Other processes
for name, source in {
    "fork": "import os\nos.fork()",
    "forkpty": "import os, pty\nos.forkpty()",
    "fork_and_hold_the_pipe": "import os, time\nif os.fork() == 0: time.sleep(60)",
    "fork_bomb": "import os\nwhile True: os.fork()",
    "double_fork_daemon": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)",
    "system": "import os\nos.system('echo hello > /tmp/x')",
    "popen": "import os\nos.popen('sleep 60')",
    "subprocess": "import subprocess\nsubprocess.run(['sleep', '60'])",
    "posix_spawn": "import os\nos.posix_spawn('/bin/sleep', ['sleep', '60'], {})",
    "execv": "import os\nos.execv('/bin/true', ['true'])",
    "exec_python": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])",
    "multiprocessing": "import multiprocessing\np = multiprocessing.Process(target=print); p.start(); p.join()",
    "process_pool": "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(2).submit(int).result(5)",
    "raw_fork": "import ctypes\nif ctypes.CDLL(None).syscall(57) < 0: raise OSError",
    "raw_vfork": "import ctypes\nif ctypes.CDLL(None).syscall(58) < 0: raise OSError",
    "raw_clone": "import ctypes\nif ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) < 0: raise OSError",
    "raw_clone_with_parent": "import ctypes\nif ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0) < 0: raise OSError",
    "raw_clone3": "import ctypes\nb = (ctypes.c_uint64 * 11)(); b[4] = 17\nif ctypes.CDLL(None).syscall(435, b, 88) < 0: raise OSError",
    "memory_file_exec": "import os\nf = os.memfd_create('x'); os.write(f, open('/bin/true', 'rb').read()); os.execve(f, ['x'], {})",
    "execveat": "import ctypes\nctypes.CDLL(None).syscall(322, -100, b'/bin/true', None, None, 0)",
    "loader": "import os\nos.execv('/lib64/ld-linux-x86-64.so.2', ['ld', '/bin/true'])",
}.items():
    attack(f"processes/{name}", source)

# Signals
for name, source in {
    "kill_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "stop_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)",
    "interrupt_parent": "import os, signal\nos.kill(os.getppid(), signal.SIGINT)",
    "kill_first_process": "import os\nos.kill(1, 9)",
    "kill_everyone": "import os\nos.kill(-1, 9)",
    "kill_group": "import os\nos.killpg(0, 9)",
    "stop_self": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "kill_self": "import os\nos.kill(os.getpid(), 9)",
    "raise_signal": "import signal\nsignal.raise_signal(signal.SIGTERM)",
    "thread_kill": "import signal, threading\nsignal.pthread_kill(threading.get_ident(), signal.SIGKILL)",
    "ignore_everything": "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
    "alarm": "import signal, time\nsignal.alarm(1); time.sleep(60)",
    "timer": "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0.01)\nwhile True: pass",
    "handler_that_exits": "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0)); signal.setitimer(signal.ITIMER_REAL, 0.01)\nwhile True: pass",
    "owner_of_a_pipe": "import fcntl, os\nr, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())",
    "signal_of_a_pipe": "import fcntl, os\nr, w = os.pipe(); fcntl.fcntl(r, 10, 9)",
    "raw_tgkill": "import ctypes, os\nctypes.CDLL(None).syscall(234, os.getppid(), os.getppid(), 9)",
    "raw_sigqueue": "import ctypes, os\nctypes.CDLL(None).syscall(129, os.getppid(), 9, None)",
    "pidfd_signal": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL)",
    "blocked_signals": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
}.items():
    attack(f"signals/{name}", source)

# Threads that outlive, and threads without end
for name, source in {
    "never_ends": "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()",
    "daemon": "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f, daemon=True).start()",
    "writes_later": "import threading, os, time\ndef f():\n    while True:\n        os.write(3, b'v 16\\n')\nthreading.Thread(target=f, daemon=True).start(); time.sleep(0.05)",
    "bomb": "import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError: pass",
    "small_stacks": "import threading, time\nthreading.stack_size(32768)\ntry:\n    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError: pass",
    "asyncio_forever": "import asyncio\nasyncio.run(asyncio.sleep(600))",
    "deadlock": "import threading\nlock = threading.Lock(); lock.acquire(); lock.acquire()",
    "raw_exit_of_the_main_thread": "import ctypes, threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start(); ctypes.CDLL(None).syscall(60, 0)",
}.items():
    attack(f"threads/{name}", source)

# Looking into, or out of, the sandbox
for name, source in {
    "attach": "import ctypes, os\nif ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) < 0: raise OSError",
    "seize": "import ctypes, os\nif ctypes.CDLL(None).ptrace(0x4206, os.getppid(), 0, 0) < 0: raise OSError",
    "trace_me": "import ctypes\nif ctypes.CDLL(None).ptrace(0, 0, 0, 0) < 0: raise OSError",
    "read_memory": "import ctypes, os\nif ctypes.CDLL(None).syscall(310, os.getppid(), 0, 0, 0, 0, 0) < 0: raise OSError",
    "write_memory": "import ctypes, os\nif ctypes.CDLL(None).syscall(311, os.getppid(), 0, 0, 0, 0, 0) < 0: raise OSError",
    "steal_descriptor": "import ctypes, os\nif ctypes.CDLL(None).syscall(438, os.pidfd_open(os.getppid()), 1, 0) < 0: raise OSError",
    "kcmp": "import ctypes, os\nif ctypes.CDLL(None).syscall(312, os.getppid(), 1, 0, 0, 0) < 0: raise OSError",
    "proc_environ": "open('/proc/self/environ').read()",
    "proc_parent_memory": "import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b')",
    "proc_first_memory": "open('/proc/1/mem', 'r+b')",
    "proc_descriptors": "import os\nos.listdir('/proc/self/fd')",
    "proc_command": "open('/proc/1/cmdline').read()",
    "proc_oom": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "proc_sysctl": "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/true')",
    "sys_files": "open('/sys/kernel/uevent_helper', 'w')",
    "device_memory": "open('/dev/mem', 'rb').read(1)",
    "disk_device": "open('/dev/vda', 'rb').read(1)",
    "terminal": "open('/dev/tty', 'w').write('x')",
    "push_terminal_input": "import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSTI, b'x')",
    "environment_secrets": "import os\nassert any('KEY' in k or 'TOKEN' in k or 'ASSAY' in k for k in os.environ)",
    "passwd": "open('/etc/passwd').read()",
    "shadow": "open('/etc/shadow').read()",
    "root_home": "import os\nos.listdir('/root')",
    "home": "import os\nos.listdir('/home')",
    "ssh_keys": "import os\nopen(os.path.expanduser('~/.ssh/id_rsa')).read()",
    "working_tree": "import os\nos.listdir('/work')",
    "dot_dot": "import os\nos.chdir('../../..'); open('etc/hostname').read()",
    "symbolic_link": "import os\nos.symlink('/etc/passwd', 'p'); open('p').read()",
    "hard_link": "import os\nos.link('/etc/passwd', 'p'); open('p').read()",
    "installed_packages": "import pydantic",
}.items():
    attack(f"looking/{name}", source)

# The kernel
for name, numbers in {
    "unshare": "272, 0x10000000",
    "unshare_network": "272, 0x40000000",
    "setns": "308, 0, 0",
    "mount": "165, b'none', b'/tmp', b'tmpfs', 0, 0",
    "umount": "166, b'/tmp', 2",
    "pivot_root": "155, b'/', b'/tmp'",
    "chroot": "161, b'/tmp'",
    "new_mount_api": "430, b'tmpfs', 0",
    "open_tree": "428, -100, b'/', 1",
    "keyctl": "250, 0, -3, 1",
    "add_key": "248, b'user', b'x', b'y', 1, -3",
    "bpf": "321, 0, None, 0",
    "io_uring": "425, 8, (ctypes.c_char * 120)()",
    "userfaultfd": "323, 0",
    "perf": "298, (ctypes.c_char * 120)(), 0, -1, -1, 0",
    "personality": "135, 0x0040000",
    "seccomp_again": "317, 1, 0, None",
    "landlock_again": "444, None, 0, 1",
    "capset": "126, None, None",
    "setuid": "105, 0",
    "setresuid": "117, 0, 0, 0",
    "setgroups": "116, 0, None",
    "shared_memory": "29, 0x5151, 4096, 0o1666",
    "semaphore": "64, 0x5151, 1, 0o1666",
    "message_queue": "68, 0x5151, 0o1666",
    "posix_queue": "240, b'x', 0o102, 0o666, None",
    "memfd_secret": "447, 0",
    "handles": "304, -100, None, 0",
    "modules": "313, 0, b'', 0",
    "reboot": "169, 0xfee1dead, 672274793, 0x1234567, None",
    "swap": "167, b'/tmp/x', 0",
    "clock": "227, 0, None",
    "hostname": "170, b'x', 1",
    "priority": "141, 0, 0, -20",
    "realtime": "144, 0, 1, (ctypes.c_int * 1)(1)",
    "other_limits": "302, 1, 7, (ctypes.c_uint64 * 2)(1, 1), None",
    "dumpable": "157, 4, 1, 0, 0, 0",
    "parent_death": "157, 1, 9, 0, 0, 0",
    "unknown_call": "999, 0",
    "x32_fork": "0x40000000 + 57",
    "x32_write": "0x40000000 + 1, 3, b'. ', 2",
}.items():
    attack(
        f"kernel/{name}",
        f"import ctypes\nif ctypes.CDLL(None, use_errno=True).syscall({numbers}) < 0: raise OSError(ctypes.get_errno())",
    )
attack(
    "kernel/32_bit_calls",
    """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex('b802000000cd80c3'))  # mov eax, 2 (fork); int 0x80; ret
run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
if run() < 0: raise OSError
""",
)

# Network
for name, source in {
    "tcp": "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)",
    "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
    "ipv6": "import socket\nsocket.socket(socket.AF_INET6)",
    "raw": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "vsock": "import socket\nsocket.socket(socket.AF_VSOCK)",
    "unix": "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "abstract": "import socket\nsocket.socket(socket.AF_UNIX).bind('\\0left-behind')",
    "names": "import socket\nsocket.getaddrinfo('example.com', 80)",
    "url": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/', timeout=1)",
    "server": "import http.server\nhttp.server.HTTPServer(('', 0), http.server.BaseHTTPRequestHandler)",
    "inet_pair": "import socket\nsocket.socketpair(socket.AF_INET)",
}.items():
    attack(f"network/{name}", source)

# Descriptors, memory, disk, output, recursion, time
for name, source in {
    "descriptors/exhaust": "import os\ntry:\n    while True: os.dup(0)\nexcept OSError: pass",
    "descriptors/exhaust_pipes": "import os\nwhile True: os.pipe()",
    "descriptors/write_to_all": "import os\nfor fd in range(1024):\n    try: os.write(fd, b'x' * 10)\n    except OSError: pass",
    "descriptors/read_the_next_request": "import os\nfor fd in range(64):\n    try:\n        if fd != 3 and os.read(fd, 100): raise SystemExit\n    except OSError: pass",
    "descriptors/pipes_grown": "import fcntl, os\nfor _ in range(50):\n    r, w = os.pipe(); fcntl.fcntl(w, 1031, 1 << 20)",
    "memory/list": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "memory/one_allocation": "x = bytearray(1 << 40)",
    "memory/string": "x = 'x'\nwhile True: x += x",
    "memory/big_integer": "x = 10 ** 10 ** 8",
    "memory/mapping": "import mmap\nx = [mmap.mmap(-1, 1 << 28) for _ in range(10)]",
    "memory/caught": "x = []\ntry:\n    while True: x.append(bytearray(1 << 20))\nexcept MemoryError: pass",
    "memory/raise_limit": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "memory/locked": "import ctypes\nif ctypes.CDLL(None).mlockall(3) < 0: raise OSError",
    "disk/fill": "i = 0\nwhile True:\n    open(f'f{i}', 'wb').write(b'x' * (1 << 23)); i += 1",
    "disk/one_file": "f = open('f', 'wb')\nwhile True: f.write(b'x' * (1 << 20))",
    "disk/sparse": "f = open('f', 'wb'); f.truncate(1 << 40)",
    "disk/many_files": "i = 0\nwhile True:\n    open(f'f{i}', 'wb').close(); i += 1",
    "disk/deep_folders": "import os\nwhile True:\n    os.mkdir('d'); os.chdir('d')",
    "disk/locked_folder": "import os\nos.makedirs('a/b/c'); open('a/b/c/f', 'w').close(); os.chmod('a/b/c', 0); os.chmod('a/b', 0); os.chmod('a', 0)",
    "disk/strange_names": "import os\nfor n in (b'\\xff', b'-rf', b'a\\nb', b' ', b'x' * 255): open(n, 'w').close()",
    "disk/shared_memory": "i = 0\nwhile True:\n    open(f'/dev/shm/f{i}', 'wb').write(b'x' * (1 << 22)); i += 1",
    "disk/outside": "open('/usr/left_behind', 'w')",
    "disk/interpreter": "import os, sys\nopen(os.__file__, 'a').write('#')",
    "disk/harness": "import assay.sandbox.zygote as z\nopen(z.__file__, 'a').write('#')",
    "disk/root": "open('/left_behind', 'w')",
    "disk/fifo": "import os\nos.mkfifo('p'); open('p').read()",
    "disk/device": "import os\nos.mknod('d', 0o60666, 0x0801)",
    "output/flood": "while True: print('x' * 1000)",
    "output/flood_of_errors": "import sys\nwhile True: sys.stderr.write('x' * 1000)",
    "output/flood_of_reports": "import os\nwhile True: os.write(3, b'v 1\\n' * 1000)",
    "output/one_line_without_end": "import os\nwhile True: os.write(3, b'x' * 65536)",
    "recursion/endless": "def f(): f()\nf()",
    "recursion/unlimited": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
    "recursion/in_c": "import sys\nsys.setrecursionlimit(10 ** 9)\nclass C:\n    def __repr__(s): return repr([s])\nrepr(C())",
    "recursion/source": "x = " + "(" * 5000 + ")" * 5000,
    "recursion/source_minus": "x = " + "-" * 200000 + "1",
    "recursion/nested_lists": "x = []\nfor _ in range(10 ** 6): x = [x]",
    "recursion/json": "import json\njson.loads('[' * 10 ** 6)",
    "recursion/null_pointer": "import ctypes\nctypes.string_at(0)",
    "recursion/bad_code": "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=b'\\xff\\xff' * 10)\nf()",
    "time/loop": "while True: pass",
    "time/sleep": "import time\ntime.sleep(600)",
    "time/caught_loop": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "time/regular_expression": "import re\nre.match('(a+)+$', 'a' * 50 + 'b')",
    "time/hash_collisions": "x = {i * (2 ** 61 - 1) for i in range(10 ** 5)}",
    "time/threads": "import hashlib, threading\ndef f():\n    while True: hashlib.sha256(b'x' * (1 << 20))\nfor _ in range(8): threading.Thread(target=f).start()",
    "time/select": "import select\nselect.select([], [], [])",
    "time/power": "x = pow(3, 10 ** 9)",
    "time/sort": "class S(int):\n    def __lt__(s, o):\n        while True: pass\nsorted([S(1), S(2)])",
    "time/raise_limit": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (10 ** 6, 10 ** 6))\nwhile True: pass",
}.items():
    attack(name, source)
for name, value in {
    "huge_list": "[0] * 3_000_000",
    "huge_string": "'x' * 20_000_000",
    "huge_integer": "1 << 50_000_000",
    "deep": "__import__('functools').reduce(lambda a, _: [a], range(5000), 0)",
    "cycle": "(lambda x: x.append(x) or x)([])",
    "colliding_set": "{i * (2 ** 61 - 1) for i in range(3000)}",
    "surrogates": "'\\ud800' * 10",
    "million_sets": "[set()] * 900_000",
    "wide_dict": "dict.fromkeys(range(400_000))",
}.items():
    attack(f"output/returns_{name}", f"def solve(n): return {value}", "")

# Sources that are no programs, or not the ones they seem
for name, text in {
    "null_byte": "def solve(n): return 0\n\0",
    "utf7": "# coding: utf-7\n+AGQAZQBmACAAcwBvAGwAdgBlACgAbgApADo- return 0",
    "unknown_coding": "# coding: rot13\nqrs fbyir(a): erghea 0",
    "coding_that_lies": "# coding: latin-1\ndef solve(n): return 'é'",
    "utf16_bom": "\ufffe\ufeffdef solve(n): return 0",
    "bidi": "def solve(n): return '\u202e61'  # \u2066",
    "homoglyph_name": "def s\u043elve(n): return n * n + 7",
    "empty": "",
    "only_a_comment": "# solve",
    "syntax_error": "def solve(n) return",
    "tabs_and_spaces": "def solve(n):\n\tif n:\n        return 0",
    "no_entry_point": "def answer(n): return n * n + 7",
    "entry_point_is_a_value": "solve = 16",
    "wrong_arity": "def solve(): return 16",
    "async_entry_point": "async def solve(n): return n * n + 7",
    "generator_entry_point": "def solve(n): yield n * n + 7",
}.items():
    attack(f"sources/{name}", text, "")
