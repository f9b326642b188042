"""The HTTP door for machines: one POST path, signed and encrypted messages."""
