/* The command line of the driver (cli.h), with all its commands, up to where they would begin. */
#include "driver/cli/options.h"
#include "driver/delay_options.h"
#include "driver/scenario.h"
#include "driver/sweep/capacity.h"
#include "driver/sweep/flame_options.h"
#include "driver/sweep/throughput_options.h"
#include "tests/fuzz/cli.h"
#include "tests/fuzz/require.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct options options;
static struct capacity_options capacity;
static struct flame_options flame;

static void check_run(const struct options *o)
{
    require(o->duration_ns > 0 && o->sample_interval_ns > 0 && o->scenario.count > 0);
    require(o->chaos_low_ns <= o->chaos_high_ns && o->nemesis_low_ns <= o->nemesis_high_ns);
    for (size_t i = 0; i < o->scenario.count; i++)
        require(o->scenario.components[i].name[0] != '\0');
}

static void read_flame(int argc, char **argv)
{
    flame_options_take(&flame, argc, argv);
    require((flame.out == NULL) == (flame.task == FLAME_TABLE));
    require(flame.task != FLAME_RECORD || flame_options_packets(&flame) > 0);
}

static void read_throughput(int argc, char **argv)
{
    static struct throughput_options o;

    throughput_options_read(&o, argc, argv);
    require(o.out != NULL);
}

static void read_delay(int argc, char **argv)
{
    static struct delay_options o;

    delay_options_read(&o, argc, argv);
    require(o.settings.jitter_ns <= o.settings.up_ns || o.check_netem);
}

static void read_capacity(int argc, char **argv)
{
    capacity_options_take(&capacity, argc, argv);
    require(capacity.out != NULL);
}

static void read_options(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (strcmp(word, "flame") == 0)
        read_flame(argc - 1, argv + 1);
    else if (strcmp(word, "throughput") == 0)
        read_throughput(argc - 1, argv + 1);
    else if (strcmp(word, "delay") == 0)
        read_delay(argc - 1, argv + 1);
    else if (strcmp(word, "capacity") == 0)
        read_capacity(argc - 1, argv + 1);
    else if (options_take(&options, argc, argv) == VERB_RUN)
        check_run(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&options, 0, sizeof options);
    memset(&capacity, 0, sizeof capacity);
    memset(&flame, 0, sizeof flame);
    cli_run("driver", data, size, read_options);
    scenario_clear(&options.scenario);
    capacity_options_clear(&capacity);
    free(flame.storage);
    return 0;
}
