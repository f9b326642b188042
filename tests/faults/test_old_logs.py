"""The request log of a node that was away for a while."""

from datetime import timedelta

from openehc.kernel.clock import SystemClock, china_day
from tests.support.node import Processes
from tests.support.waiting import until


async def test_a_day_that_ended_meanwhile_is_put_away_at_the_start(own_demo: Processes) -> None:
    logs = own_demo.data / "logs"
    day = china_day(SystemClock().now()) - timedelta(days=3)
    own_demo.stop()
    (logs / "requests.jsonl").write_text(f'{{"at":"{day}T04:00:00Z"}}\n', "utf-8")

    own_demo.start()

    await until((logs / f"requests-{day}.jsonl").exists)
