"""What every part of the platform shares: clock, ids, masking, and the one error language.

Standard library only; knows nothing of cards, messages or databases.
"""
