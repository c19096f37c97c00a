/*
 * doctor.c - `writ doctor` alone, for the end-to-end tests of the sandbox.
 */
#include "writ/cmd.h"

int
main(int argc, char **argv)
{
    return writ_cmd_doctor(argc, argv);
}
