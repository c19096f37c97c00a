/*
 * limits.h - every maximum in the project, each with its reason. Over a limit means refuse.
 */
#ifndef WRIT_BASE_LIMITS_H
#define WRIT_BASE_LIMITS_H

#define WRIT_SECRET_BYTES_MAX                                                                      \
    65536                      /* a PEM chain with its key fits; a file given by mistake does not */
#define WRIT_NAME_MAX       64 /* names a person gives: services, credentials, profiles */
#define WRIT_TASK_ID_BYTES  26 /* 16 random-and-time bytes in Crockford base32, as a ULID */
#define WRIT_HOST_MAX       253 /* RFC 1035 2.3.4, as text without the final dot */
#define WRIT_URL_MAX        2048
#define WRIT_PATH_BYTES_MAX 4096 /* PATH_MAX of Linux */

#define WRIT_PROFILE_BYTES_MAX 262144 /* a profile is written by hand */
#define WRIT_YAML_DEPTH_MAX    8      /* a profile needs five; a reader of ours recurses over it */
#define WRIT_YAML_NODES_MAX    8192   /* a profile with every service has a tenth of that */
#define WRIT_POLICY_BYTES_MAX  1048576
#define WRIT_SERVICES_MAX      64 /* one leaf certificate is made for each */
#define WRIT_ARGS_MAX          4096
#define WRIT_ARG_BYTES_MAX     131071  /* what Linux passes in one string to execve */
#define WRIT_ENV_MAX           256     /* variables that a profile adds */
#define WRIT_BINDS_MAX         256     /* one mount is made for each */
#define WRIT_POLICIES_MAX      64      /* files; one each for a service is plenty */
#define WRIT_ADDRESSES_MAX     64      /* ranges of one service, compared in turn when dialling */
#define WRIT_CA_BYTES_MAX      524288  /* twice the size of a whole system bundle */
#define WRIT_WRIT_BYTES_MAX    4194304 /* the encoded writ: policies, CA files, command */

#define WRIT_CREDENTIAL_BYTES_MAX 16384 /* more than any server takes in one header line */
#define WRIT_CREDENTIALS_MAX      4096  /* of one store; every read of it authenticates all rows */
#define WRIT_PASSPHRASE_BYTES_MAX 1024
#define WRIT_KEEPER_TASKS_MAX     1024 /* two channels each: stays below the usual 4096 descriptors */

#define WRIT_MSG_BYTES_MAX                                                                         \
    65536 /* one datagram between our processes; the kernel takes twice that */
#define WRIT_MSG_FDS_MAX 16

/* HTTP heads: what nginx and Apache accept by default, rounded up. */
#define WRIT_HTTP_HEAD_BYTES_MAX    32768
#define WRIT_HTTP_TARGET_BYTES_MAX  16384
#define WRIT_HTTP_HEADERS_MAX       100
#define WRIT_HTTP_TRAILER_BYTES_MAX 8192
#define WRIT_HTTP_CHUNK_LINE_MAX    4096  /* a chunk size and its extension */
#define WRIT_HTTP_CHUNK_EXT_MAX     16384 /* all extensions of a body: nobody means to send any */
#define WRIT_HTTP_TRAILERS_MAX      16
#define WRIT_HTTP_METHOD_BYTES_MAX  32 /* the longest registered one has 17 */
#define WRIT_HTTP_INTERIM_MAX       64 /* 1xx answers to one request; two are usual */
#define WRIT_HTTP_OPTIONS_MAX       16 /* names in Connection; each is looked for in all headers */

#define WRIT_DNS_MSG_BYTES_MAX 4096  /* a question over TCP; a real one is below 300 bytes */
#define WRIT_TLS_HELLO_MAX     16384 /* one record: RFC 8446 5.1 */

#define WRIT_RECORD_BYTES_MAX                                                                      \
    16384 /* one ledger record as sent; longer text fields are cut and marked */
#define WRIT_LEDGER_LINE_MAX                                                                       \
    131072 /* the largest record with every byte escaped as six, and the line's own fields */
#define WRIT_FLOOD_PER_SECOND                                                                      \
    20000 /* refusals of one task that are written singly; the rest is counted */
#define WRIT_LEDGER_RINGS_MAX 8 /* a task has one gateway; room for gateways to come */

/* Cedar sets no limits of its own and asks its users to; docs/cedar-limits.md explains these. */
#define WRIT_CEDAR_TEXT_BYTES_MAX                                                                  \
    33554432                          /* 32 MiB: one text; 10,000 policies take about 3 MiB        \
                                       */
#define WRIT_CEDAR_NESTING_MAX   200  /* brackets within brackets: the parser's own recursion */
#define WRIT_CEDAR_HEIGHT_MAX    1200 /* of an expression tree; chains of operators make it high */
#define WRIT_CEDAR_OUT_BYTES_MAX 268435456 /* 256 MiB: policies as text or JSON */
#define WRIT_CEDAR_POLICIES_MAX  1000000
#define WRIT_CEDAR_STACK_MAX     4096  /* values that one policy holds at once when evaluated */
#define WRIT_CEDAR_SCRATCH_MAX   65536 /* bytes of sets and records that one policy builds */
#define WRIT_CEDAR_ENTITIES_MAX  4000000
#define WRIT_CEDAR_ANCESTORS_MAX 67108864 /* of all entities together: 1 GiB */

/* What other people's JSON may look like before it is anything in particular. */
#define WRIT_JSON_READ_DEPTH_MAX                                                                   \
    127 /* what serde_json takes, and so what Cedar's own tools take                               \
         */
#define WRIT_JSON_READ_BYTES_MAX 268435456 /* 256 MiB */

#endif
