#!/bin/sh
# A short run of the whole fleet under all nemeses (by this seed each kind is among the first three of some
# server and its clients): each kind is ordered, and its effect seen and recorded;
# what they do to connections is nobody's fault. And whoever is frozen when the run ends ends with it.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

fleet_run run --seed 36 --duration 16s --checkpoints 1 --allow-inconclusive --nemesis all --nemesis-after 200ms,600ms
tap_is "the fleet stays healthy" 0 "$TAP_STATUS"
tap_matches "the plan is told" "nemesis: [0-9.]+ s after the beginning +[a-z-]+ +[a-z]+-" "$TAP_DIR/run.err"
kinds=$(fleet_query "select count(distinct kind) from fault where observed")
tap_is "all nine took effect" 9 "$kinds"
fleet_query "select kind, count(*), sum(observed) from fault group by kind" | sed 's/^/# /'
tap_is "each effect came after its order, and is said" 0 \
    "$(fleet_query "select count(*) from fault where observed and
        (effect_ns < ordered_ns or effect is null or length(effect) < 10)")"
tap_is "servers and clients were befallen" "client server" \
    "$(fleet_query "select distinct role from fault join component c on c.id = component order by 1" |
        tr '\n' ' ' | sed 's/ $//')"
tap_is "every client that was reset, turned away or heard nothing came back" 0 \
    "$(fleet_query "select count(*) from event e
        where kind in ('loss-reset', 'loss-goaway', 'loss-timeout') and not exists
        (select 1 from event r where r.incarnation = e.incarnation and r.kind = 'recovered'
        and r.time_ns > e.time_ns) and time_ns < (select value from meta where key = 'stop_ns') - 5e9")"
tap_is "nothing died of it" "stopped" "$(fleet_query "select distinct reason from incarnation")"

tap_is "none while everybody was at rest" 0 \
    "$(fleet_query "select count(*) from fault f join checkpoint k
        where ordered_ns between frozen_ns and k.end_ns and k.kind = 'rest'")"
tap_is "a checkpoint was taken" 1 "$(fleet_query "select count(*) from checkpoint where kind = 'rest'")"

fleet_start frozen --duration 600s --nemesis freeze --nemesis-after 100ms,100ms
tap_check "somebody is frozen" tap_wait_for 10 pgrep -P "$TAP_PID" --runstates T
tap_stop "$TAP_PID"
tap_is "interrupted" 130 "$TAP_STATUS"
tap_is "and stopped in order, the frozen too" "stopped|0" \
    "$(fleet_query "select distinct reason, exit_code from incarnation")"
fleet_check_gone frozen

tap_run bad "$DRIVER" --nemesis freeze,frost
tap_is "an unknown nemesis is a usage error" 2 "$TAP_STATUS"
tap_matches "which names it" "'frost' is no nemesis" "$TAP_DIR/bad.err"
tap_done
