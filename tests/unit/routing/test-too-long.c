/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

/* Which models are asked when others have turned a request down as too long. */

typedef struct
{
  const char *name;
  const char *failed[3]; /* "model=context" */
  const char *model;
  guint context;
  gboolean ruled_out;
} Case;

static const Case cases[] = {
  { "nobody", { NULL }, "m", 0, FALSE },
  { "nobody/known", { NULL }, "m", 1, FALSE },
  { "same/known", { "m=8000" }, "m", 8000, TRUE },
  { "same/unknown", { "m=0" }, "m", 0, TRUE },
  { "smaller", { "m=8000" }, "n", 4000, TRUE },
  { "equal", { "m=8000" }, "n", 8000, TRUE },
  { "larger", { "m=8000" }, "n", 8001, FALSE },
  { "unknown-after-known", { "m=8000" }, "n", 0, FALSE },
  { "known-after-unknown", { "m=0" }, "n", 1, FALSE },
  { "unknown-after-unknown", { "m=0" }, "n", 0, FALSE },
  { "second/once", { "m=8000", "n=0" }, "n", 0, TRUE },
  { "second/first-stays-out", { "m=8000", "n=0" }, "m", 8000, TRUE },
  { "second/the-most-counts", { "m=8000", "n=32000" }, "o", 16000, TRUE },
  { "second/the-least-does-not", { "m=32000", "n=8000" }, "o", 16000, TRUE },
  { "second/larger-than-both", { "m=32000", "n=8000" }, "o", 64000, FALSE },
  { "largest", { "m=4294967295" }, "o", G_MAXUINT, TRUE },
};

static void
note (AipTooLong *self, const char *failed)
{
  g_auto (GStrv) sides = g_strsplit (failed, "=", 2);

  aip_too_long_add (self, sides[0], (guint) g_ascii_strtoull (sides[1], NULL, 10));
}

static void
test_case (const void *data)
{
  const Case *test = data;
  g_auto (AipTooLong) too_long = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (test->failed) && test->failed[i] != NULL; i++)
    note (&too_long, test->failed[i]);
  g_assert_cmpint (aip_too_long_rules_out (&too_long, test->model, test->context), ==, test->ruled_out);
}

static void
test_clear (void)
{
  AipTooLong too_long = { 0 };

  note (&too_long, "m=8000");
  aip_too_long_clear (&too_long);
  g_assert_false (aip_too_long_rules_out (&too_long, "m", 8000));
}

static const char config[] = "[routing]\nstrategy=failover\nallow-unknown-models=false\n"
                             "[provider one]\ndialect=openai\nbase-url=https://one.example/v1\n"
                             "models=small;same;large;unknown\n"
                             "[provider two]\ndialect=openai\nbase-url=https://two.example/v1\n"
                             "models=small;large\npriority=1\n"
                             "[key a]\nprovider=one\nsecret=env:A\n"
                             "[key b]\nprovider=one\nsecret=env:B\n"
                             "[mapping any]\ntarget=small;same;unknown;large\n"
                             "[mapping few]\ntarget=small;same\n"
                             "[model small]\ncontext=8000\n"
                             "[model same]\ncontext=8000\n"
                             "[model large]\ncontext=128000\n";

typedef struct
{
  const char *name;
  const char *asked_for;
  const char *failed[3];
  guint limit;
  const char *plan;
} PlanCase;

static const PlanCase plan_cases[] = {
  { "all",
    "any",
    { NULL },
    0,
    "one:a:small one:b:small two:-:small one:a:same one:b:same one:a:unknown one:b:unknown one:a:large "
    "one:b:large two:-:large" },
  { "larger", "any", { "small=8000" }, 0, "one:a:unknown one:b:unknown one:a:large one:b:large two:-:large" },
  { "larger-still", "any", { "small=8000", "unknown=0" }, 0, "one:a:large one:b:large two:-:large" },
  /* However many keys the small one has. */
  { "within-the-limit", "any", { "small=8000", "unknown=0" }, 1, "one:a:large" },
  { "unknown",
    "any",
    { "unknown=0" },
    0,
    "one:a:small one:b:small two:-:small one:a:same one:b:same one:a:large one:b:large two:-:large" },
  { "a-name-of-its-own", "large", { "small=8000" }, 0, "one:a:large one:b:large two:-:large" },
};

static void
test_plan (const void *data)
{
  const PlanCase *test = data;
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  g_auto (AipTooLong) too_long = { 0 };
  AipRouteQuery query = { .model = test->asked_for, .limit = test->limit, .too_long = &too_long };
  g_autofree char *plan = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (test->failed) && test->failed[i] != NULL; i++)
    note (&too_long, test->failed[i]);
  plan = routes_plan (router, &query);
  g_assert_cmpstr (plan, ==, test->plan);
}

/* Nothing larger is an error, whose text nobody is told. */
static void
test_nothing_larger (void)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  g_auto (AipTooLong) too_long = { 0 };
  AipRouteQuery query = { .model = "few", .too_long = &too_long };

  note (&too_long, "small=8000");
  g_assert_null (aip_router_plan (router, &query, NULL, NULL));
  query.model = "large";
  note (&too_long, "large=128000");
  g_assert_null (aip_router_plan (router, &query, NULL, NULL));
}

static void
test_context (void)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);

  g_assert_cmpuint (aip_router_get_context (router, "small"), ==, 8000);
  g_assert_cmpuint (aip_router_get_context (router, "large"), ==, 128000);
  g_assert_cmpuint (aip_router_get_context (router, "unknown"), ==, 0);
}

static void
test_explained (void)
{
  g_autoptr (AipRouter) router = routes_make (config, NULL);
  AipRouteQuery query = { .model = "any" };
  g_autoptr (GPtrArray) list = aip_router_explain (router, &query, 0, NULL);
  guint found = 0;

  for (guint i = 0; i < list->len; i++)
    {
      const AipRouteExplanation *candidate = g_ptr_array_index (list, i);

      g_assert_cmpuint (candidate->context, ==, aip_router_get_context (router, candidate->model));
      found |= g_str_equal (candidate->model, "large") ? candidate->context : 0;
    }
  g_assert_cmpuint (found, ==, 128000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/routing/too-long/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (plan_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/routing/too-long/plan/", plan_cases[i].name, NULL);

      g_test_add_data_func (path, &plan_cases[i], test_plan);
    }
  g_test_add_func ("/routing/too-long/clear", test_clear);
  g_test_add_func ("/routing/too-long/nothing-larger", test_nothing_larger);
  g_test_add_func ("/routing/too-long/context", test_context);
  g_test_add_func ("/routing/too-long/explained", test_explained);

  return g_test_run ();
}
