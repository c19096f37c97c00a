/*
 * writ: run untrusted code without giving it a credential.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "writ/cmd.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
};

static const struct command commands[] = {
    {"run", writ_cmd_run, "run a command as a task that holds no credential"},
    {"audit", writ_cmd_audit, "what tasks did: list, show, verify"},
    {"policy", writ_cmd_policy, "check, test, explain and format policies"},
    {"credential", writ_cmd_credential,
     "keep the credentials that gateways use: add, list, rotate, remove"},
    {"doctor", writ_cmd_doctor, "try every wall that tasks need on this machine"},
};

static void
usage(FILE *to)
{
    (void)fprintf(to, "usage: writ COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < WRIT_COUNT(commands); i++)
        (void)fprintf(to, "  %-12s%s\n", commands[i].name, commands[i].what);
    (void)fprintf(
        to, "  %-12s%s\n\nwrit COMMAND --help says more. Try: writ run -- python3 -c 'print(1)'\n",
        "version", "which version this is");
}

static int
unknown(const char *name)
{
    struct writ_nearest near = {.typed = writ_span_str(name)};

    for (size_t i = 0; i < WRIT_COUNT(commands); i++)
        writ_nearest_try(&near, commands[i].name);
    if (near.name != NULL) {
        (void)fprintf(stderr, "writ: there is no command \"%s\"; did you mean \"%s\"?\n", name,
                      near.name);
    } else {
        (void)fprintf(stderr, "writ: there is no command \"%s\"; `writ --help` lists them\n", name);
    }
    return 2;
}

/* What is opened first must not end up as a standard stream that the caller has closed. */
static bool
have_streams(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!have_streams())
        return 125;
    for (size_t i = 0; i < WRIT_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
        (void)printf("writ %s\n", WRIT_VERSION);
        return 0;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (name[0] != '\0')
        return unknown(name);
    usage(stderr);
    return 2;
}
