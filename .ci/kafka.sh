#!/usr/bin/env bash
# Apache Kafka (KRaft) from Maven Central, on this machine's Java, on free ports of the loopback.
#
#   eval "$(.ci/kafka.sh start)"     one broker; sets OPENRIDE_TEST_KAFKA
#   eval "$(.ci/kafka.sh start 3)"   three brokers, replication 3, min.insync.replicas 2
#                                    (each also listens for SASL_SSL and for TLS with a client's certificate:
#                                    OPENRIDE_TEST_KAFKA_SASL_SSL, …_SSL, certificates in …_CERTIFICATES)
#   .ci/kafka.sh kill 2              kill -9 of broker 2 (stop 2: an orderly stop)
#   .ci/kafka.sh resume 2            start it again on its old port and log
#   .ci/kafka.sh stop                stop all and remove their logs
set -euo pipefail
# shellcheck source=.ci/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VERSION=${KAFKA_VERSION:-4.1.1}
JARS="$CACHE/kafka-$VERSION"
HOME_DIR="$STATE/kafka"
JAVA_OPTIONS=(-Xmx512m -XX:+UseSerialGC "-Dlog4j2.configurationFile=$JARS/log4j2.properties" -cp "$JARS/lib/*")

# Kafka logs through SLF4J and its own artifact binds it to nothing: log4j-slf4j-impl does.
write_pom() {
    cat >"$JARS/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>openride.ci</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
XML
}

write_logging() {
    cat >"$JARS/log4j2.properties" <<'CONF'
status = error
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = %d{HH:mm:ss,SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = stdout
CONF
}

install() {
    [ -e "$JARS/complete" ] && return
    command -v mvn >/dev/null || fail "Maven is needed to fetch Kafka $VERSION (Debian: apt install maven)"
    command -v java >/dev/null || fail "Java 17 is needed to run Kafka $VERSION"
    rm -rf "$JARS" && mkdir -p "$JARS"
    write_pom
    write_logging
    mvn -q -B -ntp -f "$JARS/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$JARS/lib" >&2 || fail "Maven could not fetch Kafka $VERSION"
    touch "$JARS/complete"
}

storage_tool() {
    java "${JAVA_OPTIONS[@]}" kafka.tools.StorageTool "$@"
}

# certificate NAME: a key and a certificate of our own authority, NAME.pem has both, as Kafka wants them.
certificate() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
        -extfile <(echo "subjectAltName=IP:127.0.0.1")
    cat "$1.key" "$1.crt" >"$1.pem"
}

write_certificates() {
    command -v openssl >/dev/null || fail "openssl is needed (Debian: apt install openssl)"
    mkdir -p "$HOME_DIR/certificates"
    (
        cd "$HOME_DIR/certificates"
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=OpenRide tests" -keyout ca.key -out ca.pem
        certificate broker
        certificate client
    ) >"$HOME_DIR/openssl.out" 2>&1 || fail "no certificates: $(tail -n 3 "$HOME_DIR/openssl.out")"
}

# write_properties NODE BROKERS PORT CONTROLLER_PORT VOTERS SASL_SSL_PORT SSL_PORT
write_properties() {
    local replicas=$(($2 < 3 ? $2 : 3))
    cat >"$HOME_DIR/$1.properties" <<CONF
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$5
listeners=PLAINTEXT://127.0.0.1:$3,CONTROLLER://127.0.0.1:$4,NAMED://127.0.0.1:$6,CERTIFIED://127.0.0.1:$7
advertised.listeners=NAMED://127.0.0.1:$6,CERTIFIED://127.0.0.1:$7,PLAINTEXT://127.0.0.1:$3
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,NAMED:SASL_SSL,CERTIFIED:SSL
ssl.keystore.type=PEM
ssl.keystore.location=$HOME_DIR/certificates/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$HOME_DIR/certificates/ca.pem
listener.name.certified.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.named.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_openride="of tests";
listener.name.named.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.named.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs=$HOME_DIR/log-$1
# Topics are made by us (one that the broker makes up has its own idea of partitions).
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$((replicas > 1 ? 2 : 1))
offsets.topic.num.partitions=8
offsets.topic.replication.factor=$replicas
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$((replicas > 1 ? 2 : 1))
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=33554432
num.network.threads=2
num.io.threads=4
CONF
}

