"""What the architecture promises: arrows point one way, and importing costs nothing."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import lichtbild

PACKAGE = Path(lichtbild.__file__).parent

# room -> rooms it may import (besides itself). See docs/architecture.md.
ARROWS = {
    "core": set(),
    "optics": {"core"},
    "sensor": {"core"},
    "capture": {"core", "optics", "sensor"},
    "output": {"core", "optics", "sensor"},
    "simulate": {"core", "optics", "sensor", "output"},
    "lab": {"core", "optics", "sensor", "capture", "output"},
    "stages": {"core", "optics", "sensor"},
    "looks": {"core", "stages", "capture", "output"},
    "pipelines": {"core", "optics", "sensor", "stages"},
    "api": {"core", "optics", "sensor", "stages", "looks", "pipelines", "capture", "output"},
    "runners": {"core", "api", "capture", "simulate", "lab"},
    "cli": {"core", "optics", "api", "runners", "capture", "output", "pipelines", "looks", "simulate", "lab", "stages"},
}

HEAVY = ("numpy", "tifffile", "imagecodecs", "PIL", "rawpy", "scipy", "pillow_heif", "lichtbild.core", "argparse")


def _modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if p.name != "kernel.py")


@functools.cache
def _imported(path: Path) -> list[tuple[str, int, bool]]:
    """Every absolute module name a file imports, with its line and whether at import of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "lichtbild" else [node.module]
            )
            found += [(str(name), node.lineno, id(node) not in inside) for name in names]
    return found


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_arrows_point_one_way() -> None:
    wrong = []
    for path in _modules():
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        room = parts[0]
        if room.startswith("__"):
            continue
        assert room in ARROWS, f"{path}: which rooms may {room} import?"
        for module, line, _ in _imported(path):
            target = _room(module)
            if (
                module.split(".")[0] == "lichtbild"
                and target in ARROWS
                and target != room
                and target not in ARROWS[room]
            ):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line}: {room} must not import {target}")
    assert not wrong, "\n".join(wrong)


def test_stages_and_core_import_no_file_library() -> None:
    readers = {"tifffile", "imagecodecs", "PIL", "rawpy", "pillow_heif"}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {module}"
        for path in _modules()
        if path.relative_to(PACKAGE).parts[0] in ("core", "stages", "pipelines")
        for module, line, _ in _imported(path)
        if module.split(".")[0] in readers
    ]
    assert not wrong, "\n".join(wrong)


def test_file_libraries_are_imported_where_they_are_used() -> None:
    """At the top of a module they would cost every import of the package their tenths of a second."""
    heavy = {"tifffile", "imagecodecs", "PIL", "rawpy", "pillow_heif", "scipy"}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line}: {module}"
        for path in _modules()
        for module, line, is_at_top in _imported(path)
        if is_at_top and module.split(".")[0] in heavy and not _is_for_types(path, line)
    ]
    assert not wrong, "\n".join(wrong)


def _is_for_types(path: Path, line: int) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return any(guard.lineno < line <= (guard.end_lineno or 0) for guard in guards)


def _loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = _loaded("import lichtbild")
    assert not [name for name in HEAVY if name in loaded]
    assert {name for name in loaded if name.startswith("lichtbild")} == {"lichtbild"}


def test_version_and_top_level_help_import_no_numpy() -> None:
    loaded = _loaded("import lichtbild.cli as c; c.build_parser()")
    assert "numpy" not in loaded


def test_every_public_name_is_there() -> None:
    for name in lichtbild.__all__:
        assert getattr(lichtbild, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lichtbild.nonsense


def test_stage_folders_are_alike() -> None:
    """A stage can be read in a minute: what it does stands in README.md, its kernels have a twin in reference.py."""
    folders = [p for p in (PACKAGE / "stages").iterdir() if (p / "__init__.py").exists()]
    missing = [f"{p.name}: README.md" for p in folders if not (p / "README.md").exists()]
    assert not missing, "\n".join(missing)
