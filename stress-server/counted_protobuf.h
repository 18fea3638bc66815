/* protobuf-c's messages, allocated where they are counted. */
#ifndef FLATLINE_STRESS_SERVER_COUNTED_PROTOBUF_H
#define FLATLINE_STRESS_SERVER_COUNTED_PROTOBUF_H

#include <protobuf-c/protobuf-c.h>

/* For the generated unpack and free functions: zone MEM_APP. */
extern ProtobufCAllocator counted_protobuf;

#endif
