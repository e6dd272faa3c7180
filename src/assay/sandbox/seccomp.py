"""The system calls that a confined program may make, as a BPF program for the kernel's seccomp.

`zygote_filter` and `candidate_filter` together are an allow-list for a candidate program: files (which the mount
namespace and landlock narrow further), memory, threads, pipes, clocks; no new process, no exec, no sockets but
`socketpair` (asyncio's own wake-up pipe), no signals to anyone, nothing that talks about namespaces, tracing or keys.
The long one is entered by the zygote, once, the short one by each candidate. `tool_filter` is for programs
that we chose ourselves (compilers, provers), which must start others: it refuses what nobody needs and the kernel has
often been broken through.

A refused call answers EPERM, an unknown one ENOSYS, as on an older kernel, so that honest programs that merely probe
get an exception and go on. A call by another architecture's convention (32 bits, x32) kills the process.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable, Mapping, Sequence

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand

LOAD, JUMP, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, AND, RETURN = 0x20, 0x05, 0x15, 0x35, 0x54, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # AUDIT_ARCH_*, column of the tables below
X32_BIT = 0x40000000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

CLONE_THREAD_FLAGS = 0x00010000 | 0x00000100 | 0x00000800  # CLONE_THREAD | CLONE_VM | CLONE_SIGHAND
CLONE_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag (CLONE_NEWTIME is 0x80)
AF_UNIX = 1
PR_SET_NAME, PR_GET_NAME = 15, 16
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: never TIOCSTI, never FIOSETOWN (signals by descriptor)
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# DUPFD, GETFD, SETFD, GETFL, SETFL, locks, their OFD forms, DUPFD_CLOEXEC, GETPIPE_SZ: never SETOWN, SETSIG, leases
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
OPEN_TO_WRITE = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # WRONLY, RDWR, CREAT, TRUNC, APPEND (TMPFILE needs one of these)
CHANGES_FILES = (
    "creat",
    "truncate",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "utime",
    "utimes",
    "futimesat",
    "copy_file_range",
)


def _table(text: str) -> dict[str, tuple[int, int]]:
    """`name:x86_64:aarch64` by white space; -1 where an architecture has no such call."""
    rows = (each.split(":") for each in text.split())
    return {name: (int(x86), int(arm)) for name, x86, arm in rows}


# Numbers from Linux's asm/unistd_64.h and asm-generic/unistd.h (6.1).
ALLOWED = _table("""
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 pwritev:296:70
preadv2:327:286 pwritev2:328:287 open:2:-1 openat:257:56 creat:85:-1 close:3:57 close_range:436:436 stat:4:-1
fstat:5:80 lstat:6:-1 newfstatat:262:79 statx:332:291 poll:7:-1 ppoll:271:73 select:23:-1 pselect6:270:72
epoll_create:213:-1 epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:-1 epoll_pwait:281:22 epoll_pwait2:441:441
eventfd:284:-1 eventfd2:290:19 timerfd_create:283:85 timerfd_settime:286:86 timerfd_gettime:287:87 lseek:8:62
mmap:9:222 mprotect:10:226 munmap:11:215 mremap:25:216 brk:12:214 madvise:28:233 msync:26:227 mincore:27:232
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136 rt_sigtimedwait:128:137
rt_sigsuspend:130:133 sigaltstack:131:132 pause:34:-1 signalfd:282:-1 signalfd4:289:74 flock:73:32 fsync:74:82
fdatasync:75:83 truncate:76:45 ftruncate:77:46 fallocate:285:47 fadvise64:221:223 getdents:78:-1 getdents64:217:61
getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82:-1 renameat:264:38 renameat2:316:276 mkdir:83:-1 mkdirat:258:34
rmdir:84:-1 link:86:-1 linkat:265:37 unlink:87:-1 unlinkat:263:35 symlink:88:-1 symlinkat:266:36 readlink:89:-1
readlinkat:267:78 chmod:90:-1 fchmod:91:52 fchmodat:268:53 umask:95:166 utimensat:280:88 utime:132:-1 utimes:235:-1
futimesat:261:-1 access:21:-1 faccessat:269:48 faccessat2:439:439 statfs:137:43 fstatfs:138:44 getxattr:191:8
lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12 flistxattr:196:13 sendfile:40:71
copy_file_range:326:285 pipe:22:-1 pipe2:293:59 dup:32:23 dup2:33:-1 dup3:292:24 sendto:44:206 recvfrom:45:207
sendmsg:46:211 recvmsg:47:212 shutdown:48:210 getsockname:51:204 getpeername:52:205 getsockopt:55:209
setsockopt:54:208 gettimeofday:96:169 time:201:-1 getrlimit:97:163 setrlimit:160:164 getrusage:98:165 sysinfo:99:179
times:100:153 getpid:39:172 getppid:110:173 gettid:186:178 getuid:102:174 geteuid:107:175 getgid:104:176
getegid:108:177 getgroups:115:158 getresuid:118:148 getresgid:120:150 getpgrp:111:-1 getpgid:121:155 getsid:124:156
uname:63:160 getpriority:140:141 clock_gettime:228:113 clock_getres:229:114 clock_nanosleep:230:115 nanosleep:35:101
alarm:37:-1 setitimer:38:103 getitimer:36:102 futex:202:98 futex_waitv:449:449 set_robust_list:273:99
get_robust_list:274:100 sched_yield:24:124 sched_getaffinity:204:123 sched_getparam:143:121
sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126 set_tid_address:218:96
exit:60:93 exit_group:231:94 rseq:334:293 getrandom:318:278 getcpu:309:168 membarrier:324:283
restart_syscall:219:128 wait4:61:260 waitid:247:95
""")

CONDITIONAL = _table("clone:56:220 ioctl:16:29 fcntl:72:25 prctl:157:167 prlimit64:302:261 socketpair:53:199")

NEW_PROCESS = _table("fork:57:-1 vfork:58:-1 execve:59:221 execveat:322:281")

SIGNALS_AND_SOCKETS = _table("""
kill:62:129 tkill:200:130 tgkill:234:131 rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240 timer_create:222:107
connect:42:203 accept:43:202 accept4:288:242 bind:49:200 listen:50:201 setsid:112:157 setpgid:109:154
setuid:105:146 setgid:106:144 setreuid:113:145 setregid:114:143 setresuid:117:147 setresgid:119:149 setgroups:116:159
setfsuid:122:151 setfsgid:123:152 shmget:29:194 shmat:30:196 shmctl:31:195 shmdt:67:197 semget:64:190 semop:65:193
semctl:66:191 semtimedop:220:192 msgget:68:186 msgsnd:69:189 msgrcv:70:188 msgctl:71:187 mq_open:240:180
mq_unlink:241:181 memfd_create:319:279 mknod:133:-1 mknodat:259:33 chown:92:-1 fchown:93:55 lchown:94:-1
fchownat:260:54 setpriority:141:140 sched_setaffinity:203:122 sched_setscheduler:144:119 sched_setparam:142:118
inotify_init:253:-1 inotify_init1:294:26 mlock:149:228 mlock2:325:284 mlockall:151:230 personality:135:92
""")

NOBODY_NEEDS = _table("""
pidfd_send_signal:424:424 pidfd_open:434:434 pidfd_getfd:438:438 ptrace:101:117 process_vm_readv:310:270
process_vm_writev:311:271 process_madvise:440:440 process_mrelease:448:448 kcmp:312:272 mount:165:40 umount2:166:39
move_mount:429:429 open_tree:428:428 fsopen:430:430 fsconfig:431:431 fsmount:432:432 fspick:433:433
mount_setattr:442:442 pivot_root:155:41 chroot:161:51 unshare:272:97 setns:308:268 add_key:248:217
request_key:249:218 keyctl:250:219 bpf:321:280 perf_event_open:298:241 io_uring_setup:425:425 io_uring_enter:426:426
io_uring_register:427:427 userfaultfd:323:282 memfd_secret:447:447 capset:126:91 seccomp:317:277
init_module:175:105 finit_module:313:273 delete_module:176:106 kexec_load:246:104 kexec_file_load:320:294
reboot:169:142 acct:163:89 swapon:167:224 swapoff:168:225 quotactl:179:60 syslog:103:116 name_to_handle_at:303:264
open_by_handle_at:304:265 fanotify_init:300:262 settimeofday:164:170 clock_settime:227:112 adjtimex:159:171
clock_adjtime:305:266 iopl:172:-1 ioperm:173:-1 modify_ldt:154:-1 vhangup:153:58 sched_setattr:314:274
ioprio_set:251:30 landlock_create_ruleset:444:444 landlock_add_rule:445:445 landlock_restrict_self:446:446
""")

ZYGOTES_OWN = ("kill", "pidfd_open", "memfd_create")
SOCKET = _table("socket:41:198")
CLONE3 = _table("clone3:435:435")


def zygote_filter(machine: str = "") -> bytes:
    """For the zygote, once: what candidates may do, and the little more that starting and ending them takes.

    Raises OSError on an architecture whose numbers are not listed here.
    """
    rules = _rules(machine, ALLOWED, [_answer(ALLOW)])
    for table in (NEW_PROCESS, SIGNALS_AND_SOCKETS, NOBODY_NEEDS, SOCKET):
        rules |= _rules(machine, table, [_answer(REFUSE)])
    rules |= _rules(machine, {each: CONDITIONAL[each] for each in ("prctl", "prlimit64")}, [_answer(ALLOW)])
    for table in (SIGNALS_AND_SOCKETS, NOBODY_NEEDS):
        rules |= _rules(machine, {each: table[each] for each in ZYGOTES_OWN if each in table}, [_answer(ALLOW)])
    tests = {
        "clone": _if_flags(CLONE_NAMESPACES, 0),
        "ioctl": _if_among(1, IOCTLS),
        "fcntl": _if_among(1, FCNTLS),
        "socketpair": _if_among(0, (AF_UNIX,)),
    }
    for name, code in tests.items():
        rules |= _rules(machine, {name: CONDITIONAL[name]}, code)
    return _assemble(machine, rules, UNKNOWN)


def candidate_filter(machine: str = "", *, writes: bool = True) -> bytes:
    """For each candidate, on top of the zygote's: no more processes, signals to others, or filters. It is short, because
    the kernel takes its time over every filter that is installed.

    `writes` False: no file may be made, changed or removed, for where nothing else says which ones may.
    """
    rules: dict[int, tuple[Instruction, ...]] = {}
    for table in (SIGNALS_AND_SOCKETS, NOBODY_NEEDS):
        rules |= _rules(machine, {each: table[each] for each in ZYGOTES_OWN if each in table}, [_answer(REFUSE)])
    tests = {
        "clone": _if_flags(CLONE_THREAD_FLAGS | CLONE_NAMESPACES, CLONE_THREAD_FLAGS),
        "prctl": _if_among(0, (PR_SET_NAME, PR_GET_NAME)),
        "prlimit64": _if_among(0, (0,)),  # its own limits only, which can but fall
    }
    for name, code in tests.items():
        rules |= _rules(machine, {name: CONDITIONAL[name]}, code)
    if not writes:
        rules |= _rules(machine, {each: ALLOWED[each] for each in CHANGES_FILES}, [_answer(REFUSE)])
        rules |= _rules(machine, {"open": ALLOWED["open"]}, _if_flags(OPEN_TO_WRITE, 0, argument=1))
        rules |= _rules(machine, {"openat": ALLOWED["openat"]}, _if_flags(OPEN_TO_WRITE, 0, argument=2))
    return _assemble(machine, rules, ALLOW)


def tool_filter(machine: str = "", *, alone: bool = False) -> bytes:
    """For compilers and provers: processes and exec, but no namespaces, tracing, keys, mounts or network sockets.

    `alone`: threads, but no other process. Where one process is all that is allowed, the kernel keeps to it: a bomb of
    `fork` doubles faster than anyone watching can kill it.
    """
    rules = _rules(machine, NOBODY_NEEDS, [_answer(REFUSE)])
    rules |= _rules(machine, CLONE3, [_answer(UNKNOWN)])  # its flags lie in memory, where a filter cannot look
    flags = _if_flags(CLONE_NAMESPACES, 0)
    if alone:
        rules |= _rules(machine, {each: NEW_PROCESS[each] for each in ("fork", "vfork")}, [_answer(REFUSE)])
        flags = _if_flags(CLONE_THREAD_FLAGS | CLONE_NAMESPACES, CLONE_THREAD_FLAGS)
    rules |= _rules(machine, {"clone": CONDITIONAL["clone"]}, flags)
    rules |= _rules(machine, SOCKET, _if_among(0, (AF_UNIX,)))
    return _assemble(machine, rules, ALLOW)


_libc = ctypes.CDLL(None, use_errno=True)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class Filter:
    """A filter that is ready to be installed: what can be made before a fork is made here."""

    def __init__(self, program: bytes) -> None:
        self._made = _FilterProgram(len(program) // 8, program)
        self._arguments = (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(self._made), 0, 0)
        self._call = _libc.prctl

    def install(self) -> None:
        """Put this process (a single thread, with no_new_privs) and all it starts under the filter, for good. Raises
        OSError."""
        if self._call(*self._arguments):
            raise OSError(ctypes.get_errno(), "the seccomp filter was refused")


def install(program: bytes) -> None:
    """Put this process (a single thread) and all it starts under the filter, for good. Raises OSError."""
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    Filter(program).install()


def _answer(action: int) -> Instruction:
    return RETURN, 0, 0, action


def _if_flags(mask: int, wanted: int, argument: int = 0) -> list[Instruction]:
    """Allow when this argument's bits under `mask` are `wanted`."""
    return [
        (LOAD, 0, 0, 16 + 8 * argument),
        (AND, 0, 0, mask),
        (JUMP_IF_EQUAL, 0, 1, wanted),
        _answer(ALLOW),
        _answer(REFUSE),
    ]


