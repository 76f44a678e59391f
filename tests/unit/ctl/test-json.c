/* SPDX-License-Identifier: MIT */
#include "ctl/aip-ctl-json.h"

static void
test_names_of_properties (void)
{
  static const char *const cases[][2] = {
    { "Name", "name" },
    { "BaseUrl", "base-url" },
    { "ConfigFiles", "config-files" },
    { "", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = aip_ctl_json_name_property (cases[i][0]);

      g_assert_cmpstr (name, ==, cases[i][1]);
    }
}

static void
test_values (void)
{
  static const char *const cases[][2] = {
    { "@a{sv} {}", "{}" },
    { "{'b': <uint32 1>, 'a': <true>}", "{\"a\":true,\"b\":1}" },
    { "{'x': <@as []>, 'y': <['1', '\"']>}", "{\"x\":[],\"y\":[\"1\",\"\\\"\"]}" },
    { "@aa{sv} []", "[]" },
    { "[{'b': <1>, 'a': <'x'>}, {}]", "[{\"a\":\"x\",\"b\":1},{}]" },
    { "{'big': <int64 9007199254740993>}", "{\"big\":9007199254740993}" },
    { "{'group': {'key': 'value'}}", "{\"group\":{\"key\":\"value\"}}" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (cases[i][0]));
      g_autofree char *text = aip_ctl_json_format (value, FALSE);

      g_assert_cmpstr (text, ==, cases[i][1]);
    }
}

static void
test_objects (void)
{
  g_autoptr (GPtrArray) objects = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autofree char *none = aip_ctl_json_format_objects (objects);
  g_autofree char *one = NULL;

  g_assert_cmpstr (none, ==, "[]");
  g_ptr_array_add (objects,
                   g_variant_ref_sink (g_variant_new_parsed ("{'VerifyTls': <false>, 'Name': <'n'>}")));
  one = aip_ctl_json_format_objects (objects);
  g_assert_cmpstr (one, ==, "[\n  {\n    \"name\" : \"n\",\n    \"verify-tls\" : false\n  }\n]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/json/property-names", test_names_of_properties);
  g_test_add_func ("/ctl/json/values", test_values);
  g_test_add_func ("/ctl/json/objects", test_objects);
  return g_test_run ();
}
