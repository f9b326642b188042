"""OpenEHC: the open electronic health card (电子健康卡) platform."""

from typing import Final

__version__: Final = "0.1.0"
