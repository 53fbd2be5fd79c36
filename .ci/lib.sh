# Shared by the scripts beside it; sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE="$ROOT/.ci/cache"
# Where running services keep their files. The servers drop root, so it cannot lie in a private folder.
STATE=${OPENRIDE_SERVICES:-${TMPDIR:-/tmp}/openride-services-$(id -u)}
PYTHON=${PYTHON:-$ROOT/.venv/bin/python}

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# free_ports N: N different free ports of the loopback, all held while they are chosen.
free_ports() {
    "$PYTHON" - "$1" <<'PY'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in held))
PY
}

# wait_for SECONDS COMMAND...: until the command succeeds; false when the time is over.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# unprivileged COMMAND...: as nobody when we are root (PostgreSQL refuses root), else as we are.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups env HOME="$STATE" "$@"
    else
        "$@"
    fi
}

# own_folder DIR: an empty folder that only the unprivileged servers can read.
own_folder() {
    mkdir -p "$STATE"
    chmod 755 "$STATE"
    rm -rf "$1"
    mkdir -m 700 "$1"
    [ "$(id -u)" != 0 ] || chown nobody "$1"
}

# alive PIDFILE: whether the server that wrote it still runs.
alive() {
    [ -s "$1" ] && kill -0 "$(head -n 1 "$1")" 2>/dev/null
}

# stop_pid PIDFILE [SIGNAL]: stop it, by force after 15 s; quiet when it is gone already.
stop_pid() {
    local pid
    [ -s "$1" ] || return 0
    pid=$(head -n 1 "$1")
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    wait_for 15 eval "! kill -0 $pid" || kill -s KILL "$pid" 2>/dev/null || true
    rm -f "$1"
}
