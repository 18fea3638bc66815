/*
 * What the file of a routine may hold: one table per mapping, which makes the reader, and which
 * docs/routines.md is checked against. Columns: key, whether it must be there, the function that
 * takes it.
 */
#ifndef FLATLINE_CLIENT_SCRIPT_KEYS_H
#define FLATLINE_CLIENT_SCRIPT_KEYS_H

#define SCRIPT_KEY_TABLE(X)                     \
    X("peers", false, take_peers)               \
    X("room", false, take_room)                 \
    X("room-size", false, take_room_size)       \
    X("start-jitter", false, take_start_jitter) \
    X("heard", false, take_heard)               \
    X("kinds", true, take_kinds)

#define KIND_KEY_TABLE(X)           \
    X("name", true, take_kind_name) \
    X("every", true, take_every)    \
    X("jitter", false, take_jitter) \
    X("burst", false, take_burst)   \
    X("size", true, take_body)      \
    X("expires", false, take_expires)

#endif
