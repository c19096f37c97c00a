/* The language, case by case, and what the library adds to it. */
#include <stdlib.h>

#include "base/attr.h"
#include "cedar/cedar.h"
#include "test.h"

static struct cedar_uid
uid(const char *type, const char *id)
{
    return cedar_uid(cedar_span_str(type), cedar_span_str(id));
}

static struct cedar_policies *
load(const char *text, unsigned flags, struct cedar_error *err)
{
    struct cedar_source src = {"test.cedar", text, strlen(text)};
    struct cedar_policies *ps = NULL;

    *err = (struct cedar_error){.text = ""};
    if (cedar_policies_load(&src, 1, flags, &ps, err) != CEDAR_OK)
        return NULL;
    return ps;
}

static struct cedar_store *
make_store(void)
{
    static const char json[] =
        "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":\"x\",\"flag\":true,"
        "\"set\":[1,2,2],\"rec\":{\"in\":{\"deep\":7}},\"who\":{\"__entity\":{\"type\":\"User\","
        "\"id\":\"b\"}},\"if\":3},\"parents\":[{\"type\":\"Group\",\"id\":\"g\"}],"
        "\"tags\":{\"role\":\"admin\"}},"
        "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},\"parents\":[{\"type\":\"Group\","
        "\"id\":\"top\"}]},"
        "{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{},\"parents\":[]}]";
    const struct cedar_source src = {"entities.json", json, sizeof json - 1};
    struct cedar_error err = {.text = ""};
    struct cedar_store *s = NULL;

    if (cedar_store_new(&s) != CEDAR_OK || cedar_store_add_json(s, &src, &err) != CEDAR_OK ||
        cedar_store_seal(s, &err) != CEDAR_OK) {
        (void)fprintf(stderr, "%u:%u: %s\n", err.line, err.col, err.text);
        exit(1);
    }
    return s;
}

static void
ask(const struct cedar_policies *ps, const struct cedar_store *s, unsigned flags,
    struct cedar_answer *ret)
{
    struct cedar_request req = {.principal = uid("User", "a"),
                                .action = uid("Action", "read"),
                                .resource = uid("Doc", "d")};

    cedar_decide(ps, s, &req, flags, ret);
}

/* 1, 0, or -1 for an evaluation error, -2 for a syntax error. */
static int
evaluate(const struct cedar_store *s, const char *expr)
{
    char text[1024];
    struct cedar_error err;
    struct cedar_policies *ps;
    struct cedar_answer a;

    (void)snprintf(text, sizeof text, "permit(principal, action, resource) when { %s };", expr);
    ps = load(text, 0, &err);
    if (ps == NULL)
        return -2;
    ask(ps, s, 0, &a);
    cedar_policies_free(ps);
    return a.error_count != 0 ? -1 : a.decision == CEDAR_ALLOW ? 1 : 0;
}

