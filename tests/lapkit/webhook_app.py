"""A webhook app as users write them, for servers that the tests start."""

import os
import time

import redis
from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, Request

import lapbell

app = FastAPI()
if os.environ.get("APP_SETUP", "yes") == "yes":
    ratio = os.environ.get("APP_RATIO")
    lapbell.setup(app, provider="twilio", redis=True, sample_ratio=float(ratio) if ratio else None)
client = redis.Redis.from_url(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else None


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


@lapbell.phase("signature_validation")
def check(signature: str) -> None:
    """Refuse what is not signed."""
    if signature == "wrong":
        raise HTTPException(401)


@app.post("/webhook/{name}")
def webhook(name: str, tasks: BackgroundTasks, x_signature: str = Header("right"), slow: float = 0) -> dict[str, str]:
    """Answer after `slow` seconds."""
    check(x_signature)
    tasks.add_task(time.sleep, 0.001)
    with lapbell.phase("cache_lookup"):
        time.sleep(slow)
        if client is not None:
            client.get(f"cache:{name}")
    return {"worker": str(os.getpid())}


@app.post("/broken/{secret}")
async def broken(secret: str, request: Request) -> None:
    """Fail with everything personal in the error."""
    body = (await request.body()).decode()
    with lapbell.phase("validation"):
        if client is not None:
            client.set(f"key:{secret}", body)
            try:
                client.execute_command("NOSUCH", secret, body)  # type: ignore[no-untyped-call] # redis leaves it untyped
            except redis.ResponseError:
                client.lpush(f"key:{secret}", body)
        raise ValueError(f"cannot handle {body}")
