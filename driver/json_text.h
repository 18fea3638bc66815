/* Text of any origin as JSON. */
#ifndef FLATLINE_DRIVER_JSON_TEXT_H
#define FLATLINE_DRIVER_JSON_TEXT_H

#include <jansson.h>

/* What is not well-formed becomes blanks; null for NULL. NULL: no memory. */
json_t *json_text(const char *value);

#endif