static void
test_operators(void)
{
    static const struct {
        int want;
        const char *expr;
    } rows[] = {
        {1, "1 + 2 * 3 == 7 && 7 - 2 - 1 == 4"},
        {-1, "9223372036854775807 + 1 == 0"},
        {-1, "-9223372036854775808 - 1 == 0"},
        {-1, "-(-9223372036854775808) == 0"},
        {1, "-9223372036854775808 < 0"},
        {0, "false && 1"},
        {-1, "true && 1"},
        {1, "true || 1"},
        {-1, "false || 1"},
        {-1, "1 && false"},
        {1, "if true then true else 1"},
        {-1, "if 1 then true else true"},
        {0, "1 == \"1\""},
        {1, "1 != \"1\""},
        {-1, "1 < \"1\""},
        {-1, "decimal(\"1.0\") < decimal(\"2.0\")"},
        {1, "[1, 2, 2] == [2, 1]"},
        {1, "{a: 1, b: 2} == {b: 2, a: 1}"},
        {0, "{a: 1} == {a: 1, b: 2}"},
        {1, "principal in Group::\"g\" && principal in Group::\"top\""},
        {1, "principal in [Group::\"no\", Group::\"top\"]"},
        {0, "principal in []"},
        {-1, "principal in [1]"},
        {-1, "principal in [Group::\"g\", 1]"},
        {1, "User::\"nobody\" in User::\"nobody\""},
        {0, "User::\"nobody\" in Group::\"g\""},
        {1, "principal is User && principal is User in Group::\"g\""},
        {0, "principal is Doc in 1"},
        {-1, "principal is User in 1"},
        {-1, "1 is User"},
        {1, "principal.rec[\"in\"] has deep && principal.rec[\"in\"].deep == 7"},
        {0, "principal has rec.no.deep"},
        {-1, "principal has n.deep"},
        {0, "User::\"nobody\" has n"},
        {-1, "User::\"nobody\".n == 1"},
        {-1, "1 has n"},
        {1, "principal[\"if\"] == 3 && principal has \"if\""},
        {1, "principal.hasTag(\"role\") && principal.getTag(\"role\") == \"admin\""},
        {1, "principal.getTag(if true then \"role\" else \"x\") like \"adm*\""},
        {0, "principal.hasTag(\"no\")"},
        {-1, "principal.getTag(\"no\") == 1"},
        {-1, "principal.hasTag(1)"},
        {1, "principal.set.contains(2) && principal.set.containsAll([1, 2])"},
        {1, "principal.set.containsAny([9, 1]) && !principal.set.isEmpty() && [].isEmpty()"},
        {1, "[1, \"a\", [2]].contains([2])"},
        {-1, "1.contains(1)"},
        {-1, "[1].containsAll(1)"},
        {1, "\"a*c\" like \"a\\*c\" && \"abc\" like \"a*c\" && \"\" like \"*\""},
        {0, "\"abc\" like \"a\\*c\""},
        {1, "\"aXbXc\" like \"a*b*c\" && !(\"aXbX\" like \"a*b*c\")"},
        {-1, "1 like \"*\""},
        {1, "\"\\u{e9}\" == \"é\" && \"\\x41\" == \"A\""},
        {1, "!(!true) && !!true"},
        {1, "---5 == -5 && --5 == 5"},
    };
    struct cedar_store *s = make_store();

    for (size_t i = 0; i < WRIT_COUNT(rows); i++)
        CHECK_ROW(evaluate(s, rows[i].expr) == rows[i].want, rows[i].expr);
    cedar_store_free(s);
}

