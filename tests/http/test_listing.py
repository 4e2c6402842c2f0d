"""A list shows exactly what it is asked for, by whichever index it is found, in pages of any size."""

from itertools import product
from typing import Any

from tests.fix_api import Api


def listed(api: Api, limit: int, **query: Any) -> list[int]:
    """Every page of it, one after the other."""
    found: list[int] = []
    cursor = None
    while True:
        wanted = {**query, "limit": limit, **({"cursor": cursor} if cursor else {})}
        page = api.get("/jobs", **{name: value for name, value in wanted.items() if value})
        found += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            return found


def test_every_combination_of_filters_shows_what_it_should(api: Api) -> None:
    wishes = [
        {"script": "true", "user_name": user, "name": name, "hold": True}
        for user, name in product(("alice", "bob"), ("a", "b", "c"))
        for _ in range(3)
    ]
    assert api.post("/jobs/submit/batch", {"jobs": wishes}).status_code == 201
    for job_id in range(2, 19, 3):
        api.post(f"/jobs/{job_id}/cancel")
    everything = api.get("/jobs")["jobs"]
    assert len(everything) == 18
    states = (None, "PENDING", "CANCELLED", "RUNNING,CANCELLED", "PENDING,RUNNING", "final", "PENDING,final")
    for state, user, name in product(states, (None, "alice", "nobody"), (None, "b")):
        meant = None if state is None else set(state.replace("final", "CANCELLED").split(","))
        expected = [
            job["id"]
            for job in everything
            if (meant is None or job["state"] in meant)
            and (user is None or job["user_name"] == user)
            and (name is None or job["name"] == name)
        ]
        for limit, fold in product((2, 100), (None, "array")):
            assert listed(api, limit, state=state, user_name=user, name=name, fold=fold) == expected, (
                state,
                user,
                name,
            )


def test_a_full_last_page_says_that_it_is_the_last(api: Api) -> None:
    api.register(cpus=4)
    for pid in range(1, 5):
        api.start(api.submit(), pid=pid)
    head = api.get("/events", limit=1)["head"]["position"]
    for path, name in (("/jobs", "jobs"), ("/allocations", "allocations"), ("/pids", "processes")):
        moments: list[dict[str, Any]] = [{}] if path == "/pids" else [{}, {"as_of": head}]
        for moment in [*moments, *([{"fold": "array"}] if path == "/jobs" else [])]:
            first = api.get(path, limit=2, **moment)
            last = api.get(path, limit=2, cursor=first["next"], **moment)
            assert (len(first[name]), len(last[name]), last["next"]) == (2, 2, None), (path, moment)
            assert api.get(path, limit=4, **moment)["next"] is None
