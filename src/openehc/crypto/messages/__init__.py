"""Signed and enveloped messages (GM/T 0010, GB/T 35275) and timestamps (GM/T 0033).

Knows no transport and no business content. Time and randomness are arguments.
"""
