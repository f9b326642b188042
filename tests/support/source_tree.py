"""The project's own files, for tests about the code itself. Holds no rule."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "src" / "openehc"

# For a tree without git, as from a release archive.
_NOT_OURS: Final = frozenset(
    {".git", ".venv", "build", "dist", "var", "node_modules", "__pycache__"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis"}
)


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that belongs to the project, sorted; what git ignores does not."""
    return tuple(sorted(_files_by_git() or _files_by_walk()))


def python_files(*folders: str) -> list[Path]:
    """The Python files in `folders` (names under the root), sorted."""
    tops = [ROOT / folder for folder in folders]
    return [
        path
        for path in project_files()
        if path.suffix == ".py" and any(path.is_relative_to(top) for top in tops)
    ]


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_modules(path: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere; `from a import b` yields both `a` and `a.b`."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files_by_git() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return []
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def _files_by_walk() -> list[Path]:
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and _NOT_OURS.isdisjoint(path.relative_to(ROOT).parts)
    ]
