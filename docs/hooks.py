"""Pages made from the code when the documentation is built: nothing is written twice, nothing made is committed."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
STAGES = ROOT / "src" / "lichtbild" / "stages"


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages."""
    pages = {
        "cli.md": cli_page(),
        "stages.md": stages_page(),
        "speed.md": _copied(ROOT / "benchmarks" / "RESULTS.md", "Speed").replace("../docs/quality.md", "quality.md"),
        "changes.md": _copied(ROOT / "CHANGELOG.md", "Changes"),
        "adr/index.md": index_page(
            "Decisions", "Choices that would be asked about later, each with its reasons.", "adr"
        ),
    }
    pages["gallery/index.md"] = index_page(
        "Gallery", "What each feature does, with pictures made by the code on its page.", "gallery"
    )
    if not (ROOT / "docs" / "quality.md").exists():
        pages["quality.md"] = "# Quality\n\nNot measured yet: `make bench`.\n"
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def cli_page() -> str:
    """Every verb with its flags, from the parser itself."""
    from lichtbild import cli

    parser = cli.build_parser(tuple(cli.VERBS))
    verbs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    text = ["# Command line", parser.description or "", _block(parser)]
    text.append(
        "Exit codes: 0 done, 1 done in part, 2 wrong usage, 3 unreadable input or failed output, 130 interrupted."
    )
    for name, verb in verbs.items():
        text += [f"## lichtbild {name}", _block(verb)]
    return "\n\n".join(text) + "\n"


def _block(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100)
    return f"```text\n{parser.format_help().rstrip()}\n```"


def stages_page() -> str:
    """One section a stage: its README, then its parameters as declared."""
    text = [
        "# Stages",
        "Each is a folder of the same four files and can be called on its own: `lichtbild.stages.NAME`.",
    ]
    for folder in sorted(p for p in STAGES.iterdir() if (p / "__init__.py").exists()):
        readme = folder / "README.md"
        body = readme.read_text(encoding="utf-8") if readme.exists() else f"# {folder.name}\n"
        # Links and pictures of a README point into the source tree, which the site does not hold.
        body = re.sub(r"!?\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", body)
        text += [re.sub(r"^#", "##", body, flags=re.MULTILINE).rstrip(), parameter_table(folder.name)]
    return "\n\n".join(filter(None, text)) + "\n"


def parameter_table(stage: str) -> str:
    """The declared parameters of a stage as a table, or nothing where it has none."""
    from lichtbild import api
    from lichtbild.core.params import describe

    infos = describe(api.STAGES[stage]) if stage in api.STAGES else ()
    if not infos:
        return ""
    rows = ["| parameter | meaning | unit | range | default |", "|---|---|---|---|---|"]
    for info in infos:
        bounds = " ".join(info.choices) or ("" if info.low is None else f"{info.low:g} to {info.high:g}")
        default = "automatic" if info.default is None else info.default
        rows.append(f"| `{info.name}` | {info.help} | {info.unit} | {bounds} | {default} |")
    return "\n".join(rows)


def index_page(title: str, about: str, folder: str) -> str:
    """Links to every page of a folder, by their first headings."""
    lines = [f"# {title}", "", about, ""]
    for path in sorted((ROOT / "docs" / folder).glob("*.md")):
        if path.name != "index.md":
            heading = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
            lines.append(f"- [{heading}]({path.name})")
    return "\n".join(lines) + "\n"


def _copied(path: Path, title: str) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else f"# {title}\n\nNot measured yet: `make bench`.\n"
