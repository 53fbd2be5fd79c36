"""Feeds a reference from what `openride replay --json-out` has written."""

import base64
import json
from pathlib import Path

from tests.reference.figures import Reference


def load(path: Path, reference: Reference) -> int:
    """Add every record that is not bad; returns how many records were bad."""
    bad = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["bad"] is not None:
                bad += 1
            elif "value_base64" in record:
                reference.add(record["topic"], base64.b64decode(record["value_base64"]))
            else:
                reference.add(record["topic"], record["value"].encode())
    return bad
