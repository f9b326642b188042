"""Files are named by what they hold, and the tree names no package registry."""

from typing import Final

from tests.support.source_tree import ROOT, project_files, python_files

# Names that say nothing, and therefore collect everything.
EMPTY_NAMES: Final = frozenset({"utils.py", "service.py", "manager.py", "base.py"})

# In pieces, so that this file does not hold them itself.
REGISTRIES: Final = tuple(
    ".".join(pieces).encode()
    for pieces in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("deb", "debian", "org"),
    )
)


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [
        str(path.relative_to(ROOT))
        for path in python_files("src", "tests", "bench", "tools", "sdks")
        if path.name in EMPTY_NAMES
    ]

    assert named == []


def test_no_file_names_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {registry.decode()}"
        for path in project_files()
        for registry in REGISTRIES
        if registry in path.read_bytes()
    ]

    assert found == []
