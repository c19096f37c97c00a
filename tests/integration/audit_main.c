/*
 * audit_main.c - `writ audit` alone, for tests; with `story DIR` it writes a log to look at.
 */
#include <stdio.h>
#include <string.h>

#include "ledger_story.h"
#include "writ/cmd.h"

int
main(int argc, char **argv)
{
    static struct story s;

    if (argc != 3 || strcmp(argv[1], "story") != 0)
        return writ_cmd_audit(argc, argv);
    story_tell(&s, argv[2]);
    story_seal(&s);
    story_done(&s);
    return 0;
}
