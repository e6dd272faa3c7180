"""Our `instructions` against IFEval's own checks, on the golden rows: where do the two differ, and which way?

    python -m venv /tmp/peer && /tmp/peer/bin/pip install if-verifiable
    python benchmarks/ifeval_peer.py --python /tmp/peer/bin/python

The peer is the package if-verifiable, which carries Google's checks (Apache 2.0); it runs in an environment of its own, since it
brings pandas and datasets. Checks that want NLTK's tokenizer data, which no package holds, are told apart as "not run".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "tests/golden/text/instructions.jsonl"
PEER = """
import importlib.util, json, sys, types
place = importlib.util.find_spec("if_verifiable").submodule_search_locations
package = types.ModuleType("if_verifiable")  # its own __init__ downloads data
package.__path__ = list(place)
sys.modules["if_verifiable"] = package
from if_verifiable.ifeval.instructions_registry import INSTRUCTION_DICT
for line in sys.stdin:
    row = json.loads(line)
    given = dict(row["check"])
    name = given.pop("id")
    try:
        check = INSTRUCTION_DICT[name](name)
        check.build_description(**given)
        said = bool(row["response"].strip() and check.check_following(row["response"]))
    except KeyError:
        said = "unknown"
    except LookupError:
        said = "no data"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps(said), flush=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="an interpreter that has if-verifiable")
    options = parser.parse_args()
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    asked = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([options.python, "-c", PEER], input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return 1
    said = [json.loads(line) for line in done.stdout.splitlines()]
    compared, same, skipped = Counter(), Counter(), Counter()
    differs: list[tuple[str, str, dict[str, object]]] = []
    for row, theirs in zip(rows, said, strict=True):
        name, ours = row["check"]["id"], row["expect"] == "pass"
        if isinstance(theirs, str) and theirs in ("unknown", "no data"):
            skipped[theirs, name] += 1
            continue
        compared[name] += 1
        if theirs is ours:
            same[name] += 1
        else:
            way = "it raises" if isinstance(theirs, str) else "it pays" if theirs else "it refuses"
            differs.append((name, way, row))
    print(f"{sum(same.values())} of {sum(compared.values())} rows alike, over {len(compared)} checks")
    for (why, name), count in sorted(skipped.items()):
        print(f"not run ({why}): {name}, {count} rows")
    for way in ("it pays", "it refuses", "it raises"):
        print(f"\\n{way}, we do the opposite: {sum(each[1] == way for each in differs)} rows".replace("\\n", "\n"))
        for name, _, row in (each for each in differs if each[1] == way):
            print(f"  {name}: {row['why']}: {str(row['response'])[:100]!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
