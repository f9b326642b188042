"""SM2 certificates (GM/T 0015): requests, a small authority, revocation, trust in several roots.

Knows no node, no user and no database: who must show which certificate is decided
above. Time and randomness are arguments.
"""
