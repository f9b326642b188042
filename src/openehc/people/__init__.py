"""People who work on the platform: users, roles, sign-in, sessions, approvals by a second person.

Knows no institution, card or web page; the console asks who someone is and what they may do.
"""
