/*
 * The subcommand alone, so that its tests need nothing else of the command line.
 */
#include "writ/cmd.h"

int
main(int argc, char **argv)
{
    return writ_cmd_credential(argc, argv);
}
