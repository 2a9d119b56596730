"""The system tells when a file is written, where it can: on Linux, by inotify.

Asking ten times a second whether a database has changed costs a process that waits more than
everything else it does, and sees a change 0.05 s late.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_IN_MODIFY, _IN_IGNORED = 0x2, 0x8000
#: A write is told of at once and again after each of these pauses, in seconds: a database writes
#: what it commits some time before that counts. Writes in between are told of with the last.
_AGAIN = (0.005, 0.02, 0.075)
#: And once more so much later, where the disk was slow and nothing else was written.
_AT_LAST = 0.3


class Inotify:
    """Calls ``tell`` from a thread of its own soon after ``path`` was written, by whomever.

    Raises OSError where the system cannot watch that file.
    """

    def __init__(self, path: Path, tell: Callable[[], None]) -> None:
        if sys.platform != "linux":
            raise OSError("there is no inotify on this system")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_CLOEXEC))
        try:
            name = os.fsencode(path)
            added = self._libc.inotify_add_watch(self._descriptor, name, _IN_MODIFY)
            self._watch = self._checked(added)
        except OSError:
            os.close(self._descriptor)
            raise
        self._tell = tell
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="inotify", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell no more."""
        self._closing.set()
        # That the watch is gone is an event too, and ends the wait for one.
        self._libc.inotify_rm_watch(self._descriptor, self._watch)
        self._thread.join()
        os.close(self._descriptor)

    def _work(self) -> None:
        watching, pause = True, None
        changes = select.poll()
        changes.register(self._descriptor, select.POLLIN)
        while watching and not self._closing.is_set():
            if not changes.poll(pause):
                pause = None
                self._tell()
                continue
            pause = _AT_LAST * 1000
            events = struct.iter_unpack("iIII", os.read(self._descriptor, 4096))
            # A file that was deleted is not told of again.
            watching = not any(mask & _IN_IGNORED for _, mask, _, _ in events)
            self._tell()
            for seconds in _AGAIN:
                if not self._closing.wait(seconds):
                    self._tell()

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
