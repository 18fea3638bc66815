#include "results-server/influx_batch.h"

#include "common/contract/reason.h"

#include <stdio.h>
#include <string.h>

struct writing {
    struct influx_lines *lines;
    struct influx_names *names;
    const char *test, *peer;
    int64_t number; /* of the peer */
    int64_t shift_ns;
};

/* A table of the batch: rows are lists in the order of the columns. */
struct table {
    const json_t *columns, *rows;
};

static bool find_table(const json_t *body, const char *name, struct table *table)
{
    const json_t *found = json_object_get(json_object_get(body, "tables"), name);

    table->columns = json_object_get(found, "columns");
    table->rows = json_object_get(found, "rows");
    return table->columns != NULL && table->rows != NULL;
}

/* The value in the column of that name, or NULL: a JSON null, too. */
static const json_t *cell(const struct table *table, const json_t *row, const char *name)
{
    for (size_t i = 0; i < json_array_size(table->columns); i++)
        if (strcmp(json_string_value(json_array_get(table->columns, i)), name) == 0) {
            const json_t *value = json_array_get(row, i);

            return json_is_null(value) ? NULL : value;
        }
    return NULL;
}

static bool keep_components(struct writing *w, const json_t *body)
{
    struct table table;
    const json_t *row;
    size_t i;

    if (!find_table(body, "component", &table))
        return true;
    json_array_foreach(table.rows, i, row)
    {
        const char *name = json_string_value(cell(&table, row, "name"));

        if (name != NULL &&
            !influx_names_put_component(w->names, w->number,
                                        json_integer_value(cell(&table, row, "id")), name))
            return false;
    }
    return true;
}

/* The component's name and the incarnation's number, or of one unknown its number of the table. */
struct who {
    char component[256];
    int64_t number;
};

static void find_who(struct writing *w, int64_t incarnation, struct who *who)
{
    const char *name;

    if (influx_names_incarnation(w->names, w->number, incarnation, &name, &who->number)) {
        snprintf(who->component, sizeof who->component, "%s", name);
        return;
    }
    snprintf(who->component, sizeof who->component, "incarnation %lld", (long long)incarnation);
    who->number = 0;
}

static void begin_line(struct writing *w, const char *measurement, const struct who *who)
{
    influx_line_begin(w->lines, measurement);
    influx_line_tag(w->lines, "test", w->test);
    influx_line_tag(w->lines, "host", w->peer);
    influx_line_tag(w->lines, "component", who->component);
}

/* When it died: a death that was ordered, from then on. 0: it lives, or was stopped at the end. */
static int64_t death_time(const struct table *table, const json_t *row)
{
    const char *reason = json_string_value(cell(table, row, "reason"));
    const json_t *ordered = cell(table, row, "ordered_ns");

    if (reason == NULL || strcmp(reason, reason_name(REASON_STOPPED)) == 0)
        return 0;
    return json_integer_value(ordered != NULL ? ordered : cell(table, row, "exit_ns"));
}

static void write_death(struct writing *w, const struct table *table, const json_t *row)
{
    const char *reason = json_string_value(cell(table, row, "reason"));
    const json_t *signal = cell(table, row, "exit_signal");
    int known = reason_find(reason);
    struct who who;
    char text[500];

    find_who(w, json_integer_value(cell(table, row, "id")), &who);
    snprintf(text, sizeof text, "%s of %s: %s", who.component, w->peer,
             known < 0 ? reason : reason_text((enum reason)known));
    begin_line(w, INFLUX_DEATH, &who);
    influx_line_text(w->lines, "reason", reason);
    if (signal != NULL)
        influx_line_integer(w->lines, "signal", json_integer_value(signal));
    influx_line_integer(w->lines, "incarnation", who.number);
    influx_line_text(w->lines, "text", text);
    influx_line_end(w->lines, death_time(table, row) + w->shift_ns);
}

static bool write_incarnations(struct writing *w, const json_t *body)
{
    struct table table;
    const json_t *row;
    size_t i;

    if (!find_table(body, "incarnation", &table))
        return true;
    json_array_foreach(table.rows, i, row)
    {
        if (!influx_names_put_incarnation(w->names, w->number,
                                          json_integer_value(cell(&table, row, "id")),
                                          json_integer_value(cell(&table, row, "component")),
                                          json_integer_value(cell(&table, row, "number"))))
            return false;
        if (death_time(&table, row) != 0)
            write_death(w, &table, row);
    }
    return true;
}

/* Columns of a sample that are no field. */
static bool is_key(const char *column)
{
    return strcmp(column, "incarnation") == 0 || strcmp(column, "time_ns") == 0;
}

static void write_sample(struct writing *w, const struct table *table, const json_t *row)
{
    struct who who;

    find_who(w, json_integer_value(cell(table, row, "incarnation")), &who);
    begin_line(w, INFLUX_PROCESS, &who);
    for (size_t i = 0; i < json_array_size(table->columns); i++) {
        const char *column = json_string_value(json_array_get(table->columns, i));
        const json_t *value = json_array_get(row, i);

        if (is_key(column))
            continue;
        if (json_is_integer(value))
            influx_line_integer(w->lines, column, json_integer_value(value));
        else if (json_is_real(value))
            influx_line_integer(w->lines, column, (int64_t)json_real_value(value));
    }
    influx_line_integer(w->lines, "incarnation", who.number);
    influx_line_end(w->lines, json_integer_value(cell(table, row, "time_ns")) + w->shift_ns);
}

static void write_samples(struct writing *w, const json_t *body)
{
    struct table table;
    const json_t *row;
    size_t i;

    if (!find_table(body, "sample", &table))
        return;
    json_array_foreach(table.rows, i, row) write_sample(w, &table, row);
}

static void write_points(struct writing *w, const json_t *body)
{
    const json_t *point, *value;
    const char *name;
    size_t i;

    json_array_foreach(json_object_get(body, "points"), i, point)
    {
        json_t *values = json_object_get(point, "values");

        influx_line_begin(w->lines, INFLUX_ROUTINE);
        influx_line_tag(w->lines, "test", w->test);
        influx_line_tag(w->lines, "peer", w->peer);
        influx_line_tag(w->lines, "source", json_string_value(json_object_get(point, "source")));
        json_object_foreach(values, name, value)
            influx_line_real(w->lines, name, json_number_value(value));
        influx_line_end(w->lines,
                        json_integer_value(json_object_get(point, "time_ns")) + w->shift_ns);
    }
}

bool influx_batch_write(struct influx_lines *lines, struct influx_names *names,
                        const struct influx_origin *origin, const json_t *body)
{
    struct writing w = {lines, names, origin->test, origin->peer, origin->number, origin->shift_ns};

    if (!keep_components(&w, body) || !write_incarnations(&w, body))
        return false;
    write_samples(&w, body);
    write_points(&w, body);
    return true;
}
