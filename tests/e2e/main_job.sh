#!/bin/sh
# The main job as the README has it: 60 s, four servers and 56 clients, caps, chaos, charts.
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

# is DESCRIPTION EXPECTED SQL
is()
{
    tap_is "$1" "$2" "$(fleet_query "$3")"
}

fleet_run run --gen-charts --seed 1
fleet_check_passed "a healthy run passes"
is "4 servers and 56 clients" "4|56" "SELECT sum(role = 'server'), sum(role = 'client') FROM component"
is "every incarnation became ready" 0 "SELECT count(*) FROM incarnation WHERE ready_ns IS NULL"
is "every component moved messages" 60 "SELECT count(DISTINCT component) FROM sample
    JOIN incarnation ON incarnation.id = incarnation WHERE messages_received + messages_sent > 100"
is "deaths are the plan's, or the end's" 0 "SELECT count(*) FROM incarnation
    WHERE reason NOT IN ('chaos', 'stopped') OR reason IS NULL"
is "every unstable component was killed at least twice" 0 "SELECT count(*) FROM component WHERE NOT stable
    AND (SELECT count(*) FROM incarnation WHERE component = component.id AND reason = 'chaos') < 2"
is "no stable one was" 0 "SELECT count(*) FROM incarnation JOIN component ON component.id = component
    WHERE stable AND (number > 1 OR reason = 'chaos')"
is "both signals were used" "9|15" "SELECT group_concat(s, '|') FROM (SELECT DISTINCT ordered_signal AS s
    FROM incarnation WHERE reason = 'chaos' ORDER BY s)"
is "each killed one has a successor" 0 "SELECT count(*) FROM incarnation AS dead WHERE reason = 'chaos'
    AND NOT EXISTS (SELECT 1 FROM incarnation AS next
        WHERE next.component = dead.component AND next.number = dead.number + 1)"
losers="SELECT client.id FROM component AS client JOIN component AS server ON server.id = client.peer
    WHERE client.stable AND NOT server.stable"
is "every stable client of an unstable server lost it" 0 "SELECT count(*) FROM ($losers EXCEPT
    SELECT component FROM event JOIN incarnation ON incarnation.id = incarnation
    WHERE kind LIKE 'loss-%')"
is "and found it again" 0 "SELECT count(*) FROM ($losers EXCEPT
    SELECT component FROM event JOIN incarnation ON incarnation.id = incarnation
    WHERE kind = 'recovered')"
is "no client of a stable server lost it" 0 "SELECT count(*) FROM event
    JOIN incarnation ON incarnation.id = incarnation WHERE kind LIKE 'loss-%' AND ordered_ns IS NULL
    AND component IN (SELECT client.id FROM component AS client
        JOIN component AS server ON server.id = client.peer WHERE server.stable)"
tap_is "a chart for each of the 34 stable components" 34 \
    "$(find "$runs/latest/charts" -name '*stable*.svg' ! -name '*unstable*' ! -name 'summary*' | wc -l)"
tap_check "and a page" test -s "$runs/latest/index.html"

tap_is "nothing is left behind" "" "$(pgrep -f -- "--port $base_port ")"
tap_done