static void
test_extensions(void)
{
    static const struct {
        int want;
        const char *expr;
    } rows[] = {
        {1, "ip(\"10.1.2.3\").isInRange(ip(\"10.0.0.0/8\"))"},
        {0, "ip(\"10.0.0.0/7\").isInRange(ip(\"10.0.0.0/8\"))"},
        {0, "ip(\"::1\").isInRange(ip(\"0.0.0.0/0\"))"},
        {0, "ip(\"10.0.0.1\") == ip(\"10.0.0.1/24\")"},
        {1, "ip(\"10.0.0.1\") == ip(\"10.0.0.1/32\") && ip(\"::1\") == ip(\"0:0:0:0:0:0:0:1\")"},
        {1, "ip(\"127.0.0.1\").isLoopback() && ip(\"::1\").isLoopback()"},
        {0, "ip(\"127.0.0.1/7\").isLoopback()"},
        {1, "ip(\"224.0.0.0/4\").isMulticast() && ip(\"ff00::\").isMulticast()"},
        {-1, "ip(\"010.0.0.1\").isIpv4()"},
        {-1, "ip(\"::ffff:1.2.3.4\").isIpv6()"},
        {-1, "ip(\"1.2.3.4/33\").isIpv4()"},
        {-1, "ip(\"1.2.3.4/08\").isIpv4()"},
        {-1, "ip(\"1:2:3:4:5:6:7:8:9\").isIpv6()"},
        {-1, "ip(\"1::2:3:4:5:6:7:8\").isIpv6()"},
        {1, "ip(\"1:2:3:4:5:6:7::\").isIpv6()"},
        {1,
         "decimal(\"1.5\").lessThan(decimal(\"1.51\")) && decimal(\"-0.5\") != decimal(\"0.5\")"},
        {1, "decimal(\"922337203685477.5807\").greaterThan(decimal(\"-922337203685477.5808\"))"},
        {-1, "decimal(\"922337203685477.5808\") == 1"},
        {-1, "decimal(\"1.\") == 1 || true"},
        {-1, "decimal(\"1.00000\") == 1"},
        {1, "datetime(\"2024-02-29\") < datetime(\"2024-02-29T00:00:00.001Z\")"},
        {1, "datetime(\"2024-01-01T00:00:00-0100\") == datetime(\"2024-01-01T01:00:00Z\")"},
        {-1, "datetime(\"2023-02-29\") == 1"},
        {-1, "datetime(\"2024-01-01T23:59:60Z\") == 1"},
        {-1, "datetime(\"2024-01-01T00:00:00+2400\") == 1"},
        {1, "datetime(\"1969-12-31T23:00:00Z\").toDate() == datetime(\"1969-12-31\")"},
        {1, "datetime(\"1969-12-31T23:00:00Z\").toTime() == duration(\"23h\")"},
        {1, "datetime(\"2024-01-02\").durationSince(datetime(\"2024-01-01\")) == duration(\"1d\")"},
        {1, "datetime(\"2024-01-01\").offset(duration(\"-1ms\")) < datetime(\"2024-01-01\")"},
        {-1, "datetime(\"9999-01-01\").offset(duration(\"9223372036854775807ms\")) == 1"},
        {1, "duration(\"1d2h3m4s5ms\").toMilliseconds() == 93784005"},
        {1, "duration(\"-90m\").toHours() == -1 && duration(\"36h\").toDays() == 1"},
        {1, "duration(\"-9223372036854775808ms\").toSeconds() == -9223372036854775"},
        {-1, "duration(\"9223372036854775808ms\") == 1"},
        {-1, "duration(\"1h1d\") == 1"},
        {-1, "duration(\"\") == 1"},
        {-1, "ip() == 1"},
        {-1, "ip(\"::1\", \"::1\") == 1"},
    };
    struct cedar_store *s = make_store();

    for (size_t i = 0; i < WRIT_COUNT(rows); i++)
        CHECK_ROW(evaluate(s, rows[i].expr) == rows[i].want, rows[i].expr);
    cedar_store_free(s);
}

static void
test_syntax(void)
{
    static const char *const bad[] = {
        "permit(principal, action, resource)",
        "permit(principal, action, resource) when {};",
        "permit(action, principal, resource);",
        "permit(principal, action is Action, resource);",
        "permit(principal, action == User::\"x\", resource);",
        "permit(principal in [User::\"a\"], action, resource);",
        "permit(principal in ?resource, action, resource);",
        "permit(principal, action == ?action, resource);",
        "@a @a permit(principal, action, resource);",
        "permit(principal, action, resource) when { 1 < 2 < 3 };",
        "permit(principal, action, resource) when { principal in ?principal };",
        "permit(principal, action, resource) when { principal.if };",
        "permit(principal, action, resource) when { {if: 1} == {} };",
        "permit(principal, action, resource) when { {a: 1, a: 2} == {} };",
        "permit(principal, action, resource) when { principal has if };",
        "permit(principal, action, resource) when { principal has a[\"b\"] };",
        "permit(principal, action, resource) when { !!!!!true };",
        "permit(principal, action, resource) when { !-1 };",
        "permit(principal, action, resource) when { 1 / 2 == 0 };",
        "permit(principal, action, resource) when { 1 = 1 };",
        "permit(principal, action, resource) when { user == 1 };",
        "permit(principal, action, resource) when { f(1) };",
        "permit(principal, action, resource) when { isIpv4(ip(\"::1\")) };",
        "permit(principal, action, resource) when { \"::1\".ip() };",
        "permit(principal, action, resource) when { principal.contains() };",
        "permit(principal, action, resource) when { principal.f() };",
        "permit(principal, action, resource) when { 9223372036854775808 == 1 };",
        "permit(principal, action, resource) when { 18446744073709551616 == 1 };",
        "permit(principal, action, resource) when { \"\\*\" == \"\" };",
        "permit(principal, action, resource) when { \"\\xff\" == \"\" };",
        "permit(principal, action, resource) when { \"\\u{110000}\" == \"\" };",
        "permit(principal, action, resource) when { \"a\rb\" == \"\" };",
        "permit(principal, action, resource) when { \"open };",
        "permit(principal, action, resource) when { __cedar::A::\"x\" == principal };",
        "permit(principal, action, resource) when { principal[a] };",
        "permit(principal, action, resource) when { true && if true then true else true };",
        "permit(principal, action, resource) when { \"\xff\" == \"\" };",
        "permit(principal, action, resource) # no;",
    };
    static const char *const good[] = {
        "",
        "// nothing",
        "permit(principal, action, resource,);",
        "permit(principal == (User::\"a\"), action in [], resource);",
        "@if @note(\"x\") forbid(principal is A::B in C::\"d\", action, resource) unless { false };",
        "permit(principal == ?principal, action, resource is D in ?resource);",
        "permit(principal, action, resource) when { 007 == 7 && [1,] == [1] && {a: 1,} has a };",
        "permit(principal, action, resource) when { permit::\"x\" == principal.permit };",
        "permit(principal, action, resource) when { principal.contains == 1 };",
        "permit(principal, action, resource)\xc2\xa0when { \"a\nb\" == \"\" };",
    };
    struct cedar_error err;

    for (size_t i = 0; i < WRIT_COUNT(bad); i++) {
        struct cedar_policies *ps = load(bad[i], 0, &err);

        CHECK_ROW(ps == NULL && err.line >= 1 && err.col >= 1 && err.text[0] != '\0', bad[i]);
        cedar_policies_free(ps);
    }
    for (size_t i = 0; i < WRIT_COUNT(good); i++) {
        struct cedar_policies *ps = load(good[i], 0, &err);

        CHECK_ROW(ps != NULL, good[i]);
        cedar_policies_free(ps);
    }
}

