/*
 * Schemas in both syntaxes; what loads can validate a policy that uses every operator.
 */
#include <assert.h>
#include <stdint.h>

#include "base/attr.h"
#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy[] =
    "permit(principal, action, resource) when { principal has a.b && principal.a.b == 1 || "
    "context has a && [context.a, principal].contains(resource) && principal in [resource] };"
    "permit(principal is U, action, resource) unless { if principal.hasTag(\"t\") then "
    "principal.getTag(\"t\") like \"*\" else context.a + 1 < 2 };";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cedar_policies *ps;
    const struct cedar_source src = {"fuzz", size == 0 ? "" : (const char *)data, size};

    if (ps == NULL) {
        const struct cedar_source text = {"policy", policy, sizeof policy - 1};

        if (cedar_policies_load(&text, 1, 0, &ps, NULL) != CEDAR_OK)
            assert(false);
    }
    for (unsigned syntax = CEDAR_TEXT; syntax <= CEDAR_JSON; syntax++) {
        struct cedar_error err = {.text = ""};
        struct cedar_schema *s = NULL;

        if (cedar_schema_load(&src, (enum cedar_syntax)syntax, &s, &err) != CEDAR_OK) {
            assert(err.text[0] != '\0' && s == NULL);
            continue;
        }
        for (unsigned mode = CEDAR_STRICT; mode <= CEDAR_PERMISSIVE; mode++) {
            struct cedar_error bad = {.text = ""};

            if (cedar_policies_validate(ps, s, (enum cedar_mode)mode, &bad) != CEDAR_OK)
                assert(bad.text[0] != '\0');
        }
        cedar_schema_free(s);
    }
    return 0;
}
