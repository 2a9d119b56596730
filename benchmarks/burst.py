"""Everything due in the same second: the product against its peers and its limit, in turn.

Half the accounts are on X, half on Facebook; the sandbox answers each call after a fixed time, as a
distant server does. The limit is the bare loop: the same client libraries, as many threads,
connections that all accounts share, nothing recorded. The peers are scripts on APScheduler's own
job store, with its defaults, and on huey's SQLite queue with 64 workers. Over TLS, one more loop
shows what connections of each account's own would cost.

    python -m benchmarks.burst [--accounts 2000] [--latency-ms 100] [--workers 256] [--rounds 3]
"""

from __future__ import annotations

import argparse
import logging
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from unittest import mock

import facebook
import requests
import tweepy
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from huey import SqliteHuey
from requests.adapters import HTTPAdapter

from benchmarks import harness, tls
from socialstrike import accounts, queue
from socialstrike.app import App, settings
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.sandbox.process import SandboxProcess
from socialstrike.scheduler import Scheduler

Credentials = list[tuple[str, str, dict[str, str]]]


class Rewrite(HTTPAdapter):
    """Sends what is meant for a platform to the sandbox, over one shared pool."""

    def __init__(self, base_url: str, size: int) -> None:
        self.base_url = base_url
        super().__init__(pool_connections=1, pool_maxsize=size)

    def send(self, request: requests.PreparedRequest, **named: object) -> requests.Response:
        path = request.url.split("/", 3)[3]
        request.url = f"{self.base_url}/{path}"
        return super().send(request, **{**named, "proxies": None, "verify": True})


def product(base_url: str, made: Credentials, workers: int) -> float:
    """Seconds from the due time to the last outcome on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        options = settings(home=Path(folder), workers=workers)
        with App(options) as house:
            vault = house.vault
            now = house.clock.now()
            due = now + timedelta(seconds=15)
            with house.database.write() as session:
                for platform, name, credentials in made:
                    accounts.add(
                        session,
                        vault,
                        name=name,
                        platform=platform,
                        credentials=credentials,
                        base_url=base_url,
                        now=now,
                        actor="bench",
                    )
                queue.enqueue(session, [_draft(made, due)], None, now=now, actor="bench")
            Scheduler(house.database, vault, house.settings, house.clock).run(until_idle=True)
            with house.database.read() as session:
                rows = list(queue.deliveries(session))
            published = [row["published_at"] for row in rows if row["state"] == "published"]
            assert len(published) == len(made)
            return (max(published) - due).total_seconds()


def bare(base_url: str, made: Credentials, workers: int) -> float:
    """The limit: the libraries in a thread pool, sharing connections, recording nothing."""
    adapter = Rewrite(base_url, workers)
    return _loop(lambda: adapter, made, workers)


def bare_apart(base_url: str, made: Credentials, workers: int) -> float:
    """The same, but each account connects for itself, as a session of its own does."""
    return _loop(lambda: Rewrite(base_url, 1), made, workers)


def _loop(connected: Callable[[], Rewrite], made: Credentials, workers: int) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda account: send(connected(), *account), made))
    return time.monotonic() - began


def job_store(base_url: str, made: Credentials, workers: int) -> float:
    """A peer: one date job per post in APScheduler's SQL job store, everything by default."""
    del workers  # its default pool has ten
    with tempfile.TemporaryDirectory() as folder:
        store = SQLAlchemyJobStore(url=f"sqlite:///{folder}/jobs.db")
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
        scheduler.start(paused=True)
        due = datetime.now(UTC) + timedelta(seconds=12)
        for account in made:
            scheduler.add_job(send_one, "date", run_date=due, args=[base_url, *account])
        scheduler.resume()
        # Jobs leave the store whether they ran or were dropped as misfires.
        deadline = time.monotonic() + 120
        while scheduler.get_jobs() and time.monotonic() < deadline:
            time.sleep(0.2)
        scheduler.shutdown(wait=True)
        return (datetime.now(UTC) - due).total_seconds()