static void
test_places(void)
{
    struct cedar_error err;
    struct cedar_policies *ps;
    struct cedar_policy_info info;
    struct cedar_span v;

    CHECK(load("permit(principal, action, resource);\n  permit(é", 0, &err) == NULL);
    CHECK(err.line == 2 && err.col == 10 && strcmp(err.file, "test.cedar") == 0);
    CHECK(strstr(err.text, "\xc3") == NULL); /* what came in is escaped */
    ps = load("// x\n@id(\"a\\n\") @bare\npermit(principal, action, resource);\n"
              "forbid(principal, action, resource);",
              0, &err);
    CHECK(ps != NULL && cedar_policies_count(ps) == 2);
    if (ps == NULL)
        return;
    info = cedar_policy_info(ps, 1);
    CHECK(info.id.len == 6 && memcmp(info.id.ptr, "test.1", 6) == 0);
    CHECK(info.line == 4 && info.col == 1 && info.effect == CEDAR_FORBID);
    CHECK(cedar_policy_info(ps, 0).line == 2 && cedar_policy_info(ps, 0).annotation_count == 2);
    CHECK(cedar_policy_annotation(ps, 0, "id", &v) && v.len == 2 && v.ptr[1] == '\n');
    CHECK(cedar_policy_annotation(ps, 0, "bare", &v) && v.len == 0);
    CHECK(!cedar_policy_annotation(ps, 1, "id", &v));
    cedar_policies_free(ps);
}

static void
test_decisions(void)
{
    struct cedar_store *s = make_store();
    struct cedar_error err;
    struct cedar_answer a;
    struct cedar_policies *ps =
        load("permit(principal, action, resource) when { principal.n == 1 };"
             "permit(principal, action == Action::\"write\", resource);"
             "permit(principal, action, resource) when { principal.missing };"
             "forbid(principal in Group::\"top\", action, resource) when { context.missing };",
             0, &err);

    ask(ps, s, 0, &a);
    CHECK(a.decision == CEDAR_ALLOW && a.reason_count == 1 && a.reason[0] == 0);
    CHECK(a.error_count == 2 && a.error[0] == 2 && a.error[1] == 3 && !a.refused);
    ask(ps, s, CEDAR_STRICT_FORBID, &a); /* the prohibition that cannot be evaluated holds */
    CHECK(a.decision == CEDAR_DENY && a.reason_count == 1 && a.reason[0] == 3);
    CHECK(a.error_count == 2);
    cedar_policies_free(ps);
    ps = load("", 0, &err);
    ask(ps, s, 0, &a);
    CHECK(a.decision == CEDAR_DENY && a.reason_count == 0 && a.error_count == 0);
    cedar_policies_free(ps);
    cedar_store_free(s);
}

