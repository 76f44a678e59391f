/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-json-peek.h"

/* The verdicts are those of Python's json, an implementation that shares nothing with ours. */
typedef struct
{
  const char *text;
  gsize length;
  gboolean valid;
  AipJsonType type;    /* of the member "model" */
  const char *decoded; /* its value */
} JsonCase;

static const JsonCase json_cases[] = {
#include "json-cases.h"
};

static void
test_same_verdict (void)
{
  guint n_valid = 0;

  for (guint i = 0; i < G_N_ELEMENTS (json_cases); i++)
    {
      const JsonCase *expected = &json_cases[i];
      g_autofree char *copy = g_memdup2 (expected->text, expected->length);
      AipJsonMember model = { .name = "model" };

      gboolean valid = aip_json_peek (copy, expected->length, &model, 1, NULL);

      if (valid != expected->valid || model.type != expected->type)
        {
          g_autofree char *shown = g_strescape (expected->text, NULL);

          g_test_message ("case %u: %s", i, shown);
        }

      g_assert_cmpint (valid, ==, expected->valid);
      g_assert_cmpint (model.type, ==, expected->type);
      n_valid += expected->valid ? 1 : 0;

      g_autofree char *decoded = aip_json_member_dup_string (copy, &model);
      g_assert_cmpstr (decoded, ==, expected->decoded);
    }

  /* The corpus tells nothing if it is all of one kind. */
  g_assert_cmpuint (n_valid, >, G_N_ELEMENTS (json_cases) / 20);
  g_assert_cmpuint (n_valid, <, G_N_ELEMENTS (json_cases) * 19 / 20);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/json-cases/same-verdict", test_same_verdict);

  return g_test_run ();
}
