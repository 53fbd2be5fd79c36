#!/usr/bin/env bash
# A server that speaks S3 and checks signatures (moto), on a free port of the loopback, in memory. It has an
# environment of its own: what it needs is nothing to the project.
#
#   eval "$(.ci/s3.sh start)"   sets OPENRIDE_TEST_S3 (http://key:secret@host:port/bucket)
#   .ci/s3.sh stop
set -euo pipefail
# shellcheck source=.ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

HOME_DIR="$STATE/s3"
# boto3 comes along, which makes the user.
WANTED=("moto[s3]==5.2.5" "flask==3.1.3" "flask-cors==6.0.5")
# Requests that make the user and may come unsigned: the third gives it its rights.
UNSIGNED=3

start() {
    local port own="$HOME_DIR/env/bin/python"
    [ -x "$PYTHON" ] || fail "there is no .venv (make setup)"
    stop
    own_folder "$HOME_DIR"
    "$PYTHON" -m venv "$HOME_DIR/env" 2>/dev/null || fail "this Python cannot make environments"
    "$PYTHON" -m uv pip install --quiet --python "$own" "${WANTED[@]}" 2>"$HOME_DIR/log" \
        || "$own" -m pip install --quiet --disable-pip-version-check "${WANTED[@]}" 2>"$HOME_DIR/log" \
        || fail "moto could not be installed: $(tail -n 3 "$HOME_DIR/log")"
    port=$(free_ports 1)
    INITIAL_NO_AUTH_ACTION_COUNT=$UNSIGNED nohup "$HOME_DIR/env/bin/moto_server" -H 127.0.0.1 -p "$port" \
        >"$HOME_DIR/log" 2>&1 </dev/null &
    echo $! >"$HOME_DIR/pid"
    wait_for 30 curl -fs -o /dev/null "http://127.0.0.1:$port/moto-api/data.json" || {
        tail -n 30 "$HOME_DIR/log" >&2
        fail "the S3 server did not start within 30 s"
    }
    "$own" - "$port" <<'PYTHON'
import sys

import boto3

address = f"127.0.0.1:{sys.argv[1]}"
given = {"endpoint_url": f"http://{address}", "region_name": "us-east-1"}
iam = boto3.client("iam", aws_access_key_id="nobody", aws_secret_access_key="nothing", **given)
iam.create_user(UserName="openride")
key = iam.create_access_key(UserName="openride")["AccessKey"]
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
iam.put_user_policy(UserName="openride", PolicyName="files", PolicyDocument=policy)
own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
boto3.client("s3", **own, **given).create_bucket(Bucket="files")
secret = key["SecretAccessKey"].replace("%", "%25").replace("/", "%2F").replace("+", "%2B")
print(f"export OPENRIDE_TEST_S3=http://{key['AccessKeyId']}:{secret}@{address}/files")
PYTHON
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
