"""Hand-off through the real client libraries: nothing twice, nothing lost, the truth in the end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from socialstrike import queue
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Delivery
from socialstrike.db.writer import Writer
from socialstrike.exceptions import IllegalTransition
from socialstrike.handoff import HandOffs
from socialstrike.platforms.own_scheduler import Scheduled
from socialstrike.queue import Wanted

PLATFORMS = ("mastodon", "facebook")
AHEAD = timedelta(hours=1)
LOST = ["drop_after", "error_after", "no_id", "malformed", "empty_json"]
NOT_TAKEN = ["drop_before", "error_before", "error_html"]


class MovedClock(SystemClock):
    """The machine's clock, put forward as the sandbox's is."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


class Desk:
    """A strike whose accounts can hand off, and a platform whose time we move."""

    def __init__(self, strike, sandbox, settings: Settings) -> None:
        self.strike, self.sandbox = strike, sandbox
        self.clock = strike.clock = MovedClock()
        for platform in PLATFORMS:
            made = sandbox.add_account(platform, f"collectif-{platform}")
            strike.account(made["name"], platform, made["credentials"], sandbox.base_url)
        self.writer = Writer(strike.database)
        self.handoffs = HandOffs(
            strike.database, self.writer, strike.vault, settings, self.clock, owner="one"
        )

    def queue(self, platform: str, due: timedelta = AHEAD, **named) -> int:
        [delivery] = self.strike.post(f"collectif-{platform}", due=due, **named)
        with self.strike.database.write() as session:
            queue.wish(session, [delivery], now=self.strike.now, actor="ann")
        return delivery

    def claim(self) -> list[queue.Job]:
        with self.strike.database.write() as session:
            return queue.claim_hand_overs(
                session, now=self.strike.now, owner="one", lease=60, most=9
            )

    def hand_over(self) -> None:
        for job in self.claim():
            self.handoffs.hand_over(job)

    def look(self) -> None:
        """Every look-up that is due."""
        with self.strike.database.write() as session:
            jobs = queue.claim_doubts(session, now=self.strike.now, every=0, most=9)
        for job in jobs:
            self.handoffs.reconcile(job)

    def look_now(self) -> None:
        with self.strike.database.write() as session:
            session.execute(update(Delivery).values(next_at=self.strike.now))
        self.look()

    def pass_time(self, by: timedelta) -> None:
        self.clock.by += by
        self.sandbox_ahead(timedelta())

    def sandbox_ahead(self, by: timedelta) -> None:
        seconds = (self.clock.by + by).total_seconds()
        self.sandbox.set_clock(seconds)

    def ask_back(self, delivery: int, wanted: Wanted = Wanted.CANCELLED) -> None:
        self.strike.do(_ask_back, [delivery], wanted)

    def recall(self, delivery: int, wanted: Wanted = Wanted.CANCELLED) -> str:
        self.ask_back(delivery, wanted)
        [told] = self.handoffs.recall([delivery])
        return str(told.state)

    def publish(self) -> None:
        for job in self.strike.claim():
            self.handoffs.publish(job)

    def fault(self, fault: str, platform: str, **named) -> None:
        self.sandbox.add_fault(fault, account=f"collectif-{platform}", **named)


def _ask_back(session, ids, wanted, *, now, actor) -> None:
    queue.ask_back(session, ids, wanted, now=now, actor=actor)


