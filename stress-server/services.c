#include "stress-server/services.h"

#include "stress-server/service_health.h"
#include "stress-server/service_stress.h"

const struct method services_methods[] = {
    {"/flatline.v1.Stress/NonStreaming", &stress_non_streaming},
    {"/flatline.v1.Stress/ClientStreaming", &stress_client_streaming},
    {"/flatline.v1.Stress/ServerStreaming", &stress_server_streaming},
    {"/flatline.v1.Stress/BidiStreaming", &stress_bidi_streaming},
    {"/grpc.health.v1.Health/Check", &health_check},
    {NULL, NULL},
};
