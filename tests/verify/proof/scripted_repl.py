"""A REPL that speaks leanprover-community's protocol from a table: what its messages look like is real, what it knows is not.

`python scripted_repl.py MODE`: `plain` answers; `silent` never does after the header; `garbage` writes no JSON; `ends` dies.
"""

import json
import sys
import time

ERROR = {
    "severity": "error",
    "pos": {"line": 1, "column": 30},
    "endPos": {"line": 1, "column": 34},
    "data": "unsolved goals\n⊢ False",
}
SORRY = {
    "severity": "warning",
    "pos": {"line": 1, "column": 8},
    "endPos": {"line": 1, "column": 17},
    "data": "declaration uses 'sorry'",
}


def answer(request: dict[str, object]) -> dict[str, object]:
    text = str(request["cmd"])
    if "env" not in request:
        return {"messages": [ERROR], "env": 0} if "NoSuchModule" in text else {"env": 0}
    if request["env"] != 0:
        return {"message": "Unknown environment."}
    if "wrong" in text:
        return {"messages": [ERROR], "env": 1}
    if "sorry" in text:
        place = {"pos": {"line": 1, "column": 27}, "endPos": {"line": 1, "column": 32}}
        return {"sorries": [{"proofState": 0, "goal": "⊢ False", **place}], "messages": [SORRY], "env": 1}
    return {"env": 1}


def main() -> None:
    mode = sys.argv[1]
    block = ""
    for line in sys.stdin:
        if line.strip():
            block += line
            continue
        request = json.loads(block)
        block = ""
        if "env" in request and mode == "ends":
            return
        if "env" in request and mode == "silent":
            time.sleep(60)
        text = (
            "garbage"
            if "env" in request and mode == "garbage"
            else json.dumps(answer(request), indent=1, ensure_ascii=False)
        )
        sys.stdout.write(text + "\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
