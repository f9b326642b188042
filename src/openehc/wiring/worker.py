"""What travels to a worker process: all that its application is made from.

The processes that only start workers, and the commands beside them, load no application,
which takes most of a second. Serves nothing.
"""

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openehc.wiring.settings import Settings

if TYPE_CHECKING:
    from openehc.wiring.application import Application


@dataclass(frozen=True, slots=True)
class ApplicationFactory:
    """Travels to the worker processes through a pipe, never through the environment."""

    settings: Settings
    dsn: str
    passphrase: str = field(repr=False)

    def __call__(self) -> "Application":
        """The application; called once in each worker."""
        module = importlib.import_module("openehc.wiring.application")
        module.configure_logging(self.settings)
        application: Application = module.Application(self)
        return application
