"""The crypto module (密码模块): mindex_id, EHCID and VALID, and who computes them.

`port.py` states what a module does, `algorithm.py` how the values are laid out,
`soft.py` is the module in software. Nothing here decides about cards or codes.
"""
