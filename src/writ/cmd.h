/*
 * cmd.h - the subcommands of writ. Each gets its own name as argv[0] and returns the exit code:
 * 0 done, 1 the answer is no, 2 wrong use, 125 our own failure of `run`.
 */
#ifndef WRIT_WRIT_CMD_H
#define WRIT_WRIT_CMD_H

int writ_cmd_run(int argc, char **argv);
int writ_cmd_doctor(int argc, char **argv);
int writ_cmd_credential(int argc, char **argv);
int writ_cmd_audit(int argc, char **argv);
int writ_cmd_policy(int argc, char **argv);

#endif
