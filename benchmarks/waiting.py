"""What the service costs while a million deliveries wait, and how soon it sees a new one.

The posts that are added come from another process than the service's, and are due at once.

    python -m benchmarks.waiting [--queued 1000000] [--seconds 30] [--posts 20]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks import harness
from benchmarks.filled import fill
from benchmarks.lateness import draft
from socialstrike import accounts, queue
from socialstrike.app import App, settings
from socialstrike.sandbox.process import SandboxProcess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--posts", type=int, default=20)
    options = parser.parse_args()
    with (
        SandboxProcess(limit=0) as sandbox,
        tempfile.TemporaryDirectory() as folder,
        App(settings(home=Path(folder))) as house,
    ):
        made = sandbox.add_account("x", "alone")
        fill(house, queued=options.queued, pages=1000, due=0, now=house.clock.now())
        with house.database.write() as session:
            accounts.add(
                session,
                house.vault,
                name=made["name"],
                platform="x",
                credentials=made["credentials"],
                base_url=sandbox.base_url,
                now=house.clock.now(),
                actor="bench",
            )
        service = subprocess.Popen(harness.product("--home", folder, "run"))
        try:
            time.sleep(10)  # it has taken over, and loaded what it will need
            before, since = _cpu(service.pid), time.monotonic()
            time.sleep(options.seconds)
            share = (_cpu(service.pid) - before) / (time.monotonic() - since)
            late = [_add_one(house, sandbox, made["name"]) for _ in range(options.posts)]
            print(f"{options.queued:,} queued: {100 * share:.2f} % CPU, {_rss(service.pid):.0f} MB")
            print(
                f"a post of another process: median {1000 * median(late):.0f} ms late,"
                f" first {1000 * late[0]:.0f}, max {1000 * max(late):.0f}"
            )
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)


def _add_one(house: App, sandbox: SandboxProcess, account: str) -> float:
    """Seconds from the commit of a post that is due at once to its arrival."""
    now = house.clock.now()
    text = f"On occupe {now.timestamp()}"
    with house.database.write() as session:
        queue.enqueue(session, [draft(account, text, now)], None, now=now, actor="bench")
    committed = house.clock.now()
    while True:
        time.sleep(0.3)  # not a divisor of the service's own rhythm
        for post in sandbox.posts():
            if post["text"] == text:
                return (datetime.fromisoformat(post["at"]) - committed).total_seconds()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(harness.machine())
    main()
