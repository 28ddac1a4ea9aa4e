"""Dead letters over REST and on the command line, of a whole evaluator."""

import asyncio
import subprocess
import sys

from evaluator_kit import evaluator
from otlp_kit.judging_sink import Answer, judging_sink, names

POSTED = [{"labels": {"alertname": "Full", "job": job}} for job in ("poison", "disk")]


async def test_what_was_refused_is_listed_with_its_reason_and_sent_once_more_when_it_is_asked_for(tmp_path):
    refuse = lambda records: Answer(422, b"no poison") if "poison" in names(records) else Answer()  # noqa: E731
    async with judging_sink(refuse) as sink:
        export = {"endpoint": sink.url, "protocol": "http/protobuf"}
        async with evaluator(tmp_path, export=export) as (client, addresses):
            admin = {"Authorization": f"Bearer {(tmp_path / 'admin.token').read_text().strip()}"}
            (await client.post("/api/v2/alerts", json=POSTED, headers=admin)).raise_for_status()
            while not (page := (await client.get("/api/performance/dead-letters")).json())["dead_letters"]:
                pass  # asking again is what it waits with
            (letter,) = page["dead_letters"]
            listed = await command("failed", addresses.rest)
            anonymous = await client.post("/api/performance/dead-letters/replay", json={"reason": "mended"})
            sink.judge = lambda _: Answer()
            token = str(tmp_path / "admin.token")
            replayed = await command(
                "replay", addresses.rest, str(letter["id"]), "--why", "mended", "--by", "ann", "--token-file", token
            )
            while "poison" not in names(sink.taken):
                await client.get("/-/healthy")
            left = (await client.get("/api/performance/dead-letters")).json()
            (entry,) = (await client.get("/api/performance/audit", params={"limit": 1}, headers=admin)).json()[
                "entries"
            ]
    assert {key: letter[key] for key in ("receiver", "what", "attempts", "uncertain", "status")} == {
        "receiver": "otlp",
        "what": "firing",
        "attempts": letter["attempts"],
        "uncertain": False,
        "status": "422",
    }
    assert listed.endswith("answers 422: no poison\nSend them again: lapbell notify replay ID… or --all\n")
    assert anonymous.status_code == 401
    assert replayed == "1 wait for delivery again\n"
    assert sorted(names(sink.taken)) == ["disk", "poison"]
    assert left == {"dead_letters": [], "next": None}
    del entry["at"]
    assert entry == {"actor": "ann (admin)", "action": "replay", "target": str(letter["id"]), "why": "mended"}


async def command(verb: str, rest: str, *arguments: str) -> str:
    """What `lapbell notify …` prints."""
    line = [sys.executable, "-m", "lapbell_evaluator", "notify", verb, "--url", f"http://{rest}", *arguments]
    done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, check=True)
    return done.stdout