/* More policies than an answer keeps: the count is right, and the kept ones are the first. */
static void
test_many(void)
{
    enum { MANY = 500 };

    static char text[MANY * 64];
    static uint32_t reasons[MANY];
    static uint32_t errors[MANY];
    struct cedar_store *s = make_store();
    struct cedar_request req = {.principal = uid("User", "a"),
                                .action = uid("Action", "read"),
                                .resource = uid("Doc", "d")};
    struct cedar_error err;
    struct cedar_answer a;
    struct cedar_policies *ps;
    size_t n = 0;

    for (size_t i = 0; i < MANY; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "permit(principal%s, action, resource);",
                              i % 2 == 0 ? "" : " == User::\"a\"");
    ps = load(text, 0, &err);
    cedar_decide(ps, s, &req, 0, &a);
    CHECK(a.reason_count == MANY && a.reason[0] == 0 && a.reason[CEDAR_ANSWER_MAX - 1] == 31);
    cedar_decide_all(ps, s, &req, 0, &a, reasons, errors);
    CHECK(a.reason_count == MANY && reasons[MANY - 1] == MANY - 1 && reasons[250] == 250);
    cedar_policies_free(ps);
    cedar_store_free(s);
}

static void
test_locals(void)
{
    struct cedar_store *s = make_store();
    struct cedar_error err;
    struct cedar_answer a;
    struct cedar_uid parent = uid("Doc", "d");
    struct cedar_uid mine = uid("Page", "p");
    struct cedar_field attrs[] = {{"n", 1, cedar_long(7)}};
    struct cedar_entity locals[2] = {
        {.uid = uid("Page", "p"),
         .parents = &parent,
         .parent_count = 1,
         .attrs = attrs,
         .attr_count = 1},
        {.uid = uid("Line", "1"), .parents = &mine, .parent_count = 1}};
    struct cedar_request req = {.principal = uid("User", "a"),
                                .action = uid("Action", "read"),
                                .resource = uid("Line", "1"),
                                .locals = locals,
                                .local_count = 2};
    struct cedar_policies *ps = load(
        "permit(principal, action, resource in Doc::\"d\") when { Page::\"p\".n == 7 };", 0, &err);

    cedar_decide(ps, s, &req, 0, &a);
    CHECK(a.decision == CEDAR_ALLOW && a.error_count == 0);
    req.local_count = CEDAR_LOCALS_MAX + 1;
    cedar_decide(ps, s, &req, 0, &a);
    CHECK(a.refused && a.decision == CEDAR_DENY);
    req.local_count = 2;
    req.context = cedar_long(1); /* a context is a record */
    cedar_decide(ps, s, &req, 0, &a);
    CHECK(a.refused && a.decision == CEDAR_DENY);
    req.context = cedar_record(NULL, 0);
    locals[0].parents = &locals[1].uid; /* a circle ends, and leads nowhere else */
    cedar_decide(ps, s, &req, 0, &a);
    CHECK(!a.refused && a.decision == CEDAR_DENY);
    cedar_policies_free(ps);
    cedar_store_free(s);
}

