"""How late a single post goes out: from its due time to its arrival at the platform.

The sandbox answers at once, and no two posts are due together. The naive way looks every so many
seconds and is late by half of that on average.

    python -m benchmarks.lateness [--posts 200] [--gap-ms 150]
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import harness
from socialstrike import accounts, queue
from socialstrike.app import App, settings
from socialstrike.drafts import Draft, DraftDelivery
from socialstrike.sandbox.process import SandboxProcess
from socialstrike.scheduler import Scheduler


def draft(account: str, text: str, due: datetime) -> Draft:
    """One post on X."""
    delivery = DraftDelivery(
        account=account,
        platform="x",
        occurrence=0,
        text=text,
        due_at=due,
        local_time="2020-01-24T00:00:00",
        timezone="Europe/Paris",
        late_after=due + timedelta(hours=1),
    )
    return Draft("occupation", (text,), None, (), "bench", None, (delivery,))


def latenesses(posts: int, gap: timedelta) -> list[float]:
    """Milliseconds from each due time to the arrival, in order of size."""
    with (
        SandboxProcess(limit=0) as sandbox,
        tempfile.TemporaryDirectory() as folder,
        App(settings(home=Path(folder))) as house,
    ):
        made = sandbox.add_account("x", "alone")
        begin = house.clock.now() + timedelta(seconds=6)
        due = {f"On occupe {number}": begin + number * gap for number in range(posts)}
        with house.database.write() as session:
            now = house.clock.now()
            accounts.add(
                session,
                house.vault,
                name=made["name"],
                platform="x",
                credentials=made["credentials"],
                base_url=sandbox.base_url,
                now=now,
                actor="bench",
            )
            drafts = [draft(made["name"], text, at) for text, at in due.items()]
            queue.enqueue(session, drafts, None, now=now, actor="bench")
        Scheduler(house.database, house.vault, house.settings, house.clock).run(until_idle=True)
        found = sandbox.posts()
        assert len(found) == posts
        return sorted(
            (datetime.fromisoformat(post["at"]) - due[post["text"]]).total_seconds() * 1000
            for post in found
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--gap-ms", type=float, default=150)
    options = parser.parse_args()
    found = latenesses(options.posts, timedelta(milliseconds=options.gap_ms))
    for name, share in (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
        print(f"{name:<8}{found[min(len(found) - 1, int(share * len(found)))]:8.1f} ms late")


if __name__ == "__main__":
    print(harness.machine())
    main()
