/*
 * grpc.testing.BenchmarkService (proto/benchmark_service.proto): what the official load tests call.
 * Replies are of the size that the last request asked for.
 */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_BENCHMARK_H
#define FLATLINE_STRESS_SERVER_SERVICE_BENCHMARK_H

#include "common/engine/grpc.h"

extern const struct call_ops benchmark_streaming_call;
extern const struct call_ops benchmark_streaming_from_client;
extern const struct call_ops benchmark_streaming_from_server; /* until the client cancels */
extern const struct call_ops benchmark_streaming_both_ways;   /* until the client half-closes */

#endif
