/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "bus/aip-bus-settings.h"

#include "base/aip-error.h"

#define GROUP "[provider p]\n"

/* Takes @settings in the form of GVariant's text; what becomes of @text with them. */
static char *
change (const char *settings, const char *text, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GVariant) parsed = g_variant_parse (G_VARIANT_TYPE_VARDICT, settings, NULL, NULL, NULL);

  g_assert_nonnull (parsed);
  if (!aip_bus_settings_add_to_edit (parsed, "provider p", "token-sha256", edit, error))
    return NULL;
  return aip_config_edit_apply (edit, text, error);
}

static void
assert_changed (const char *settings, const char *before, const char *after)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *result = change (settings, before, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (result, ==, after);
}

static void
assert_refused (const char *settings, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (change (settings, GROUP, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_types (void)
{
  assert_changed ("{}", GROUP, GROUP);
  assert_changed ("{'base-url': <'https://p.example'>}", GROUP, GROUP "base-url=https://p.example\n");
  assert_changed ("{'enabled': <true>}", GROUP, GROUP "enabled=true\n");
  assert_changed ("{'enabled': <false>}", GROUP, GROUP "enabled=false\n");
  assert_changed ("{'priority': <-5>}", GROUP, GROUP "priority=-5\n");
  assert_changed ("{'weight': <uint32 4294967295>}", GROUP, GROUP "weight=4294967295\n");
  assert_changed ("{'weight': <int64 -9223372036854775808>}", GROUP, GROUP "weight=-9223372036854775808\n");
  assert_changed ("{'weight': <uint64 18446744073709551615>}", GROUP, GROUP "weight=18446744073709551615\n");
  assert_changed ("{'weight': <0.25>}", GROUP, GROUP "weight=0.25\n");
  assert_changed ("{'models': <['a', 'b;c']>}", GROUP, GROUP "models=a;b\\;c\n");
}

static void
test_taking_out (void)
{
  const char *full = GROUP "weight=2\nmodels=a;b;\n";

  assert_changed ("{'weight': <''>}", full, GROUP "models=a;b;\n");
  assert_changed ("{'models': <@as []>}", full, GROUP "weight=2\n");
  assert_changed ("{'priority': <''>}", full, full);
}

static void
test_wrong_types (void)
{
  assert_refused ("{'weight': <byte 1>}", "weight: a setting is of type s, as, b, i, u, x, t or d, not y");
  assert_refused ("{'weight': <<1>>}", "weight: a setting is of type s, as, b, i, u, x, t or d, not v");
  assert_refused ("{'weight': <(1,)>}", "weight: a setting is of type s, as, b, i, u, x, t or d, not (i)");
  assert_refused ("{'weight': <handle 0>}", "weight: a setting is of type s, as, b, i, u, x, t or d, not h");
  assert_refused ("{'token-sha256': <'x'>}", "token-sha256: is made by the daemon and cannot be set");
}

/* --- options --- */

static const char *const known[] = { "force:b", "secret:h", "protocol:s", NULL };

static gboolean
check (const char *options, const char *const *names, GError **error)
{
  g_autoptr (GVariant) parsed = g_variant_parse (G_VARIANT_TYPE_VARDICT, options, NULL, NULL, NULL);

  g_assert_nonnull (parsed);
  return aip_bus_options_check (parsed, names, error);
}

static void
test_options (void)
{
  static const char *const wrong[] = { "{'force': <1>}", "{'Force': <true>}", "{'force:b': <true>}",
                                       "{'': <true>}",   "{'secret': <1>}",   "{'force': <true>, 'x': <1>}" };
  g_autoptr (GError) problem = NULL;

  g_assert_true (check ("{}", NULL, &problem));
  g_assert_true (check ("{}", known, &problem));
  g_assert_true (check ("{'force': <true>, 'secret': <handle 3>, 'protocol': <''>}", known, &problem));
  g_assert_no_error (problem);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (check (wrong[i], known, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
    }
  g_assert_false (check ("{'force': <true>}", NULL, &problem));
  g_assert_cmpstr (problem->message, ==, "the method has no option force of type b; see its description");
}

static void
test_reading_options (void)
{
  g_autoptr (GVariant) options =
      g_variant_parse (G_VARIANT_TYPE_VARDICT, "{'force': <true>, 'protocol': <'gemini'>}", NULL, NULL, NULL);

  g_assert_true (aip_bus_options_get_boolean (options, "force", FALSE));
  g_assert_true (aip_bus_options_get_boolean (options, "missing", TRUE));
  g_assert_false (aip_bus_options_get_boolean (options, "missing", FALSE));
  g_assert_cmpstr (aip_bus_options_get_string (options, "protocol"), ==, "gemini");
  g_assert_null (aip_bus_options_get_string (options, "missing"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/bus/settings/types", test_types);
  g_test_add_func ("/bus/settings/taking-out", test_taking_out);
  g_test_add_func ("/bus/settings/wrong-types", test_wrong_types);
  g_test_add_func ("/bus/options/check", test_options);
  g_test_add_func ("/bus/options/get", test_reading_options);

  return g_test_run ();
}
