"""Full-width forms, as a Chinese input method types them. Knows ASCII only."""


def full_width(text: str) -> str:
    """`text` in full-width signs."""
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)
