#!/bin/sh
# Checkpoints of real programs, cleartext and TLS: at rest a component that does not leak holds the same
# bytes each time, to the byte; one that leaks does not. What is left when all is closed is little more than
# before the first connection.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

cat >"$TAP_DIR/scenario.yaml" <<EOF
name: checkpoints
seed: 42
servers:
  - {name: plain}
  - {name: secure, secure: true}
  - {name: leaky, secure: true}
clients:
  - {name: p, server: plain, patterns: all}
  - {name: s, server: secure, patterns: all}
  - {name: l, server: leaky, patterns: [non-streaming-many-connections, client-stream-many-calls]}
EOF

# Of the clients that were held back, the incarnations that were at rest when that began.
held="(select h.from_ns, h.to_ns, r.incarnation from hold h
    join checkpoint k on h.from_ns between k.start_ns and k.end_ns
    join reading r on r.checkpoint = k.id and r.valid
    join incarnation i on i.id = r.incarnation and i.component = h.component)"

# The name and the spread of live bytes over the valid readings at rest of each component that $1 picks.
spread()
{
    fleet_query "select name, max(r.live) - min(r.live) from reading r
        join checkpoint k on k.id = r.checkpoint and k.kind = 'rest'
        join incarnation i on i.id = r.incarnation join component c on c.id = i.component
        where r.valid and name $1 group by name having max(r.live) - min(r.live) $2"
}

fleet_run run --scenario "$TAP_DIR/scenario.yaml" --duration 12s --inject-leak leaky=call:64/10 \
    --inject-leak l-non-streaming-many-connections=connection:64/10
tap_matches "a short run has room for fewer" "a run of 12 s has room for 5 checkpoints, not 10" \
    "$TAP_DIR/run.err"
tap_is "so many there are, and one when all is closed" "rest rest rest rest rest closed" \
    "$(fleet_query "select kind from checkpoint order by id" | tr '\n' ' ' | sed 's/ $//')"
tap_is "every component has been seen at rest more than once" 0 \
    "$(fleet_query "select count(*) from component c where (select count(*) from reading r
        join checkpoint k on k.id = r.checkpoint and k.kind = 'rest'
        join incarnation i on i.id = r.incarnation where r.valid and i.component = c.id) < 2")"
tap_is "no pause was longer than it may be, but for when the driver itself stood still" 0 \
    "$(fleet_query "select count(*) from checkpoint where kind = 'rest' and end_ns - start_ns > 700000000 +
        (select max(lateness) from sample where time_ns between start_ns and end_ns + 1000000000)")"
tap_is "who does not leak holds the same bytes each time" "" \
    "$(spread "not in ('leaky', 'l-non-streaming-many-connections')" "> 0")"
tap_is "who leaks does not" 2 \
    "$(spread "in ('leaky', 'l-non-streaming-many-connections')" ">= 64" | wc -l)"
tap_is "what was held back sent nothing meanwhile" 0 \
    "$(fleet_query "select count(*) from (select 1 from $held h join sample s on s.incarnation = h.incarnation
            and s.time_ns between h.from_ns + 300000000 and h.to_ns
        group by h.incarnation, h.from_ns having max(messages_sent) > min(messages_sent))")"
tap_check "and something was" test "$(fleet_query "select count(*) from $held")" -gt 0
tap_is "all is closed in the end" 0 \
    "$(fleet_query "select count(*) from reading r join checkpoint k on k.id = r.checkpoint
        where k.kind = 'closed' and (not r.valid or r.connections <> 0)")"
tap_is "of everybody" 21 \
    "$(fleet_query "select count(*) from reading r join checkpoint k on k.id = r.checkpoint
        where k.kind = 'closed'")"
tap_is "who does not leak has little more left than at boot" 1 \
    "$(fleet_query "select max(r.live - r.live_boot) < 65536 from reading r
        join checkpoint k on k.id = r.checkpoint and k.kind = 'closed'
        join incarnation i on i.id = r.incarnation join component c on c.id = i.component
        where name not in ('leaky', 'l-non-streaming-many-connections')")"

tap_run charts "$DRIVER" charts "$runs/latest"
tap_matches "on a chart they are dots" "[2-5] dots: live bytes at rest, at the checkpoints" \
    "$runs/latest/charts/secure.svg"
tap_done
