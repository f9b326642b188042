"""PostgreSQL for everyone above: pool, batches, migrations, partitions, notices, embedded server.

Holds no business words: tables, statements and their meaning live in each feature's `store.py`.
"""
