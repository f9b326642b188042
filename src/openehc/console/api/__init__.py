"""The console API under /api: JSON for the people who run the platform.

A route names the permission that it needs (`guards.needs`), calls one use case and writes
the answer; it decides nothing. Errors are problem details in Chinese and English.
"""
