"""`ehc vectors`: run every known-answer file, and say which pass.

Reads `vectors/`, computes through the installed package, changes nothing.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

import openehc
from openehc.cli.vector_checks import UnreadableVectors, failure_of, read_cases


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file: counts, and one line for each failure."""

    name: str
    passed: int
    failures: tuple[str, ...]


@click.command("vectors")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of vector files; by default vectors/ of this checkout, else the installed ones.",
)
def vectors_command(folder: Path | None) -> None:
    """Check the cryptography against published and computed known answers."""
    chosen = folder or default_folder()
    results = [run_file(path) for path in sorted(chosen.glob("*.json"))]
    for result in results:
        click.echo(f"{result.name}: {result.passed} passed, {len(result.failures)} failed")
        for failure in result.failures:
            click.echo(f"  {result.name}: {failure}", err=True)
    passed = sum(result.passed for result in results)
    failed = sum(len(result.failures) for result in results)
    click.echo(f"{passed} passed, {failed} failed")
    if failed or not passed:
        sys.exit(1)


def run_file(path: Path) -> FileResult:
    """Run one file; an unreadable one counts as one failure."""
    try:
        cases = read_cases(path)
    except UnreadableVectors as broken:
        return FileResult(path.name, 0, (str(broken),))
    found = [(case, failure_of(case)) for case in cases]
    failures = tuple(f"{case.id}: {failure}" for case, failure in found if failure is not None)
    return FileResult(path.name, len(cases) - len(failures), failures)


def default_folder() -> Path:
    """vectors/ beside pyproject.toml in the current folder, else the packaged folder.

    Raises `click.ClickException` when neither is there.
    """
    here = Path.cwd()
    package = Path(openehc.__file__).parent
    checkout = package.parents[1]  # an editable installation runs from src/openehc
    if (here / "pyproject.toml").is_file() and (here / "vectors").is_dir():
        return here / "vectors"
    for folder in (package / "vectors", checkout / "vectors"):
        if folder.is_dir():
            return folder
    raise click.ClickException("no vector files are installed: name their folder with --dir")
