"""Imports that a test hands in and waits for. Holds no test."""

from typing import Any

import httpx

from tests.support.waiting import until_told


async def imported(
    client: httpx.AsyncClient, register: str, data: bytes | str, *, mode: str = "approve",
    name: str = "医院.xlsx",
) -> dict[str, Any]:  # fmt: skip
    """The job at its end."""
    answer = await client.post(
        f"/api/imports/{register}", files={"file": (name, data)}, data={"mode": mode}
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()

    async def ended() -> bool:
        job.update((await client.get(f"/api/imports/{register}/{job['id']}")).json())
        return job["state"] in {"done", "failed"}

    await until_told(ended, seconds=60)
    return job


def figures(job: dict[str, Any]) -> tuple[int, ...]:
    """Its rows: all, done, new, unchanged, failed."""
    return tuple(job[f"rows_{name}"] for name in ("total", "done", "new", "unchanged", "failed"))
