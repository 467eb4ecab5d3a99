"""Runs every benchmark of this folder and writes benchmarks/RESULTS.md: `python benchmarks/run.py [speed ...]`.

A benchmark is a script that prints Markdown sections. Each section of the file remembers which script made it, so that
running one of them again replaces its own sections only.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
SCRIPTS = ("speed",)

HEADER = """# Results

Made by `make bench` (`benchmarks/run.py`); what a figure means stands in the script that prints it. A bound
that was missed stays in the table.
"""


def machine() -> str:
    """The machine in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found.group(1) if found else model
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {n_cores} cores, {platform.system()}, Python {platform.python_version()}"


def main() -> None:
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    blocks = dict(re.findall(r"<!-- begin (\w+) -->\n(.*?)<!-- end \1 -->\n", old, re.DOTALL))
    for script in sys.argv[1:] or SCRIPTS:
        print(f"{script} ...", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, HERE / f"{script}.py"], stdout=subprocess.PIPE, text=True, check=True)
        made = f"*{machine()}; {datetime.date.today().isoformat()}; `python benchmarks/{script}.py`*"
        blocks[script] = f"{done.stdout.strip()}\n\n{made}\n"
    order = [name for name in SCRIPTS if name in blocks] + sorted(set(blocks) - set(SCRIPTS))
    body = "\n".join(f"<!-- begin {name} -->\n{blocks[name]}<!-- end {name} -->\n" for name in order)
    RESULTS.write_text(f"{HEADER}\n{body}", encoding="utf-8")
    print(RESULTS, file=sys.stderr)


if __name__ == "__main__":
    main()
