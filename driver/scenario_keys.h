/*
 * What a scenario file may hold: one table per mapping, which makes the reader, and which
 * docs/scenario.md is checked against. Columns: key, whether it must be there, the function that
 * takes it.
 */
#ifndef FLATLINE_DRIVER_SCENARIO_KEYS_H
#define FLATLINE_DRIVER_SCENARIO_KEYS_H

#define SCENARIO_KEY_TABLE(X)                         \
    X("name", false, take_scenario_name)              \
    X("duration", false, take_duration)               \
    X("sample-interval", false, take_sample_interval) \
    X("seed", false, take_seed)                       \
    X("checkpoints", false, take_checkpoints)         \
    X("chaos-after", false, take_chaos_after)         \
    X("nemesis", false, take_nemesis)                 \
    X("nemesis-after", false, take_nemesis_after)     \
    X("limits", false, take_limits)                   \
    X("servers", true, take_servers)                  \
    X("clients", true, take_clients)

/* A server, in the order in which they are taken. */
#define SERVER_KEY_TABLE(X)               \
    X("name", true, take_name)            \
    X("count", false, take_count)         \
    X("command", false, take_command)     \
    X("arguments", false, take_arguments) \
    X("env", false, take_env)             \
    X("ready", false, take_ready)         \
    X("coverage", false, take_coverage)   \
    X("kill", false, take_kill)           \
    X("port", false, take_port)           \
    X("secure", false, take_secure)       \
    X("stable", false, take_stable)       \
    X("service", false, take_service)     \
    X("threads", false, take_threads)     \
    X("cap", false, take_cap)

#define CLIENT_KEY_TABLE(X)               \
    X("name", true, take_name)            \
    X("count", false, take_count)         \
    X("command", false, take_command)     \
    X("arguments", false, take_arguments) \
    X("env", false, take_env)             \
    X("ready", false, take_ready)         \
    X("coverage", false, take_coverage)   \
    X("kill", false, take_kill)           \
    X("server", true, take_server)        \
    X("stable", false, take_stable)       \
    X("service", false, take_service)     \
    X("pattern", false, take_pattern)     \
    X("patterns", false, take_patterns)   \
    X("cap", false, take_cap)

#define READY_KEY_TABLE(X)        \
    X("by", false, take_ready_by) \
    X("timeout", false, take_ready_timeout)

#define CAP_KEY_TABLE(X)           \
    X("kind", true, take_cap_kind) \
    X("size", false, take_cap_size)

#endif
