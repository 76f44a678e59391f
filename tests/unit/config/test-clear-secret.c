/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-clear-secret"

#include "config/aip-config-edit.h"

#include <string.h>

#include "save-fixture.h"

#define CLEAR_KEY "sk-9f8e7d6c5b4a39281706f5e4d3c2b1a0"

static void
test_clear_secret (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipSecret) secret = NULL;
  g_autoptr (AipConfigEdit) other = aip_config_edit_new ();
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (AipConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf (
      "the configuration has to be mended before it can be changed:\n"
      "%s:4: [key a] secret: is none of keyring, env:VARIABLE and credential:NAME; a key never stands in "
      "this "
      "file: move it into the keyring with: aiproxyd --import-keys; or, while the daemon runs, with: "
      "aiproxyctl "
      "key add a --import; or write "
      "secret=keyring and run: aiproxyctl key secret a",
      fixture->high);

  write_file (fixture->high, PROVIDER "[key a]\nsecret = " CLEAR_KEY "\nprovider=p\n");
  aip_config_edit_set (other, "log", "level", "info");
  assert_refused (fixture, other, NULL, NULL, AIP_ERROR_INVALID_CONFIG, expected);

  secret = aip_config_take_clear_secret (fixture->high, "a", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, CLEAR_KEY);
  aip_config_edit_set (edit, "key a", "secret", "keyring");
  config = save_with (fixture, edit, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_file (fixture->high, PROVIDER "[key a]\nsecret = keyring\nprovider=p\n");
}

static void
test_clear_secret_forms (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *line;
    const char *secret; /* NULL: an error */
    AipError code;
    const char *message;
  } cases[] = {
    { "secret=a\\\\b\\sc", "a\\b c", 0, NULL },
    { "secret=x;y=z#", "x;y=z#", 0, NULL },
    { "secret=keyring", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=env:KEY", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=credential:a-key", NULL, AIP_ERROR_NOT_FOUND, "holds no key in clear" },
    { "secret=", NULL, AIP_ERROR_NOT_FOUND, "is empty" },
    { "weight=1", NULL, AIP_ERROR_NOT_FOUND, "is not set" },
    { "secret=env:" CLEAR_KEY, NULL, AIP_ERROR_INVALID_CONFIG,
      "is neither a name nor a key; write env:VARIABLE, credential:NAME or keyring" },
    { "secret=credential:" CLEAR_KEY, NULL, AIP_ERROR_INVALID_CONFIG,
      "is neither a name nor a key; write env:VARIABLE, credential:NAME or keyring" },
    { "secret=" CLEAR_KEY "\\x", NULL, AIP_ERROR_INVALID_CONFIG,
      "has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("[key a]\n%s\n[key b]\nsecret=other\n", cases[i].line);
      g_autoptr (GError) error = NULL;
      g_autoptr (AipSecret) secret = NULL;
      g_autofree char *expected = g_strdup_printf ("%s: [key a] secret: %s", fixture->high, cases[i].message);

      write_file (fixture->high, text);
      secret = aip_config_take_clear_secret (fixture->high, "a", &error);
      if (cases[i].secret != NULL)
        {
          g_assert_no_error (error);
          g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, cases[i].secret);
          continue;
        }
      g_assert_error (error, AIP_ERROR, (int) cases[i].code);
      g_assert_cmpstr (error->message, ==, expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("clear-secret/move", test_clear_secret);
  ADD ("clear-secret/forms", test_clear_secret_forms);
  return g_test_run ();
}