configure() {
    local brokers=$1 node cluster_id voters="" address="" named="" certified=""
    local -a user=(--add-scram "SCRAM-SHA-512=[name=openride,password=of tests]")
    user+=(--add-scram "SCRAM-SHA-256=[name=openride,password=of tests]")
    local -a ports
    read -r -a ports <<<"$(free_ports $((4 * brokers)))"
    for ((node = 1; node <= brokers; node++)); do
        voters+="${voters:+,}$node@127.0.0.1:${ports[4 * node - 1]}"
        address+="${address:+,}127.0.0.1:${ports[4 * node - 2]}"
        named+="${named:+,}127.0.0.1:${ports[4 * node - 3]}"
        certified+="${certified:+,}127.0.0.1:${ports[4 * node - 4]}"
    done
    write_certificates
    cluster_id=$(storage_tool random-uuid)
    for ((node = 1; node <= brokers; node++)); do
        write_properties "$node" "$brokers" "${ports[4 * node - 2]}" "${ports[4 * node - 1]}" "$voters" \
            "${ports[4 * node - 3]}" "${ports[4 * node - 4]}"
        storage_tool format -t "$cluster_id" -c "$HOME_DIR/$node.properties" "${user[@]}" >/dev/null
    done
    echo "$address" >"$HOME_DIR/address"
    echo "$named" >"$HOME_DIR/named"
    echo "$certified" >"$HOME_DIR/certified"
}

resume() {
    # Its own session, so that a Ctrl-C meant for the caller does not reach it.
    setsid java -Xms256m "${JAVA_OPTIONS[@]}" kafka.Kafka "$HOME_DIR/$1.properties" >>"$HOME_DIR/$1.out" 2>&1 </dev/null &
    echo $! >"$HOME_DIR/$1.pid"
}

# listens NODE: whether the broker accepts connections.
listens() {
    local port
    port=$(sed -nE 's#^advertised.listeners=.*:([0-9]+)$#\1#p' "$HOME_DIR/$1.properties")
    : <"/dev/tcp/127.0.0.1/$port"
}

# answers ADDRESS BROKERS: whether the cluster says that so many brokers are in it.
answers() {
    "$PYTHON" - "$1" "$2" <<'PY'
import asyncio, sys
from aiokafka.admin import AIOKafkaAdminClient

async def brokers(address: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=2000)
    await admin.start()
    try:
        return len((await admin.describe_cluster())["brokers"])
    finally:
        await admin.close()

sys.exit(asyncio.run(brokers(sys.argv[1])) != int(sys.argv[2]))
PY
}

start() {
    local brokers=${1:-1} node
    stop
    install
    mkdir -p "$HOME_DIR"
    configure "$brokers"
    for ((node = 1; node <= brokers; node++)); do resume "$node"; done
    wait_for 60 answers "$(<"$HOME_DIR/address")" "$brokers" || {
        tail -n 30 "$HOME_DIR"/*.out >&2
        stop
        fail "Kafka did not start within 60 s"
    }
    echo "export OPENRIDE_TEST_KAFKA=$(<"$HOME_DIR/address")"
    echo "export OPENRIDE_TEST_KAFKA_SASL_SSL=$(<"$HOME_DIR/named")"
    echo "export OPENRIDE_TEST_KAFKA_SSL=$(<"$HOME_DIR/certified")"
    echo "export OPENRIDE_TEST_KAFKA_CERTIFICATES=$HOME_DIR/certificates"
}

stop() {
    local pidfile
    for pidfile in "$HOME_DIR"/*.pid; do
        [ ! -e "$pidfile" ] || stop_pid "$pidfile" KILL
    done
    rm -rf "$HOME_DIR"
}

case ${1:-} in
install) install ;;
start) start "${2:-1}" ;;
stop) if [ $# -gt 1 ]; then stop_pid "$HOME_DIR/$2.pid"; else stop; fi ;;
kill) stop_pid "$HOME_DIR/${2:?which broker}.pid" KILL ;;
resume)
    resume "${2:?which broker}"
    wait_for 60 listens "$2" || fail "broker $2 did not come back within 60 s"
    ;;
*) fail "start [brokers] | stop [broker] | kill broker | resume broker | install" ;;
esac
