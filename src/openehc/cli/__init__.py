"""The command `ehc`."""
