/*
 * grpc.reflection.v1.ServerReflection (proto/reflection.proto), and v1alpha, which is the same on
 * the wire. call_user is a struct services.
 */
#ifndef FLATLINE_STRESS_SERVER_SERVICE_REFLECTION_H
#define FLATLINE_STRESS_SERVER_SERVICE_REFLECTION_H

#include "common/engine/grpc.h"

extern const struct call_ops reflection_info;

#endif
