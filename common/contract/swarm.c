#include "common/contract/swarm.h"

#include <inttypes.h>
#include <string.h>

#define NAME_MAX_BYTES 32

const char *swarm_phase_name(enum swarm_phase phase)
{
    static const char *const names[SWARM_PHASES] = {
#define NAME(ident, name) [SWARM_##ident] = (name),
        SWARM_PHASE_TABLE(NAME)
#undef NAME
    };

    return names[phase];
}

static const struct {
    const char *name, *text, *remedy;
} faults[SWARM_FAULTS] = {
#define ROW(ident, name, text, remedy) [SWARM_FAULT_##ident] = {name, text, remedy},
    SWARM_FAULT_TABLE(ROW)
#undef ROW
};

const char *swarm_fault_name(enum swarm_fault fault)
{
    return faults[fault].name;
}

const char *swarm_fault_text(enum swarm_fault fault)
{
    return faults[fault].text;
}

const char *swarm_fault_remedy(enum swarm_fault fault)
{
    return faults[fault].remedy;
}

void swarm_turn_write_header(FILE *out)
{
    fputs("phase,client,open,begun_ns,ended_ns,connect_ns,handshake_ns,first_reply_ns,messages,"
          "replies,rtt_median_ns,rtt_p99_ns,rtt_max_ns,fault,detail\n",
          out);
}

void swarm_turn_write(const struct swarm_turn *turn, FILE *out)
{
    fprintf(out, "%s,%" PRIu32 ",%" PRIu32, swarm_phase_name(turn->phase), turn->client,
            turn->open);
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, turn->begun_ns,
            turn->ended_ns, turn->connect_ns, turn->handshake_ns, turn->first_reply_ns);
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, turn->messages,
            turn->replies, turn->rtt_median_ns, turn->rtt_p99_ns, turn->rtt_max_ns);
    fprintf(out, ",%s,%d\n", swarm_fault_name(turn->fault), turn->detail);
}

static bool find_phase(const char *name, enum swarm_phase *phase)
{
    for (int i = 0; i < SWARM_PHASES; i++) {
        if (strcmp(name, swarm_phase_name((enum swarm_phase)i)) == 0) {
            *phase = (enum swarm_phase)i;
            return true;
        }
    }
    return false;
}

static bool find_fault(const char *name, enum swarm_fault *fault)
{
    for (int i = 0; i < SWARM_FAULTS; i++) {
        if (strcmp(name, faults[i].name) == 0) {
            *fault = (enum swarm_fault)i;
            return true;
        }
    }
    return false;
}

bool swarm_turn_read(const char *line, struct swarm_turn *turn)
{
    char phase[NAME_MAX_BYTES], fault[NAME_MAX_BYTES];
    int end = 0;
    int got = sscanf(
        line,
        "%31[^,],%" SCNu32 ",%" SCNu32 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64
        ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%" SCNu64 ",%31[^,],%d%n",
        phase, &turn->client, &turn->open, &turn->begun_ns, &turn->ended_ns, &turn->connect_ns,
        &turn->handshake_ns, &turn->first_reply_ns, &turn->messages, &turn->replies,
        &turn->rtt_median_ns, &turn->rtt_p99_ns, &turn->rtt_max_ns, fault, &turn->detail, &end);

    return got == 15 && (line[end] == '\0' || line[end] == '\n') &&
           find_phase(phase, &turn->phase) && find_fault(fault, &turn->fault);
}