@pytest.fixture
def desk(strike, sandbox, quick: Settings):
    made = Desk(strike, sandbox, quick)
    yield made
    made.writer.close()


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_platform_publishes_without_us_and_the_next_run_sees_it(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    row = desk.strike.row(delivery)
    assert (row.state, row.scheduled_id is not None) == ("handed_off", True)
    assert desk.sandbox.posts() == []
    assert desk.strike.claim() == []

    desk.pass_time(AHEAD + timedelta(minutes=9))
    assert desk.strike.claim() == []
    desk.look()

    [seen] = desk.sandbox.posts()
    row = desk.strike.row(delivery)
    assert (row.state, row.remote_id) == ("published", seen["id"])
    assert abs(row.published_at - row.due_at) < timedelta(seconds=2)
    assert row.attempts == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_found_among_what_waits(desk: Desk, platform, fault: str) -> None:
    delivery = desk.queue(platform)
    desk.fault(fault, platform)
    desk.hand_over()
    assert desk.strike.state(delivery) == "uncertain"
    desk.look_now()
    assert desk.strike.state(delivery) == "handed_off"
    desk.pass_time(AHEAD + timedelta(minutes=1))
    desk.look_now()
    assert desk.strike.state(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


def test_a_lost_answer_that_nobody_looked_up_in_time_is_found_published(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    desk.fault("drop_after", platform)
    desk.hand_over()
    desk.pass_time(AHEAD + timedelta(minutes=1))
    desk.publish()
    desk.look_now()
    assert desk.strike.state(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


@pytest.mark.parametrize("fault", NOT_TAKEN)
def test_a_hand_over_proved_absent_is_tried_once_more_and_not_sent_early(
    desk: Desk, platform, fault: str
) -> None:
    delivery = desk.queue(platform)
    desk.fault(fault, platform)
    desk.hand_over()
    assert desk.strike.state(delivery) == "uncertain"
    desk.look_now()
    desk.look_now()
    row = desk.strike.row(delivery)
    assert (row.state, row.next_at) == ("scheduled", row.due_at)
    assert desk.strike.claim() == []
    desk.hand_over()
    assert desk.strike.state(delivery) == "handed_off"
    desk.pass_time(AHEAD + timedelta(minutes=1))
    desk.look_now()
    assert desk.strike.state(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


def test_what_is_refused_goes_out_from_here_when_it_is_due(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.sandbox_ahead(AHEAD - timedelta(minutes=3))  # by its clock that is too near
    desk.hand_over()
    row = desk.strike.row(delivery)
    assert (row.state, row.hand_off_at, row.handed_at) == ("scheduled", None, None)
    assert "refused" in row.error
    desk.pass_time(AHEAD)
    desk.publish()
    assert desk.strike.state(delivery) == "published"


def test_what_mastodon_publishes_at_once_is_published(desk: Desk) -> None:
    delivery = desk.queue("mastodon")
    desk.sandbox_ahead(AHEAD + timedelta(minutes=3))  # by its clock the time has passed
    desk.hand_over()
    [seen] = desk.sandbox.posts()
    row = desk.strike.row(delivery)
    assert (row.state, row.remote_id) == ("published", seen["id"])


def test_what_is_too_far_ahead_waits_until_the_platform_takes_it(desk: Desk) -> None:
    delivery = desk.queue("facebook", due=timedelta(days=40))
    assert desk.claim() == []
    desk.pass_time(timedelta(days=12))
    assert [job.delivery for job in desk.claim()] == [delivery]


def test_a_rate_limit_throttles_and_the_wish_stays(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.fault("rate_limited", platform, reset_in=120)
    desk.hand_over()
    row = desk.strike.row(delivery)
    assert (row.state, row.handed_at) == ("scheduled", None)
    assert row.hand_off_at > desk.strike.now
    assert row.next_at == row.due_at
    assert desk.claim() == []


def test_refused_credentials_pause_the_account_and_the_wish_stays(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.fault("unauthorized", platform)
    desk.hand_over()
    row = desk.strike.row(delivery)
    assert (row.state, row.hand_off_at is not None) == ("scheduled", True)
    assert desk.claim() == []


def test_a_worker_that_died_after_the_ticket_leaves_a_doubt_and_none_before(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)

    def recover() -> None:
        desk.strike.do(_recover)

    def _recover(session, *, now, actor) -> None:
        queue.recover(session, now=now, actor=actor, mine=(), others=(), settle=0)

    desk.claim()
    recover()
    row = desk.strike.row(delivery)
    assert (row.state, row.next_at) == ("scheduled", row.due_at)
    assert desk.strike.claim() == []

    [job] = desk.claim()
    with desk.strike.database.write() as session:
        queue.begin_hand_over(session, job, now=desk.strike.now, owner="one")
    recover()
    assert desk.strike.state(delivery) == "uncertain"
    desk.look_now()
    desk.look_now()
    assert desk.strike.state(delivery) == "scheduled"


@pytest.mark.parametrize("wanted", Wanted)
def test_what_is_taken_back_is_gone_there_and_stands_as_was_wanted(
    desk: Desk, platform, wanted: Wanted
) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    stands = "cancelled" if wanted is Wanted.CANCELLED else "scheduled"
    assert desk.recall(delivery, wanted) == stands
    row = desk.strike.row(delivery)
    assert (row.handed_at, row.scheduled_id, row.take_back) == (None, None, None)
    assert (row.hand_off_at is not None) == (wanted is Wanted.STOPPED)
    assert row.started_at is None  # its words may be changed again
    desk.pass_time(AHEAD + timedelta(minutes=1))
    assert desk.sandbox.posts() == []


def test_what_was_taken_back_can_be_handed_off_again_within_the_hour(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    desk.recall(delivery, Wanted.STOPPED)
    desk.hand_over()
    assert desk.strike.state(delivery) == "handed_off"
    desk.recall(delivery, Wanted.SCHEDULED)
    desk.pass_time(AHEAD)
    desk.publish()
    assert desk.strike.state(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "drop_before", "rate_limited"])
def test_a_deletion_whose_answer_was_lost_is_settled_by_the_next_look(
    desk: Desk, platform, fault: str
) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    desk.fault(fault, platform, operation="retract")
    assert desk.recall(delivery) == "handed_off"
    assert desk.strike.row(delivery).error
    desk.look_now()
    assert desk.strike.state(delivery) == "cancelled"
    desk.pass_time(AHEAD + timedelta(minutes=1))
    assert desk.sandbox.posts() == []


def test_a_cancel_that_comes_too_late_says_published_and_deletes_nothing(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    desk.pass_time(AHEAD + timedelta(seconds=5))
    assert desk.recall(delivery) == "published"
    assert len(desk.sandbox.posts()) == 1


def test_a_copy_whose_hand_over_was_in_doubt_is_found_and_taken_back(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.fault("drop_after", platform)
    desk.hand_over()
    assert desk.recall(delivery, Wanted.STOPPED) == "scheduled"
    desk.pass_time(AHEAD + timedelta(minutes=1))
    assert desk.sandbox.posts() == []


def test_a_doubt_that_is_not_found_is_no_absence_while_it_may_be_on_its_way(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    desk.fault("drop_before", platform)
    desk.hand_over()
    assert desk.recall(delivery, Wanted.STOPPED) == "uncertain"
    assert desk.strike.row(delivery).absences == 0


def test_a_copy_that_somebody_deleted_there_is_not_sent_again_but_parked(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    with desk.strike.database.read() as session:
        job = queue.select_ids(session, [delivery])[0]
    assert desk.handoffs._own_scheduler(job).take_back(job.scheduled_id)
    desk.pass_time(AHEAD + timedelta(minutes=1))
    for _ in range(2):
        desk.look_now()
    assert desk.strike.state(delivery) == "parked"
    assert desk.sandbox.posts() == []


def test_a_cancelled_one_that_is_gone_at_its_time_is_cancelled_after_two_looks(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    desk.hand_over()
    with desk.strike.database.read() as session:
        job = queue.select_ids(session, [delivery])[0]
    assert desk.handoffs._own_scheduler(job).take_back(job.scheduled_id)
    desk.pass_time(AHEAD - timedelta(seconds=10))
    assert desk.recall(delivery) == "uncertain"
    desk.look_now()
    assert desk.strike.state(delivery) == "cancelled"


def test_each_of_two_posts_with_the_same_words_is_known_as_its_own(desk: Desk, platform) -> None:
    first = desk.queue(platform, text="Encore", due=AHEAD)
    desk.hand_over()
    # Another post between them, as Facebook takes no repetition of the newest.
    desk.queue(platform, text="Autre chose", due=AHEAD * 2)
    desk.hand_over()
    with desk.strike.database.write() as session:
        session.execute(update(Delivery).values(hand_off_at=None))
    second = desk.queue(platform, text="Encore", due=AHEAD * 3)
    desk.hand_over()
    desk.pass_time(AHEAD * 4)
    for _ in range(3):
        desk.look()
    seen = {post["id"]: post["at"] for post in desk.sandbox.posts()}
    one, two = desk.strike.row(first), desk.strike.row(second)
    assert (one.state, two.state) == ("published", "published")
    assert seen[one.remote_id] < seen[two.remote_id]


def test_a_platform_that_is_full_is_not_asked_and_the_rest_waits(desk: Desk) -> None:
    midnight = (desk.strike.now + timedelta(days=2)).replace(hour=0, minute=0, second=0)
    for number in range(26):
        due = midnight + timedelta(minutes=number) - desk.strike.now
        desk.queue("mastodon", text=f"Heure {number}", due=due)
        desk.hand_over()
    assert desk.strike.states() == {"handed_off": 25, "scheduled": 1}
    assert desk.claim() == []


def test_a_restored_backup_looks_for_what_was_handed_off_since(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    never = desk.strike.post(f"collectif-{platform}", text="Plus tard", due=AHEAD * 2)[0]
    desk.hand_over()
    with desk.strike.database.write() as session:  # what the backup knows
        before = {"state": "scheduled", "handed_at": None, "scheduled_id": None, "attempts": 0}
        session.execute(update(Delivery).where(Delivery.id == delivery).values(**before))
        session.execute(update(Delivery).values(started_at=None))
    now = desk.strike.now

    def restore(session, *, now, actor) -> None:
        queue.doubt_after_restore(session, look_at=now, now=now, actor=actor)

    desk.strike.do(restore)
    assert desk.strike.claim() == desk.claim() == []
    desk.look()
    assert desk.strike.state(delivery) == "handed_off"
    for _ in range(2):
        desk.look()
        desk.pass_time(timedelta(seconds=1))
    assert desk.strike.state(never) == "scheduled"
    assert desk.strike.row(never).next_at > now


def test_what_is_with_the_platform_cannot_be_edited_and_the_remedy_is_told(desk: Desk) -> None:
    delivery = desk.queue("mastodon")
    desk.hand_over()
    with desk.strike.database.read() as session:
        [job] = queue.select_ids(session, [delivery])
    change = queue.Change(job, "Autrement", job.due_at, job.late_after, "2030-01-01T00:00:00")
    with pytest.raises(IllegalTransition, match=f"posts take-back {delivery}"):
        desk.strike.do(queue.change, [change])


def test_an_answer_that_came_too_late_to_count_keeps_it_from_going_out_again(
    desk: Desk, platform
) -> None:
    delivery = desk.queue(platform)
    [job] = desk.claim()
    with desk.strike.database.write() as session:
        begun = queue.begin_hand_over(session, job, now=desk.strike.now, owner="one")
        queue.recover(session, now=desk.strike.now, actor="two", mine=(), others=(), settle=0)
    copy = Scheduled("4711", job.due_at)
    late = desk.strike.do(queue.handed_off, begun.job, 1, copy, look_at=job.due_at)
    assert (late, desk.strike.state(delivery)) == (False, "uncertain")
    desk.look_now()
    desk.look_now()
    assert desk.strike.state(delivery) == "parked"


def test_a_copy_found_there_once_and_then_gone_is_parked_too(desk: Desk, platform) -> None:
    delivery = desk.queue(platform)
    desk.fault("drop_after", platform)
    desk.hand_over()
    desk.look_now()
    with desk.strike.database.read() as session:
        job = queue.select_ids(session, [delivery])[0]
    assert desk.handoffs._own_scheduler(job).take_back(job.scheduled_id)
    desk.pass_time(AHEAD + timedelta(minutes=1))
    for _ in range(2):
        desk.look_now()
    assert desk.strike.state(delivery) == "parked"


def test_a_platform_that_is_later_than_the_lateness_limit_is_not_waited_for(desk: Desk) -> None:
    delivery = desk.queue("mastodon", limit=timedelta(minutes=10))
    desk.hand_over()
    desk.pass_time(AHEAD + timedelta(minutes=11))
    desk.sandbox_ahead(-timedelta(minutes=20))  # its scheduler is behind
    desk.look()
    assert desk.strike.state(delivery) == "scheduled"
    desk.strike.do(_lapse)
    assert desk.strike.state(delivery) == "missed"
    desk.sandbox_ahead(timedelta())
    assert desk.sandbox.posts() == []


def _lapse(session, *, now, actor) -> None:
    queue.lapse(session, now=now, actor=actor)


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_on_postgresql_a_lost_answer_is_found_verified_and_the_rest_taken_back(
    desk: Desk, platform
) -> None:
    one = desk.queue(platform)
    desk.fault("drop_after", platform)
    desk.hand_over()
    desk.look_now()
    two = desk.queue(platform, due=AHEAD * 2, text="Plus tard")
    desk.hand_over()
    assert (desk.strike.state(one), desk.strike.state(two)) == ("handed_off", "handed_off")
    assert desk.recall(two) == "cancelled"
    desk.pass_time(AHEAD + timedelta(minutes=1))
    desk.look_now()
    assert desk.strike.state(one) == "published"
    assert len(desk.sandbox.posts()) == 1
