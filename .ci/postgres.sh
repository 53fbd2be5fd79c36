#!/usr/bin/env bash
# A PostgreSQL cluster of our own, beside any system service, on a free port of the loopback.
#
#   eval "$(.ci/postgres.sh start)"   sets OPENRIDE_TEST_POSTGRES
#   .ci/postgres.sh stop              stops it and removes its files
set -euo pipefail
# shellcheck source=.ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HOME_DIR="$STATE/postgres"
# Debian keeps the server's programs out of PATH, one folder a version.
BIN=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$BIN" ] || BIN=$(dirname "$(command -v initdb || echo /missing/initdb)")

start() {
    local port
    [ -x "$BIN/initdb" ] || fail "PostgreSQL is not installed (Debian: apt install postgresql)"
    stop
    own_folder "$HOME_DIR"
    port=$(free_ports 1)
    unprivileged "$BIN/initdb" -D "$HOME_DIR/cluster" -U openride --auth=trust --encoding=UTF8 --locale=C >/dev/null
    # Nothing here outlives the tests, so nothing has to reach the disk.
    unprivileged "$BIN/pg_ctl" -D "$HOME_DIR/cluster" -l "$HOME_DIR/log" -w -t 60 -s start -o \
        "-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories= -c fsync=off" >&2 || {
        tail -n 30 "$HOME_DIR/log" >&2
        fail "PostgreSQL did not start"
    }
    echo "export OPENRIDE_TEST_POSTGRES=postgresql+asyncpg://openride@127.0.0.1:$port/postgres"
}

stop() {
    # INT is PostgreSQL's fast shutdown: open connections are not waited for.
    stop_pid "$HOME_DIR/cluster/postmaster.pid" INT
    rm -rf "$HOME_DIR"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) fail "start | stop" ;;
esac
