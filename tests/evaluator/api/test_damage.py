"""A whole evaluator on damaged files: it starts, evaluates, and says what it found."""

import sqlite3

import httpx

from evaluator_kit import evaluator, feed, firing, get


async def test_on_damaged_files_it_starts_alerts_fire_and_the_damage_is_told(tmp_path):
    async with evaluator(tmp_path) as (client, addresses):
        await feed(client, addresses)
        await firing(client, "WebhookErrorRate")
    history = tmp_path / "history.db"
    history.write_bytes(b"not a database" * 999)
    connection = sqlite3.connect(tmp_path / "alerts.db")
    connection.executescript("UPDATE alerts SET payload = 'rubbish' WHERE rowid = (SELECT min(rowid) FROM alerts)")
    connection.close()
    async with evaluator(tmp_path) as (client, addresses):
        await feed(client, addresses)
        await firing(client, "WebhookErrorRate")
        stores = await damaged_stores(client)
        ready = await client.get("/-/ready")
        metrics = (await client.get("/metrics")).text
    assert stores == {"alerts", "history"}
    assert ready.status_code == 200
    assert 'lapbell_data_damaged{lapbell_data_store="alerts"} 1.0' in metrics
    assert 'lapbell_data_damaged{lapbell_data_store="history"} 1.0' in metrics
    assert len([*tmp_path.glob("history.db.damaged-*Z")]) == 1


async def damaged_stores(client: httpx.AsyncClient) -> set[str]:
    """The stores that LapbellDataDamaged fires for, once there are two."""
    while True:
        alerts = (await get(client, "/api/performance/alerts"))["alerts"]
        fired = [alert for alert in alerts if alert["alertname"] == "LapbellDataDamaged" and alert["state"] == "firing"]
        if len(fired) > 1:
            return {alert["labels"]["lapbell_data_store"] for alert in fired}