static void
test_links(void)
{
    static const char text[] = "permit(principal in ?principal, action, resource == ?resource);";
    const struct cedar_source src = {"t.cedar", text, sizeof text - 1};
    struct cedar_uid group = uid("Group", "top");
    struct cedar_uid doc = uid("Doc", "d");
    struct cedar_link link = {
        .template_id = {"t.0", 3}, .id = {"linked", 6}, .principal = &group, .resource = &doc};
    struct cedar_store *s = make_store();
    struct cedar_policies *ps = NULL;
    struct cedar_error err = {.text = ""};
    struct cedar_answer a;

    CHECK(cedar_policies_load_linked(&src, 1, 0, &link, 1, &ps, &err) == CEDAR_OK);
    if (ps != NULL) {
        ask(ps, s, 0, &a);
        CHECK(a.decision == CEDAR_ALLOW && a.reason_count == 1 && a.reason[0] == 1);
        CHECK(cedar_policy_info(ps, 1).is_link && cedar_policy_info(ps, 0).is_template);
    }
    cedar_policies_free(ps);
    ps = NULL;
    link.resource = NULL; /* a slot is left open */
    CHECK(cedar_policies_load_linked(&src, 1, 0, &link, 1, &ps, &err) == CEDAR_E_INVALID);
    link.resource = &doc;
    link.id = link.template_id; /* two things of one name */
    CHECK(cedar_policies_load_linked(&src, 1, 0, &link, 1, &ps, NULL) == CEDAR_E_INVALID);
    link.template_id = cedar_span_str("none");
    CHECK(cedar_policies_load_linked(&src, 1, 0, &link, 1, &ps, NULL) == CEDAR_E_INVALID);
    CHECK(ps == NULL);
    cedar_store_free(s);
}

static enum cedar_err
add_json(const char *json)
{
    const struct cedar_source src = {"e.json", json, strlen(json)};
    struct cedar_error err = {.text = ""};
    struct cedar_store *s = NULL;
    enum cedar_err e = cedar_store_new(&s);

    if (e == CEDAR_OK)
        e = cedar_store_add_json(s, &src, &err);
    if (e == CEDAR_OK)
        e = cedar_store_seal(s, &err);
    CHECK_ROW(e == CEDAR_OK || err.text[0] != '\0', json);
    cedar_store_free(s);
    return e;
}

static void
test_entities(void)
{
#define UID(t, i) "\"uid\":{\"type\":\"" t "\",\"id\":\"" i "\"}"

    static const struct {
        enum cedar_err want;
        const char *json;
    } rows[] = {
        {CEDAR_OK, "[]"},
        {CEDAR_OK, "[{" UID("A", "1") ",\"attrs\":{},\"parents\":[]}]"},
        {CEDAR_OK, "[{" UID("A", "1") ",\"attrs\":{\"a\":1},\"parents\":[]},{" UID(
                       "A", "1") ",\"attrs\":{\"a\":1},\"parents\":[]}]"},
        {CEDAR_E_INVALID, "[{" UID("A", "1") ",\"attrs\":{\"a\":1},\"parents\":[]},{" UID(
                              "A", "1") ",\"attrs\":{\"a\":2},\"parents\":[]}]"},
        {CEDAR_E_INVALID,
         "[{" UID("A", "1") ",\"attrs\":{},\"parents\":[{\"type\":\"A\",\"id\":\"1\"}]}]"},
        {CEDAR_E_INVALID,
         "[{" UID("A", "1") ",\"attrs\":{},\"parents\":[{\"type\":\"A\",\"id\":\"2\"}]},{" UID(
             "A", "2") ",\"attrs\":{},\"parents\":[{\"type\":\"A\",\"id\":\"1\"}]}]"},
        {CEDAR_E_INVALID, "[{" UID("A b", "1") ",\"attrs\":{},\"parents\":[]}]"},
        {CEDAR_E_INVALID, "[{" UID("A", "1") ",\"attrs\":{\"a\":1.5},\"parents\":[]}]"},
        {CEDAR_E_INVALID, "[{" UID("A", "1") ",\"attrs\":{\"a\":null},\"parents\":[]}]"},
        {CEDAR_E_INVALID,
         "[{" UID("A", "1") ",\"attrs\":{\"a\":9223372036854775808},\"parents\":[]}]"},
        {CEDAR_E_INVALID, "[{" UID("A", "1") ",\"attrs\":{\"a\":{\"__extn\":{\"fn\":\"ip\","
                                             "\"arg\":\"x\"}}},\"parents\":[]}]"},
        {CEDAR_E_INVALID, "[{" UID("A", "1") ",\"attrs\":{}}]"},
        {CEDAR_E_SYNTAX, "[{" UID("A", "1") ",\"attrs\":{\"a\":1,\"a\":1},\"parents\":[]}]"},
        {CEDAR_E_SYNTAX, "[{]"},
        {CEDAR_E_INVALID, "{}"},
    };

#undef UID

    for (size_t i = 0; i < WRIT_COUNT(rows); i++)
        CHECK_ROW(add_json(rows[i].json) == rows[i].want, rows[i].json);
}

