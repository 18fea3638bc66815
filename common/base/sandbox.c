#include "config.h"

#include "common/base/sandbox.h"

#include <stdio.h>
#include <sys/prctl.h>

void sandbox_renounce(void)
{
    /* Known to every kernel that has the pidfd that the driver needs. */
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#ifdef HAVE_SECCOMP

#include "common/base/sandbox_calls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALLS 512 /* beyond the highest number of any */
#define NAME_SIZE 24

static struct sandbox entered;
/* Made before it is needed: a handler of a signal cannot ask libseccomp, which allocates. */
static char names[CALLS][NAME_SIZE];

static void learn_names(void)
{
    for (int call = 0; call < CALLS; call++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

        if (name != NULL)
            snprintf(names[call], NAME_SIZE, "%s", name);
        free(name);
    }
}

/* snprintf may lock and allocate. Both end in NUL. */
static void add_text(char *line, size_t cap, const char *text)
{
    size_t used = strlen(line);
    size_t size = strlen(text);

    if (size > cap - 1 - used)
        size = cap - 1 - used;
    memcpy(line + used, text, size);
    line[used + size] = '\0';
}

static void add_number(char *line, size_t cap, unsigned number)
{
    char digits[12];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    add_text(line, cap, digits + at);
}

/* Async-signal-safe: in the thread that made the call, wherever it was. */
static void on_forbidden(int signal, siginfo_t *info, void *context)
{
    unsigned call = (unsigned)info->si_syscall;
    char words[96] = "forbidden system call ", line[160] = "";

    (void)context;
    if (call < CALLS && names[call][0] != '\0') {
        add_text(words, sizeof words, names[call]);
        add_text(words, sizeof words, " ");
    }
    add_text(words, sizeof words, "(");
    add_number(words, sizeof words, call);
    add_text(words, sizeof words, ")");
    if (entered.say != NULL)
        entered.say(entered.arg, words);
    add_text(line, sizeof line, entered.program);
    add_text(line, sizeof line, ": ");
    add_text(line, sizeof line, words);
    add_text(line, sizeof line, "\n");
    /* A log that cannot be written has nowhere to complain; and the handler is no longer installed.
     */
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        raise(signal);
    raise(signal);
    _exit(128 + signal);
}

static bool watch(void)
{
    struct sigaction action = {.sa_sigaction = on_forbidden,
                               .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER};
    sigset_t mine;

    sigemptyset(&mine);
    sigaddset(&mine, SIGSYS);
    return sigaction(SIGSYS, &action, NULL) == 0 && sigprocmask(SIG_UNBLOCK, &mine, NULL) == 0;
}

#define NUMBER(call) SCMP_SYS(call),
static const int serving[] = {SANDBOX_PROCESS_TABLE(NUMBER) SANDBOX_DESCRIPTOR_TABLE(NUMBER)
                                  SANDBOX_FILE_TABLE(NUMBER)};
static const int connecting[] = {SANDBOX_CONNECT_TABLE(NUMBER)};
#undef NUMBER

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return error;
}

/* Those that only some arguments make harmless. */
static int allow_some(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    const struct {
        uint32_t action;
        int call;
        struct scmp_arg_cmp argument;
    } rules[] = {
        {SCMP_ACT_ALLOW, SCMP_SYS(clone), thread},
        {SCMP_ACT_ALLOW, SCMP_SYS(mmap), data},
        {SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), code},
        {SCMP_ACT_ALLOW, SCMP_SYS(mprotect), data},
        {SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mprotect), code},
        {SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)},
        {SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)},
        {SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0, 0)},
        {SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0)},
        {SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0)},
        {SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS, 0)}, /* isatty */
    };
    int error = 0;

    for (size_t i = 0; i < sizeof rules / sizeof *rules && error == 0; i++)
        error =
            seccomp_rule_add_array(filter, rules[i].action, rules[i].call, 1, &rules[i].argument);
    /* Its arguments lie in memory, where a filter cannot look: the C library takes clone then. */
    return error != 0 ? error
                      : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int load(scmp_filter_ctx filter, bool connects)
{
    int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (error == 0)
        error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (error == 0)
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    if (error == 0)
        error = allow_calls(filter, serving, sizeof serving / sizeof *serving);
    if (error == 0 && connects)
        error = allow_calls(filter, connecting, sizeof connecting / sizeof *connecting);
    if (error == 0)
        error = allow_some(filter);
    return error != 0 ? error : seccomp_load(filter);
}

bool sandbox_enter(const struct sandbox *sandbox, char *error, size_t cap)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
    int failure = -ENOMEM;

    entered = *sandbox;
    learn_names();
    if (filter != NULL && watch())
        failure = load(filter, sandbox->connects);
    if (filter != NULL)
        seccomp_release(filter);
    if (failure != 0)
        snprintf(error, cap, "cannot install the filter of system calls (--seccomp): %s",
                 strerror(-failure));
    return failure == 0;
}

#else

bool sandbox_enter(const struct sandbox *sandbox, char *error, size_t cap)
{
    (void)sandbox;
    snprintf(error, cap,
             "--seccomp: this build has no libseccomp: install libseccomp-dev and "
             "configure again");
    return false;
}

#endif
