"""The nine checks of every look that comes along: `python benchmarks/looks_checked.py`. What each means stands in
`lichtbild.looks.checks`; truth is the look's own file, by formula."""

from __future__ import annotations

from lichtbild import looks
from lichtbild.looks.checks import all_checks


def main() -> None:
    rows = {name: all_checks(looks.load(name)) for name in looks.names()}
    first = next(iter(rows.values()))
    print("| look | " + " | ".join(f"{c.name}, {c.unit}" for c in first) + " |")
    print("|---" * (len(first) + 1) + "|")
    print("| *at most* | " + " | ".join("*declared*" if c.name == "skin" else f"*{c.limit:.3g}*" for c in first) + " |")
    for name, checks in rows.items():
        cells = ("-" if c.value is None else f"{c.value:.3g}" + ("" if c.is_met else " **missed**") for c in checks)
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