/* n times open, middle, n times close, in a condition. */
static enum cedar_err
nested(size_t n, const char *open, const char *middle, const char *close)
{
    size_t size = n * (strlen(open) + strlen(close)) + 256;
    char *text = calloc(1, size);
    struct cedar_error err = {.text = ""};
    struct cedar_policies *ps = NULL;
    struct cedar_source src = {"deep", text, 0};
    enum cedar_err e;
    size_t at = (size_t)snprintf(text, size, "permit(principal, action, resource) when { ");

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%s", open);
    at += (size_t)snprintf(text + at, size - at, "%s", middle);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%s", close);
    at += (size_t)snprintf(text + at, size - at, " };");
    src.len = at;
    e = cedar_policies_load(&src, 1, 0, &ps, &err);
    if (ps != NULL) {
        struct cedar_store *s = make_store();
        struct cedar_answer a;

        ask(ps, s, 0, &a); /* what could be loaded can be evaluated */
        CHECK(!a.refused);
        cedar_store_free(s);
    }
    cedar_policies_free(ps);
    free(text);
    return e;
}

static void
test_limits(void)
{
    CHECK(nested(150, "(", "true", ")") == CEDAR_OK);
    CHECK(nested(5000, "(", "true", ")") == CEDAR_E_LIMIT);
    CHECK(nested(5000, "[", "1", "]") == CEDAR_E_LIMIT);
    CHECK(nested(5000, "if true then ", "true", " else true") == CEDAR_E_LIMIT);
    CHECK(nested(1000, "", "true", " && true") == CEDAR_OK);
    CHECK(nested(1000, "", "0 < 1", " + 1") == CEDAR_OK);
    CHECK(nested(5000, "", "principal", ".a") == CEDAR_E_LIMIT);
    CHECK(nested(100, "[principal.n, ", "1", "].isEmpty()") == CEDAR_OK);
    CHECK(nested(1, "[", "", "principal.n].isEmpty()") == CEDAR_OK);
}

static void
test_explain(void)
{
    struct cedar_store *s = make_store();
    struct cedar_error err;
    struct cedar_explanation x;
    struct cedar_request req = {.principal = uid("User", "a"),
                                .action = uid("Action", "read"),
                                .resource = uid("Doc", "d")};
    struct cedar_policies *ps =
        load("permit(principal, action == Action::\"write\", resource);\n"
             "permit(principal, action, resource) when { principal.flag && principal.n == 2 };\n"
             "permit(principal, action, resource) when { true && principal.no == 2 };\n"
             "permit(principal, action, resource);",
             0, &err);

    cedar_explain(ps, s, &req, 0, &x);
    CHECK(x.outcome == CEDAR_OUT_OF_SCOPE && strcmp(x.text, "action == Action::\"write\"") == 0);
    cedar_explain(ps, s, &req, 1, &x);
    CHECK(x.outcome == CEDAR_NOT_SATISFIED && strcmp(x.text, "principal.n == 2") == 0);
    CHECK(x.line == 2);
    cedar_explain(ps, s, &req, 2, &x);
    CHECK(x.outcome == CEDAR_FAILED && strcmp(x.text, "principal.no == 2") == 0 && x.line == 3);
    cedar_explain(ps, s, &req, 3, &x);
    CHECK(x.outcome == CEDAR_SATISFIED);
    cedar_policies_free(ps);
    cedar_store_free(s);
}

int
main(void)
{
    test_operators();
    test_extensions();
    test_syntax();
    test_places();
    test_decisions();
    test_many();
    test_locals();
    test_links();
    test_entities();
    test_limits();
    test_explain();
    return test_end();
}
