"""`python -m openehc` is `ehc`."""

from openehc.cli.main import main

main()
