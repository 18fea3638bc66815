#include "driver/json_text.h"

#include "common/base/utf8.h"

#include <stdlib.h>

json_t *json_text(const char *value)
{
    char *clean = value == NULL ? NULL : utf8_clean(value);
    json_t *json = value == NULL ? json_null() : clean == NULL ? NULL : json_string(clean);

    free(clean);
    return json;
}
