"""Every moment at which a process is about to change a file, by name: there it can be killed, or told no.

Python's audit events tell of opening, renaming, linking and removing; writes and fsync are heard in place of the
functions themselves. So whatever writes comes through here, code that is written later included. What C++ and Rust
write by themselves does not.
"""

from __future__ import annotations

import builtins
import io
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename": 1, "os.link": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0}
OWN_NAMES = ((r"\.\d+\.tmp$", ".tmp"), (r"events\.out\.tfevents\..*", "events"), (r"#\d+ \(deleted\)", "temporary"))

Act = Callable[["Watch", str, Callable[[], None]], None]


class Watch:
    """Hears of each change under a folder before it happens, from now on until this process ends.

    Args:
        root: the folder.
        act: called with this, the moment's name (``write metrics.jsonl #2``: the second one of this kind) and, for a
            write, something that does half of it.
        children: whether processes that are forked from here are watched too, each counting for itself.

    Attributes:
        unsynced: files with bytes that a power cut would take, each with its size when it was last synced.
    """

    def __init__(self, root: Path, act: Act, children: bool = False) -> None:
        self.root, self.act = os.path.realpath(root), act
        self.pid = None if children else os.getpid()
        self.counts: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.unsynced: dict[str, int] = {}
        self.synced: dict[str, int] = {}
        self._install()

    def meet(self, operation: str, path: Any, half: Callable[[], None] = lambda: None) -> None:
        """Somebody is about to do something to a file."""
        name = self._name(path)
        if name is None or (self.pid is not None and os.getpid() != self.pid):
            return
        with self.lock:
            self.counts[f"{operation} {name}"] += 1
            self.act(self, f"{operation} {name} #{self.counts[f'{operation} {name}']}", half)

    def _name(self, path: Any) -> str | None:
        if isinstance(path, int):
            with suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{path}")
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        full = os.path.abspath(os.fsdecode(path))
        if full == self.root:
            return "."
        if not full.startswith(self.root + os.sep):
            return None
        name = full.removeprefix(self.root + os.sep)
        for pattern, plain in OWN_NAMES:
            name = re.sub(pattern, plain, name)
        return name

    def cut_power(self) -> None:
        """Take from every file what was not synced."""
        for path, size in self.unsynced.items():
            with suppress(OSError):
                os.truncate(path, min(size, os.path.getsize(path)))

    def _install(self) -> None:
        plain = {"open": io.open, "write": os.write, "fsync": os.fsync}

        class Raw(io.FileIO):
            def write(raw, content: Any, /) -> int:  # noqa: N805
                handle = raw.fileno()
                self.meet("write", handle, lambda: plain["write"](handle, memoryview(content)[: len(content) // 2]))
                self._wrote(handle)
                return super().write(content)

        def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+") or isinstance(file, int) or buffering == 0:
                return plain["open"](file, mode, buffering, *rest, **options)
            names = ("encoding", "errors", "newline", "closefd", "opener")
            options = dict(zip(names, rest)) | options
            raw = Raw(file, mode.replace("b", "").replace("t", ""), opener=options.get("opener"))
            binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return binary
            text = {name: options.get(name) for name in ("encoding", "errors", "newline")}
            return io.TextIOWrapper(binary, **{"encoding": "utf-8", **{k: v for k, v in text.items() if v}})

        def write(handle: int, content: Any) -> int:
            self.meet("write", handle, lambda: plain["write"](handle, content[: len(content) // 2]))
            self._wrote(handle)
            return plain["write"](handle, content)

        def fsync(file: Any) -> None:
            handle = file if isinstance(file, int) else file.fileno()
            self.meet("fsync", handle)
            path = _path_of(handle)
            self.unsynced.pop(path, None)
            with suppress(OSError):
                self.synced[path] = os.path.getsize(path)

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
                self.meet("open", arguments[0])
                self._opened(arguments[0], arguments[2])
            elif event in CHANGES:
                self.meet(event.removeprefix("os."), arguments[CHANGES[event]])
                if event == "os.rename":
                    self._renamed(*arguments[:2])

        builtins.open = io.open = opened  # type: ignore[assignment]
        os.write, os.fsync = write, fsync
        sys.addaudithook(hear)

    def _opened(self, path: Any, flags: int) -> None:
        if not isinstance(path, int) and (full := os.path.abspath(os.fsdecode(path))) not in self.synced:
            with suppress(OSError):
                self.synced[full] = 0 if flags & os.O_TRUNC else os.path.getsize(full)

    def _wrote(self, handle: int) -> None:
        path = _path_of(handle)
        self.unsynced.setdefault(path, self.synced.get(path, 0))

    def _renamed(self, old: Any, new: Any) -> None:
        was, now = (os.path.abspath(os.fsdecode(path)) for path in (old, new))
        for known in (self.unsynced, self.synced):
            known.pop(now, None)
            if was in known:
                known[now] = known.pop(was)


def _path_of(handle: int) -> str:
    return os.readlink(f"/proc/self/fd/{handle}")


def record(root: Path, names: Path, children: bool = False) -> None:
    """Note every moment in a file, a line each."""
    handle = os.open(names, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    note = os.write
    Watch(root, lambda watch, moment, half: note(handle, f"{moment}\n".encode()) and None, children)


def kill_at(root: Path, moment: str, mark: Path, cut: bool = False, children: bool = False) -> None:
    """Die at a moment, in the middle of it where it is a write; once, whichever process comes there first.

    Args:
        root: as of `Watch`.
        moment: its name.
        mark: a file elsewhere, which says that it happened.
        cut: take with it what was not synced, as a power cut does.
        children: as of `Watch`.
    """

    def act(watch: Watch, now: str, half: Callable[[], None]) -> None:
        if now == moment and _first(mark):
            half()
            if cut:
                watch.cut_power()
            os.kill(os.getpid(), signal.SIGKILL)

    Watch(root, act, children)


def refuse_at(root: Path, moment: str, mark: Path, number: int, children: bool = False) -> None:
    """Let one change fail with an error of the system, such as ``errno.EIO``."""

    def act(watch: Watch, now: str, half: Callable[[], None]) -> None:
        if now == moment and _first(mark):
            call, name = now.split(" ")[:2]
            named = None if call in ("write", "fsync") else str(root / name)  # a file that is open has no name there
            raise OSError(number, os.strerror(number), named)

    Watch(root, act, children)


def _first(mark: Path) -> bool:
    with suppress(FileExistsError):
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        return True
    return False
