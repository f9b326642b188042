"""SM3 and SM4, the crypto module (密码模块), key files and the sealing of stored data.

Knows no message, no database and no settings; time and randomness are arguments.
"""
