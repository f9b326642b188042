"""Audit: an append-only, chained, fail-closed record of who did what and who read whom.

Knows no institution, card or user; those who act hand their events in.
"""
