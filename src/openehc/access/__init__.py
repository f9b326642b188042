"""Access management (接入管理): who may connect, through what, with which numbers.

Institutions, client software and reading terminals: registered, numbered, granted.
"""