def _if_among(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allow when this argument (its low 32 bits, which is what these calls read) is one of `values`."""
    tests = [(JUMP_IF_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
    return [(LOAD, 0, 0, 16 + 8 * argument), *tests, _answer(REFUSE), _answer(ALLOW)]


def _rules(
    machine: str, table: Mapping[str, tuple[int, int]], code: list[Instruction]
) -> dict[int, tuple[Instruction, ...]]:
    _, column = _architecture(machine)
    return {numbers[column]: tuple(code) for numbers in table.values() if numbers[column] >= 0}


def _architecture(machine: str) -> tuple[int, int]:
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}; x86_64 and aarch64 have one")
    return ARCHITECTURES[machine]


def _assemble(machine: str, rules: Mapping[int, tuple[Instruction, ...]], default: int) -> bytes:
    """A binary search over the call's number: the kernel walks it at every number once, when a filter is installed."""
    audit_arch, _ = _architecture(machine)
    fallback = (_answer(default),)
    spans: list[tuple[int, tuple[Instruction, ...]]] = [(0, rules.get(0, fallback))]
    for number in _boundaries(rules):
        code = rules.get(number, fallback)
        if code != spans[-1][1]:
            spans.append((number, code))
    head: list[Instruction] = [
        (LOAD, 0, 0, 4),
        (JUMP_IF_EQUAL, 1, 0, audit_arch),
        _answer(KILL),
        (LOAD, 0, 0, 0),
        (JUMP_IF_AT_LEAST, 0, 1, X32_BIT),
        _answer(KILL),
    ]
    return b"".join(struct.pack("=HBBI", *each) for each in (*head, *_search(spans)))


def _boundaries(rules: Iterable[int]) -> list[int]:
    numbers = set(rules)
    return sorted(numbers | {each + 1 for each in numbers})


def _search(spans: Sequence[tuple[int, tuple[Instruction, ...]]]) -> list[Instruction]:
    if len(spans) == 1:
        return list(spans[0][1])
    middle = len(spans) // 2
    low, high = _search(spans[:middle]), _search(spans[middle:])
    if len(low) < 256:
        return [(JUMP_IF_AT_LEAST, len(low), 0, spans[middle][0]), *low, *high]
    return [(JUMP_IF_AT_LEAST, 0, 1, spans[middle][0]), (JUMP, 0, 0, len(low)), *low, *high]
