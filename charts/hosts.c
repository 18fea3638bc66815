#include "charts/hosts.h"

#include "charts/text.h"
#include "common/run/host.h"

/* What its components come to. */
struct sum {
    size_t components, failed, unsure;
    int kills, recoveries;
    double share; /* of its cap, of the one nearest to it */
};

static struct sum sum_up(const struct facts *f, const struct run_host_row *host)
{
    struct sum sum = {0};

    for (size_t i = 0; i < f->count; i++) {
        const struct facts_component *c = &f->components[i];

        if (c->host != host)
            continue;
        sum.components++;
        sum.failed += c->verdict != NULL && c->outcome == OUTCOME_FAIL;
        sum.unsure += c->verdict != NULL && c->outcome == OUTCOME_INCONCLUSIVE;
        sum.kills += c->kills;
        sum.recoveries += c->recoveries;
        sum.share = facts_share(c) > sum.share ? facts_share(c) : sum.share;
    }
    return sum;
}

static void put_row(FILE *out, const struct facts *f, const struct run_host_row *host)
{
    struct sum sum = sum_up(f, host);
    char end[160];

    fputs("<tr><th scope=\"row\">", out);
    text_put_xml(out, host->name);
    fprintf(out, "</th><td class=\"%s\">", run_host_broke_off(host) ? "fail" : "pass");
    text_put_xml(out, run_host_end(f->run, host, end, sizeof end));
    fputs("</td><td>", out);
    text_put_xml(out, host->address);
    fprintf(out, "</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%d</td><td>%d</td>", sum.components,
            sum.failed, sum.unsure, sum.kills, sum.recoveries);
    fprintf(out, "<td>%.0f</td><td>%.3f</td></tr>\n", 100 * sum.share,
            (double)host->offset_error_ns / 1e6);
}

void hosts_put(FILE *out, const struct facts *f)
{
    if (f->host_count == 0)
        return;
    fputs("<section aria-labelledby=\"hosts\">\n<h2 id=\"hosts\">Hosts</h2>\n"
          "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of "
          "hosts\">\n<table>\n"
          "<thead><tr><th scope=\"col\">Host</th><th scope=\"col\">End</th>"
          "<th scope=\"col\">Address</th><th scope=\"col\">Processes</th>"
          "<th scope=\"col\">Failed</th><th scope=\"col\">Inconclusive</th>"
          "<th scope=\"col\">Kills</th><th scope=\"col\">Back</th>"
          "<th scope=\"col\" title=\"of the process nearest to its cap\">% of cap</th>"
          "<th scope=\"col\" title=\"by so much its clock may be off, at most\">Clock ± ms</th>"
          "</tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < f->host_count; i++)
        put_row(out, f, &f->hosts[i]);
    fputs("</tbody>\n</table>\n</div>\n</section>\n", out);
}