def huey(base_url: str, made: Credentials, workers: int) -> float:
    """A peer: one task per post in huey's SQLite queue, each commit synced, 64 threads.

    A task leaves the queue before it runs, so that what a crash interrupts is lost.
    """
    del workers
    tasks = SqliteHuey(filename=str(Path(tempfile.mkdtemp()) / "huey.db"), fsync=True)
    left = threading.Semaphore(0)

    @tasks.task()
    def post(platform: str, name: str, credentials: dict[str, str]) -> None:
        try:
            send(Rewrite(base_url, 1), platform, name, credentials)
        finally:
            left.release()

    due = datetime.now() + timedelta(seconds=12)  # noqa: DTZ005  (its own convention: naive, local)
    for account in made:
        post.schedule(args=account, eta=due)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    consumer = tasks.create_consumer(workers=64, worker_type="thread", initial_delay=0.01)
    consumer.start()
    for _ in made:
        left.acquire(timeout=120)
    ended = datetime.now()  # noqa: DTZ005
    consumer.stop(graceful=True)
    for number, handler in before:
        signal.signal(number, handler)
    return (ended - due).total_seconds()


def send_one(base_url: str, platform: str, name: str, credentials: dict[str, str]) -> None:
    """One job of a peer; at module level, because a job store pickles a reference to it."""
    send(Rewrite(base_url, 1), platform, name, credentials)


def send(adapter: Rewrite, platform: str, name: str, credentials: dict[str, str]) -> None:
    """One post with nothing but the client library."""
    if platform == "x":
        client = tweepy.Client(
            consumer_key=credentials["consumer_key"],
            consumer_secret=credentials["consumer_secret"],
            access_token=credentials["access_token"],
            access_token_secret=credentials["access_token_secret"],
        )
        client.session.mount("https://", adapter)
        client.create_tweet(text=f"On occupe, {name}")
        return
    session = requests.Session()
    session.mount("https://", adapter)
    graph = facebook.GraphAPI(credentials["access_token"], session=session)
    graph.version = "v26.0"
    graph.put_object(credentials["page_id"], "feed", message=f"On occupe, {name}")


def _draft(made: Credentials, due: datetime) -> Draft:
    deliveries = tuple(
        DraftDelivery(
            account=name,
            platform=platform,
            occurrence=0,
            text=f"On occupe, {name}",
            due_at=due,
            local_time="2020-01-24T00:00:00",
            timezone="Europe/Paris",
            late_after=due + timedelta(hours=1),
        )
        for platform, name, _ in made
    )
    return Draft("occupation", ("On occupe",), None, (), "bench", None, deliveries)


Turn = Callable[[str, Credentials, int], float]


@contextmanager
def _plain(sandbox: SandboxProcess) -> Iterator[str]:
    yield sandbox.base_url


@contextmanager
def _secure(sandbox: SandboxProcess) -> Iterator[str]:
    with (
        tls.front(sandbox.base_url) as (base_url, bundle),
        mock.patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(bundle)),
    ):
        yield base_url


def measure(run: Turn, options: argparse.Namespace, *, secure: bool = False) -> tuple[float, int]:
    """One run against a fresh sandbox: seconds, and how many posts it really saw."""
    reached = _secure if secure else _plain
    with (
        SandboxProcess(latency_ms=options.latency_ms, limit=0) as sandbox,
        reached(sandbox) as base_url,
    ):
        made: Credentials = []
        for number in range(options.accounts):
            platform = ("x", "facebook")[number % 2]
            account = sandbox.add_account(platform, f"{platform}-{number}")
            made.append((platform, account["name"], account["credentials"]))
        seconds = run(base_url, made, options.workers)
        return seconds, len(sandbox.posts())


def compare(
    title: str, turns: Mapping[str, Turn], options: argparse.Namespace, **how: bool
) -> None:
    """Let them take turns; the last is the limit."""
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in turns}
    for _ in range(options.rounds):
        for name, turn in turns.items():
            found[name].append(measure(turn, options, **how))
    limit = median(seconds for seconds, _ in found[name])
    print(f"\n{title}\n{'':<26}{'min s':>8}{'median':>8}{'max':>8}{'published':>11}{'x limit':>9}")
    for name, runs in found.items():
        seconds = sorted(seconds for seconds, _ in runs)
        share = median(seen for _, seen in runs) / options.accounts
        print(
            f"{name:<26}{seconds[0]:>8.2f}{median(seconds):>8.2f}{seconds[-1]:>8.2f}{share:>11.1%}"
            f"{median(seconds) / limit:>9.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--workers", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a line for each post it drops
    print(f"{options.accounts} posts due at once, {options.latency_ms:.0f} ms per call")
    plain = {"socialstrike": product, "APScheduler's job store": job_store, "huey": huey}
    compare("HTTP", {**plain, "bare loop": bare}, options)
    shared = {"socialstrike": product, "bare loop, a session each": bare_apart, "bare loop": bare}
    compare("TLS", shared, options, secure=True)


if __name__ == "__main__":
    print(harness.machine())
    main()
