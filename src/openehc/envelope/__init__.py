"""Opening and sealing the signed, encrypted JSON message (材料三 附录A 3).

Knows no method and no database: it is told who may speak through `Callers`.
"""
