"""What a notebook pays for the client: httpx and pydantic, nothing of the server, pandas only when asked."""

import json
import subprocess
import sys

HEAVY = {"agents", "aiochclient", "aiohttp", "aiokafka", "chdb", "faust", "mode", "numba", "numpy", "pandas"}
HEAVY |= {"redis", "sqlalchemy", "tables", "web"}
SCRIPT = "import json, sys, openride_stream.client; print(json.dumps(sorted(sys.modules)))"


def test_it_imports_nothing_heavy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(run.stdout))
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    own = {name.split(".")[1] for name in loaded if name.startswith("openride_stream.")}
    assert own == {"api", "client", "errors", "events"}
    assert {name for name in loaded if name.startswith("openride_stream.events.")} == {
        "openride_stream.events.topics"
    }
