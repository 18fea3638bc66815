/*
 * grpc.testing.TestService (proto/test.proto), as in the description of the official
 * interoperability tests: github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md.
 * UnimplementedCall and UnimplementedService have no ops: that they are unknown is their behaviour.
 */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_TEST_H
#define FLATLINE_STRESS_SERVER_SERVICE_TEST_H

#include "common/engine/grpc.h"

/* service_test.c: one reply */
extern const struct call_ops test_empty_call;
extern const struct call_ops test_unary_call;
extern const struct call_ops test_cacheable_unary_call; /* replies with the time */
extern const struct call_ops test_streaming_input_call;

/* service_test_streams.c: replies as the requests list them */
extern const struct call_ops test_streaming_output_call;
extern const struct call_ops test_full_duplex_call;
extern const struct call_ops test_half_duplex_call;

/* on_metadata of them all: sends the two metadata back that the description names. */
void test_echo_metadata(struct call *call, const struct grpc_metadata *metadata, bool trailing);

#endif
