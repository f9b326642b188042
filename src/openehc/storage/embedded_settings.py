"""The configuration of the embedded server: three small text files.

The settings suit a small node and keep every statement and its parameters out of
the log. This module only makes text; `embedded.py` writes it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROLE: Final = "openehc"
ROLES: Final = (ROLE, "openehc_worker")
"""Who may sign in: the owner of everything, and the workers (storage/worker_role.py)."""

DATABASE: Final = "openehc"

SETTINGS: Final[Mapping[str, str]] = {
    # answered means durable
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # a small node
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_locks_per_transaction": "512",  # tables partitioned by day take many locks
    "jit": "off",  # our statements are short: compiling them costs more than running them
    # The wheels know pglz only, and compressing a page with it costs more than all else that
    # a registration asks of the server: 541 instead of 123 us with 800,000 residents.
    "wal_compression": "off",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "deadlock_timeout": "200ms",  # group commits try again after a deadlock
    "timezone": "UTC",
    # No statement, parameter or row in the log. A server error repeats values in its
    # very message ("invalid input syntax for type date: ..."), so errors of statements
    # stay out as a whole (log_min_messages): their SQLSTATE is in the program's log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_lock_waits": "off",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
}


def server_conf(*, socket_dir: Path | None, port: int, extra: Mapping[str, str]) -> str:
    """postgresql.conf: over a private socket, or on loopback TCP where there is none."""
    listening = (
        {"listen_addresses": "127.0.0.1", "password_encryption": "scram-sha-256"}
        if socket_dir is None
        else {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
        }
    )
    lines = [
        f"{key} = {_quoted(value)}"
        for key, value in {**SETTINGS, **listening, "port": str(port), **extra}.items()
    ]
    head = "# Written anew at every start. Changes of your own go into local.conf beside it."
    return "\n".join([head, *lines, "include = 'local.conf'", ""])


def access_conf(*, socket_dir: Path | None) -> str:
    """pg_hba.conf: the operating system says who we are, or on TCP a password."""
    if socket_dir is None:
        return f"host all {','.join(ROLES)} 127.0.0.1/32 scram-sha-256\n"
    return f"local all {','.join(ROLES)} peer map=openehc\n"


def names_conf(*, os_users: set[str]) -> str:
    """pg_ident.conf: the operating system's users that may be these roles."""
    return "".join(
        f"openehc {_quoted_name(user)} {role}\n" for user in sorted(os_users) for role in ROLES
    )


def _quoted(value: str) -> str:
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _quoted_name(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
