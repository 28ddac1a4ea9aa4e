"""`lapbell test rules` runs in editors and hooks: it starts without servers and databases."""

import subprocess
import sys

NEEDLESS = ("alembic", "fastapi", "grpc", "sqlalchemy", "starlette", "uvicorn")


def test_the_room_of_rule_tests_loads_no_server_and_no_database():
    answer = subprocess.run(
        [sys.executable, "-c", "import lapbell_evaluator.rule_tests, sys; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    packages = {name.partition(".")[0] for name in answer.stdout.split()}
    assert {"lapbell_evaluator", "numpy"} <= packages
    assert packages.isdisjoint(NEEDLESS), sorted(packages.intersection(NEEDLESS))
