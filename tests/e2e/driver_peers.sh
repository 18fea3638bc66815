#!/bin/sh
# Peers of routines in a fleet: a short run of the example with chaos, in which nobody fails.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

fleet_run peers --scenario "$top_srcdir/examples/peers.yaml" --seed 42 --duration 8s --chaos-after 2s,3s \
    --checkpoints 3 --allow-inconclusive
tap_is "nobody fails" 0 "$TAP_STATUS"
[ "$TAP_STATUS" = 0 ] || sed 's/^/# /' "$TAP_DIR/peers.out" "$TAP_DIR/peers.err" "$runs"/latest/logs/peers*.log
tap_is "peers and a broker are killed" "broker-unstable peers-unstable" \
    "$(fleet_query "select group_concat(name, ' ') from (select distinct name from incarnation join component
        on component.id = component where reason = 'chaos' order by name)")"
tap_is "peers fall quiet and are read at rest" 1 \
    "$(fleet_query "select count(*) > 0 from reading join incarnation on incarnation.id = incarnation
        join component on component.id = component where valid and name like 'peers%'")"
tap_is "the losses of those who were left alone are counted" 1 \
    "$(fleet_query "select count(*) >= 20 from event join incarnation on incarnation.id = incarnation
        join component on component.id = component where name = 'peers-secure' and kind like 'loss-%'")"
tap_is "a peer bears its component's name" 3 \
    "$(fleet_query "select count(*) from component where command like '% --peer ' || name")"
tap_done
