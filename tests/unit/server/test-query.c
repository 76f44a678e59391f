/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-query.h"

typedef struct
{
  const char *query;
  guint n_models;
  const char *model;     /* the first one */
  const char *forwarded; /* as it is */
  const char *mapped;    /* to "a/b&c" */
} Row;

static const Row rows[] = {
  { NULL, 0, NULL, NULL, NULL },
  { "", 0, NULL, NULL, NULL },
  { "a=1&b=2", 0, NULL, "a=1&b=2", "a=1&b=2" },
  { "model=x", 1, "x", "model=x", "model=a%2Fb%26c" },
  { "a=%20&model=x%2fy&b", 1, "x/y", "a=%20&model=x%2fy&b", "a=%20&model=a%2Fb%26c&b" },
  { "m%6fdel=x", 1, "x", "m%6fdel=x", "model=a%2Fb%26c" },
  { "model=x+y", 1, "x y", "model=x+y", "model=a%2Fb%26c" },
  { "model=", 1, "", "model=", "model=a%2Fb%26c" },
  { "model", 1, NULL, "model", "model=a%2Fb%26c" },
  { "model=%zz", 1, NULL, "model=%zz", "model=a%2Fb%26c" },
  { "model=%00", 1, NULL, "model=%00", "model=a%2Fb%26c" },
  { "model=x&model=y", 2, "x", "model=x&model=y", "model=a%2Fb%26c&model=a%2Fb%26c" },
  { "Model=x", 0, NULL, "Model=x", "Model=x" },
  { "xmodel=x&models=y", 0, NULL, "xmodel=x&models=y", "xmodel=x&models=y" },
  { "key=secret", 0, NULL, NULL, NULL },
  { "k%65y=secret&a=1", 0, NULL, "a=1", "a=1" },
  { "a=1&key=secret&keys=2", 0, NULL, "a=1&keys=2", "a=1&keys=2" },
  { "a=1&&b=2", 0, NULL, "a=1&&b=2", "a=1&&b=2" },
};

static void
test_table (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint n_models = 99;
      g_autofree char *model = aip_query_dup_value (rows[i].query, "model", &n_models);
      g_autofree char *forwarded = aip_query_render (rows[i].query, NULL);
      g_autofree char *mapped = aip_query_render (rows[i].query, "a/b&c");

      g_test_message ("%s", rows[i].query != NULL ? rows[i].query : "none");
      g_assert_cmpuint (n_models, ==, rows[i].n_models);
      g_assert_cmpstr (model, ==, rows[i].model);
      g_assert_cmpstr (forwarded, ==, rows[i].forwarded);
      g_assert_cmpstr (mapped, ==, rows[i].mapped);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/query/table", test_table);

  return g_test_run ();
}
