"""Everything due in the same second: the product against its peers and its limit, in turn.

Half the accounts are on X, half on Facebook; the sandbox answers each call after a fixed time, as a
distant server does. The limit is the bare loop: the same client libraries, as many threads, nothing
recorded. The peer is a script on APScheduler's own job store, with its defaults.

    python -m benchmarks.burst [--accounts 2000] [--latency-ms 100] [--workers 256]
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import facebook
import requests
import tweepy
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from requests.adapters import HTTPAdapter

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
        return super().send(request, **{**named, "proxies": None})


def product(sandbox: SandboxProcess, made: Credentials, workers: int) -> float:
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
                        base_url=sandbox.base_url,
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


def bare(sandbox: SandboxProcess, made: Credentials, workers: int) -> float:
    """The limit: the libraries in a thread pool, sharing connections, recording nothing."""
    adapter = Rewrite(sandbox.base_url, workers)

    def send(account: tuple[str, str, dict[str, str]]) -> None:
        platform, name, credentials = account
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

    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(send, made))
    return time.monotonic() - began


def job_store(sandbox: SandboxProcess, made: Credentials, workers: int) -> float:
    """The peer: one date job per post in APScheduler's SQL job store, everything by default."""
    del workers  # its default pool has ten
    with tempfile.TemporaryDirectory() as folder:
        store = SQLAlchemyJobStore(url=f"sqlite:///{folder}/jobs.db")
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
        scheduler.start(paused=True)
        due = datetime.now(UTC) + timedelta(seconds=12)
        for platform, name, credentials in made:
            scheduler.add_job(
                send_one, "date", run_date=due, args=[sandbox.base_url, platform, name, credentials]
            )
        scheduler.resume()
        # Jobs leave the store whether they ran or were dropped as misfires.
        deadline = time.monotonic() + 120
        while scheduler.get_jobs() and time.monotonic() < deadline:
            time.sleep(0.2)
        scheduler.shutdown(wait=True)
        return (datetime.now(UTC) - due).total_seconds()


def send_one(base_url: str, platform: str, name: str, credentials: dict[str, str]) -> None:
    """One job of the peer; at module level, because its job store pickles a reference to it."""
    if platform == "x":
        client = tweepy.Client(
            consumer_key=credentials["consumer_key"],
            consumer_secret=credentials["consumer_secret"],
            access_token=credentials["access_token"],
            access_token_secret=credentials["access_token_secret"],
        )
        client.session.mount("https://", Rewrite(base_url, 1))
        client.create_tweet(text=f"On occupe, {name}")
        return
    session = requests.Session()
    session.mount("https://", Rewrite(base_url, 1))
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


def measure(
    run: Callable[[SandboxProcess, Credentials, int], float], options: argparse.Namespace
) -> tuple[float, int]:
    """One run against a fresh sandbox: seconds, and how many posts it really saw."""
    with SandboxProcess(latency_ms=options.latency_ms, limit=0) as sandbox:
        made: Credentials = []
        for number in range(options.accounts):
            platform = ("x", "facebook")[number % 2]
            account = sandbox.add_account(platform, f"{platform}-{number}")
            made.append((platform, account["name"], account["credentials"]))
        seconds = run(sandbox, made, options.workers)
        return seconds, len(sandbox.posts())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--workers", type=int, default=256)
    options = parser.parse_args()
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a line for each post it drops
    print(f"{options.accounts} posts due at once, {options.latency_ms:.0f} ms per call")
    limit, _ = measure(bare, options)
    for name, run in (("product", product), ("job store", job_store)):
        seconds, seen = measure(run, options)
        share = 100 * seen / options.accounts
        print(f"{name:<12}{seconds:8.2f} s {share:6.1f} % published {seconds / limit:6.2f} x limit")
    print(f"{'bare loop':<12}{limit:8.2f} s  100.0 % published   1.00 x limit")


if __name__ == "__main__":
    main()
