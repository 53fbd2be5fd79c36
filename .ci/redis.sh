#!/usr/bin/env bash
# A Redis of our own, beside any system service, in memory, on a free port of the loopback.
#
#   eval "$(.ci/redis.sh start)"   sets OPENRIDE_TEST_REDIS
#   .ci/redis.sh stop
set -euo pipefail
# shellcheck source=.ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HOME_DIR="$STATE/redis"

start() {
    local port
    command -v redis-server >/dev/null || fail "Redis is not installed (Debian: apt install redis-server)"
    stop
    own_folder "$HOME_DIR"
    port=$(free_ports 1)
    unprivileged redis-server --bind 127.0.0.1 --port "$port" --dir "$HOME_DIR" --daemonize yes \
        --pidfile "$HOME_DIR/pid" --logfile "$HOME_DIR/log" --save "" --appendonly no --maxmemory 128mb >/dev/null
    wait_for 15 redis-cli -p "$port" ping || {
        tail -n 30 "$HOME_DIR/log" >&2
        fail "Redis did not start within 15 s"
    }
    echo "export OPENRIDE_TEST_REDIS=redis://127.0.0.1:$port/0"
}

stop() {
    stop_pid "$HOME_DIR/pid"
    rm -rf "$HOME_DIR"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*) fail "start | stop" ;;
esac
