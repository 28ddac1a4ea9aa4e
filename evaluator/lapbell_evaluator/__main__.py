"""The command `lapbell`."""

import sys
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

_NEEDED: Final = ("typer", "rich", "httpx", "fastapi", "numpy", "sqlalchemy")


def main() -> None:
    """Runs the command line; without the evaluator extra, says which line installs it."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The command lapbell needs the evaluator, which is not installed ({', '.join(missing)} missing).\n"
            "Install it: pip install 'lapbell[evaluator]'\n"
        )
        sys.exit(2)
    from lapbell_evaluator.cli import run  # noqa: PLC0415 # typer may be missing until here

    run()


if __name__ == "__main__":
    main()
