/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "bus/aip-bus-path.h"

static void
test_names (void)
{
  static const struct
  {
    const char *kind;
    const char *name;
    const char *path;
  } cases[] = {
    { "key", "openai1", AIP_BUS_ROOT "/key/openai1" },
    { "key", "openai-1", AIP_BUS_ROOT "/key/openai_2d1" },
    { "key", "openai_1", AIP_BUS_ROOT "/key/openai_5f1" },
    { "key", "openai_2d1", AIP_BUS_ROOT "/key/openai_5f2d1" },
    { "provider", ".", AIP_BUS_ROOT "/provider/_2e" },
    { "client", "A.b", AIP_BUS_ROOT "/client/A_2eb" },
    { "mapping", "org/model:tag@p", AIP_BUS_ROOT "/mapping/org_2fmodel_3atag_40p" },
    { "mapping", "\xc3\xa9 \x7f", AIP_BUS_ROOT "/mapping/_c3_a9_20_7f" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = aip_bus_path_make (cases[i].kind, cases[i].name);

      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_true (g_variant_is_object_path (path));
    }
}

/* Two names never share a path. */
static void
test_every_byte (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint first = 1; first < 256; first++)
    for (guint second = 0; second < 256; second++)
      {
        const char name[] = { (char) first, (char) second, '\0' };
        char *path = aip_bus_path_make ("key", name);

        if (second == 0 || second == '_' || g_ascii_isalnum ((char) second))
          g_assert_true (g_variant_is_object_path (path));
        g_assert_true (g_hash_table_add (seen, path));
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/bus/path/names", test_names);
  g_test_add_func ("/bus/path/every-byte", test_every_byte);

  return g_test_run ();
}
