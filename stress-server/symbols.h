/* Which of our .proto files is called so, and which defines a symbol. */
#ifndef FLATLINE_STRESS_SERVER_SYMBOLS_H
#define FLATLINE_STRESS_SERVER_SYMBOLS_H

#include "proto/wire.h"

/* Both give the serialized FileDescriptorProto in file->data, file->size; false: none. */
bool symbols_find_file(const char *name, struct wire_field *file);
/* "package.Message", "package.Service.Method", "package.Message.field" ... */
bool symbols_find(const char *symbol, struct wire_field *file);

#endif
