"""The engine's configuration file, written into its folder at every start."""

import os
from pathlib import Path
from typing import Final

_CONFIG: Final = """\
<clickhouse>
    <max_server_memory_usage>{memory_limit_bytes}</max_server_memory_usage>
    <!-- An acknowledged insert survives the loss of power, not only of the process. -->
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
    </merge_tree>
    <query_log>
        <database>system</database>
        <table>query_log</table>
        <flush_interval_milliseconds>7500</flush_interval_milliseconds>
        <ttl>event_date + INTERVAL 3 DAY DELETE</ttl>
    </query_log>
    <!-- Second lock behind the statement policy: no host matches, so url() and s3() reach nothing. -->
    <remote_url_allow_hosts>
        <host>none.invalid</host>
    </remote_url_allow_hosts>
</clickhouse>
"""


def default_memory_limit_bytes() -> int:
    """Half of the machine's memory: the broker, the workers and the page cache live here too."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def write_config(folder: Path, memory_limit_bytes: int) -> Path:
    """Write the file and return its path."""
    path = folder / "engine.xml"
    path.write_text(_CONFIG.format(memory_limit_bytes=memory_limit_bytes), encoding="utf-8")
    return path
