/*
 * Entities and contexts as JSON, with and without the types of a schema.
 */
#include <assert.h>
#include <stdint.h>

#include "base/attr.h"
#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema_text[] =
    "entity G; entity U in [G] = {a?: Long, b?: Set<String>, c?: ipaddr, d?: {e: decimal}, "
    "f?: U} tags Set<Long>; action x appliesTo {principal: U, resource: G, context: {a?: Long, "
    "b?: datetime, c?: {d: U}}};";

static void
read_context(const struct cedar_source *src, const struct cedar_schema *schema)
{
    struct cedar_uid action = cedar_uid(cedar_span_str("Action"), cedar_span_str("x"));
    struct cedar_document *d = NULL;
    struct cedar_error err = {.text = ""};
    struct cedar_request req = {.action = action,
                                .principal = cedar_uid(cedar_span_str("U"), cedar_span_str("a")),
                                .resource = cedar_uid(cedar_span_str("G"), cedar_span_str("g"))};

    if (cedar_document_new_typed(src, schema, &action, &d, &err) != CEDAR_OK) {
        assert(err.text[0] != '\0' && d == NULL);
        return;
    }
    req.context = cedar_document_value(d);
    assert(req.context.kind == CEDAR_RECORD);
    if (cedar_schema_check_request(schema, &req, &err) != CEDAR_OK)
        assert(err.text[0] != '\0');
    cedar_document_free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_schema *schema;
    const struct cedar_source src = {"fuzz", size == 0 ? "" : (const char *)data, size};

    if (schema == NULL) {
        const struct cedar_source text = {"schema", schema_text, sizeof schema_text - 1};

        if (cedar_schema_load(&text, CEDAR_TEXT, &schema, NULL) != CEDAR_OK)
            assert(false);
    }
    for (unsigned typed = 0; typed < 2; typed++) {
        struct cedar_error err = {.text = ""};
        struct cedar_store *s = NULL;

        if (cedar_store_new(&s) != CEDAR_OK)
            return 0;
        if (cedar_store_add_json_typed(s, &src, typed == 0 ? NULL : schema, &err) != CEDAR_OK ||
            cedar_store_seal(s, &err) != CEDAR_OK)
            assert(err.text[0] != '\0');
        cedar_store_free(s);
    }
    read_context(&src, schema);
    return 0;
}
