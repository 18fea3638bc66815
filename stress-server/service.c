#include "stress-server/service.h"

int service_refuse(struct call *call, int code, const char *why)
{
    call_finish(call, code, why);
    return code;
}

int service_refuse_count(struct call *call)
{
    return service_refuse(call, GRPC_UNIMPLEMENTED, "this method takes exactly one request");
}

int service_refuse_garbled(struct call *call)
{
    return service_refuse(call, GRPC_INTERNAL, "the request is no such message");
}
