"""Runs the benchmarks of this folder and writes their tables: `python benchmarks/run.py [speed burst_quality ...]`.

Speed goes to benchmarks/RESULTS.md, quality to docs/quality.md. A section of a page remembers which script made it, so
that running one of them again replaces its own sections only. A script that fails leaves its old section and is named.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
QUALITY = HERE.parent / "docs" / "quality.md"

HEADERS = {
    RESULTS: """# Speed

Made by `make bench` (`benchmarks/run.py`); what a figure means stands in the script that prints it. A bound that was
missed stays in the table. How good the pictures are stands in [docs/quality.md](../docs/quality.md).
""",
    QUALITY: """# Quality

Made by `make bench` (`benchmarks/run.py`); what a figure means stands in the script that prints it. A goal that was
missed stays in the table.
""",
}


@dataclass(frozen=True)
class Benchmark:
    """A script and where its output goes.

    Parameters
    ----------
    script
        Name without .py.
    page
        The file its section stands in.
    title
        Heading put before the output; empty where the script prints its own.
    arguments
        Of the script; `{file}` stands for a file that the script writes its section to instead of printing it.
    is_text
        Prints columns of plain text, not Markdown.
    """

    script: str
    page: Path
    title: str = ""
    arguments: tuple[str, ...] = ()
    is_text: bool = False


BENCHMARKS = (
    Benchmark("speed", RESULTS),
    Benchmark("rendering", RESULTS, "Rendering: camera colour to a finished file"),
    Benchmark("output_formats", RESULTS, "Formats", ("--repeat", "1"), is_text=True),
    Benchmark("burst_quality", QUALITY, "Merged bursts against the truth"),
    Benchmark("merge_limits", QUALITY, "What the merge owes every place of a picture"),
    Benchmark("reconstruct_quality", QUALITY),
    Benchmark("alignment", QUALITY, "Alignment"),
    Benchmark("demosaic_quality", QUALITY, "Demosaicing"),
    Benchmark("denoise_quality", QUALITY, "Denoising of single frames"),
    Benchmark("corrections", QUALITY),
    Benchmark("twins", QUALITY),
    Benchmark("raw_readers", QUALITY),
    Benchmark("looks_checked", QUALITY, "Looks: nine checks of each"),
    Benchmark("white_balance", QUALITY, "White balance found from the picture"),
    Benchmark("colour_accuracy", QUALITY, "Colour under four lights", is_text=True),
    Benchmark("lab_accuracy", QUALITY, "How exact the lab is"),
    Benchmark("motion", QUALITY),
    Benchmark("output_quality", QUALITY),
    Benchmark("optics_figures", QUALITY),
    Benchmark("sensor_figures", QUALITY),
    Benchmark("sfr_accuracy", QUALITY, "Slanted edges against edges of known MTF"),
    Benchmark("lab_charts", QUALITY, "Texture, star, geometry and stabilisation of the lab"),
    Benchmark("lens_quality", QUALITY),
    Benchmark("fuzz_dng", QUALITY, arguments=("--cases", "100000", "--write", "{file}")),
)


def machine() -> str:
    """The machine in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found.group(1) if found else model
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {n_cores} cores, {platform.system()}, Python {platform.python_version()}"


def section(benchmark: Benchmark) -> str:
    """What the script has to say, as Markdown.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "section.md"
        words = [word.format(file=file) for word in benchmark.arguments]
        command = [sys.executable, str(HERE / f"{benchmark.script}.py"), *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        text = (file.read_text(encoding="utf-8") if file.exists() else done.stdout).strip()
    # A page of its own becomes a section of this one.
    text = re.sub(r"\A# ", "## ", text)
    if benchmark.is_text:
        text = f"```text\n{text}\n```"
    if benchmark.title:
        text = f"## {benchmark.title}\n\n{text}"
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"{text}\n\n*{machine()}; {day}; `python benchmarks/{benchmark.script}.py`*\n"


def replace_section(benchmark: Benchmark, text: str) -> None:
    """Put `text` into its page, in the order of BENCHMARKS."""
    old = benchmark.page.read_text(encoding="utf-8") if benchmark.page.exists() else ""
    blocks = dict(re.findall(r"<!-- begin (\w+) -->\n(.*?)<!-- end \1 -->\n", old, re.DOTALL))
    blocks[benchmark.script] = text
    order = [b.script for b in BENCHMARKS if b.page == benchmark.page and b.script in blocks]
    body = "\n".join(f"<!-- begin {name} -->\n{blocks[name]}<!-- end {name} -->\n" for name in order)
    benchmark.page.write_text(f"{HEADERS[benchmark.page]}\n{body}", encoding="utf-8")


def main() -> None:
    wanted = sys.argv[1:] or [b.script for b in BENCHMARKS]
    unknown = set(wanted) - {b.script for b in BENCHMARKS}
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(sorted(unknown))}; one of {' '.join(b.script for b in BENCHMARKS)}")
    failed = []
    for benchmark in BENCHMARKS:
        if benchmark.script not in wanted:
            continue
        print(f"{benchmark.script} ...", file=sys.stderr, flush=True)
        try:
            replace_section(benchmark, section(benchmark))
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            failed.append(benchmark.script)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
