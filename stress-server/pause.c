#include "stress-server/pause.h"

bool pause_holds(struct pause *pause, struct held *held, struct call *call)
{
    if (!pause->on || held->link != NULL)
        return pause->on;
    held->call = call;
    held->next = pause->first;
    held->link = &pause->first;
    if (held->next != NULL)
        held->next->link = &held->next;
    pause->first = held;
    return true;
}

void pause_forget(struct held *held)
{
    if (held->link == NULL)
        return;
    *held->link = held->next;
    if (held->next != NULL)
        held->next->link = held->link;
    held->link = NULL;
}

void pause_set(struct pause *pause, bool on)
{
    pause->on = on;
    while (!on && pause->first != NULL) {
        struct held *held = pause->first;

        pause_forget(held);
        call_resume(held->call);
    }
}
