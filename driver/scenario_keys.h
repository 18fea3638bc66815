/*
 * What a scenario file may hold: one table per mapping, which makes the reader, and the tables of
 * docs/scenario.md (driver scenario --print-reference). Columns: key, whether it must be there, the
 * function that takes it, and for the page its value and what is without it.
 */
#ifndef FLATLINE_DRIVER_SCENARIO_KEYS_H
#define FLATLINE_DRIVER_SCENARIO_KEYS_H

#define SCENARIO_KEY_TABLE(X)                                                                      \
    X("name", false, take_scenario_name, "a word for reports", "none")                             \
    X("duration", false, take_duration, "how long to run once everything is ready: `60s`, `5m`",   \
      "60s")                                                                                       \
    X("sample-interval", false, take_sample_interval,                                              \
      "between two looks at every process, `10ms` to `10s`", "100ms")                              \
    X("seed", false, take_seed, "of the chaos plan: the same seed gives the same kills", "random") \
    X("checkpoints", false, take_checkpoints,                                                      \
      "how often all traffic pauses shortly, so that live bytes are [read at rest](methods.md): "  \
      "0 (never) to 10000",                                                                        \
      "10")                                                                                        \
    X("chaos-after", false, take_chaos_after,                                                      \
      "`[16s, 20s]`: when an unstable process is killed, from its ready; it is started once a "    \
      "second at most",                                                                            \
      "`[16s, 20s]`")                                                                              \
    X("nemesis", false, take_nemesis,                                                              \
      "[what befalls](nemeses.md) the fleet besides kills: `all`, or `[freeze, reset]`", "none")   \
    X("nemesis-after", false, take_nemesis_after,                                                  \
      "`[3s, 6s]`: so long after one the next one comes", "`[3s, 6s]`")                            \
    X("limits", false, take_limits, "what the gate judges by, see [below](#limits)",               \
      "the defaults")                                                                              \
    X("servers", true, take_servers, "a list of servers", "must be there")                         \
    X("clients", true, take_clients, "a list of clients", "must be there")

/* A server, in the order in which they are taken. */
#define SERVER_KEY_TABLE(X)                                                                        \
    X("name", true, take_name, "up to 63 letters, digits, `-`, `_` and `.`", "must be there")      \
    X("count", false, take_count,                                                                  \
      "so many of them: NAME-1, NAME-2 and so on, on consecutive ports", "one, NAME")              \
    X("command", false, take_command,                                                              \
      "somebody else's program, see [below](#other-peoples-programs)", "our own")                  \
    X("arguments", false, take_arguments,                                                          \
      "a list of words that our own program gets besides, such as `[--relay-queue, 4096]`",        \
      "none")                                                                                      \
    X("env", false, take_env, "a list of `NAME=VALUE`, added to the environment", "nothing added") \
    X("ready", false, take_ready,                                                                  \
      "how it is known to be ready: `page`, `tcp`, `health`, `start`, or a mapping",               \
      "see [below](#ready)")                                                                       \
    X("coverage", false, take_coverage,                                                            \
      "of a command: how much of its heap the [preload shim](foreign.md) counts, `exact`, "        \
      "`native` or `none`",                                                                        \
      "`none`: no shim")                                                                           \
    X("kill", false, take_kill,                                                                    \
      "what chaos kills it with: `SIGTERM`, `SIGKILL`, or `both` in turn", "`both`")               \
    X("port", false, take_port, "where it listens on 127.0.0.1", "`--base-port` and up")           \
    X("secure", false, take_secure, "`true`: TLS, with the run's own certificate", "`false`")      \
    X("stable", false, take_stable, "`false`: chaos kills it and starts it again", "`true`")       \
    X("service", false, take_service,                                                              \
      "what its clients call: `flatline`, `benchmark` or `interop`", "`flatline`")                 \
    X("threads", false, take_threads, "event loops of our own server, each on a thread", "1")      \
    X("cap", false, take_cap, "its heap cap", "ours: as calibrated; a command: none")

#define CLIENT_KEY_TABLE(X)                                                                        \
    X("name", true, take_name, "as a server's", "must be there")                                   \
    X("count", false, take_count, "so many of each: NAME-1, NAME-2 and so on", "one")              \
    X("command", false, take_command,                                                              \
      "somebody else's program, see [below](#other-peoples-programs)", "our own")                  \
    X("arguments", false, take_arguments,                                                          \
      "a list of words for our own client, instead of a pattern: `[--routine, peer, --peers, "     \
      "20]`",                                                                                      \
      "a pattern's")                                                                               \
    X("env", false, take_env, "a list of `NAME=VALUE`, added to the environment", "nothing added") \
    X("ready", false, take_ready,                                                                  \
      "how it is known to be ready: `page`, `tcp`, `health`, `start`, or a mapping",               \
      "see [below](#ready)")                                                                       \
    X("coverage", false, take_coverage,                                                            \
      "of a command: how much of its heap the [preload shim](foreign.md) counts, `exact`, "        \
      "`native` or `none`",                                                                        \
      "`none`: no shim")                                                                           \
    X("kill", false, take_kill,                                                                    \
      "what chaos kills it with: `SIGTERM`, `SIGKILL`, or `both` in turn", "`both`")               \
    X("server", true, take_server, "the name of the server that it talks to", "must be there")     \
    X("stable", false, take_stable, "`false`: chaos kills it and starts it again", "`true`")       \
    X("service", false, take_service, "what it calls ([which can express what](interop.md))",      \
      "its server's")                                                                              \
    X("pattern", false, take_pattern, "what our client does all the time",                         \
      "this, `patterns`, `arguments` or `command`")                                                \
    X("patterns", false, take_patterns, "`all`, or a list: a client for each, named NAME-PATTERN", \
      "")                                                                                          \
    X("cap", false, take_cap, "its heap cap", "ours: as calibrated; a command: none")

#define READY_KEY_TABLE(X)                                                                        \
    X("by", false, take_ready_by,                                                                 \
      "`page`: our own programs say so themselves. `tcp`: a connection to the port is accepted. " \
      "`health`: `grpc.health.v1.Health` answers SERVING. `start`: it was executed",              \
      "ours: `page`; a server by command: `tcp`; a client by command: `start`")                   \
    X("timeout", false, take_ready_timeout, "not ready by then: the run fails", "20s")

#define CAP_KEY_TABLE(X)                                                           \
    X("kind", true, take_cap_kind,                                                 \
      "`data`: RLIMIT_DATA, which caps private writable memory; `cgroup`; `none`", \
      "must be there")                                                             \
    X("size", false, take_cap_size, "`64M`", "must be there, but for `none`")

#endif
