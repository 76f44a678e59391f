/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "bus/aip-bus-settings.h"

#include <string.h>

#include "base/aip-error.h"
#include "fuzz.h"

/* The first byte says in which byte order, and what the options are; a serialised a{sv} follows, whatever it
 * is worth: a client of the bus sends it as it likes. */

#define SWAPPED 1u

static const char *const known[] = { "secret:h", "force:b", "protocol:s", NULL };

static GVariant *
make_settings (const uint8_t *data, size_t size, gboolean swapped)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) settings =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));

  return swapped ? g_variant_byteswap (settings) : g_steal_pointer (&settings);
}

static void
check_error (gboolean ok, const GError *error)
{
  g_assert_cmpint (ok, ==, error == NULL);
  if (error == NULL)
    return;
  g_assert_true (error->domain == AIP_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL) && *error->message != '\0');
}

/* What the file looks like then has to stay the same when it is done again. */
static void
check_settings (GVariant *settings)
{
  static const char text[] = "# mine\n[provider p]\nweight=2\n\n[log]\nlevel=info\n";
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *once = NULL;
  g_autofree char *twice = NULL;
  gboolean ok = aip_bus_settings_add_to_edit (settings, "provider p", "token-sha256", edit, &error);

  check_error (ok, error);
  if (!ok)
    return;
  once = aip_config_edit_apply (edit, text, &error);
  check_error (once != NULL, error);
  if (once == NULL)
    return;
  g_assert_true (g_str_has_prefix (once, "# mine\n[provider p]\n"));
  g_assert_true (g_str_has_suffix (once, "\n[log]\nlevel=info\n"));
  twice = aip_config_edit_apply (edit, once, NULL);
  g_assert_cmpstr (twice, ==, once);
}

static void
check_options (GVariant *options, const char *const *names)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = aip_bus_options_check (options, names, &error);
  const char *protocol;

  check_error (ok, error);
  aip_bus_options_get_boolean (options, "force", FALSE);
  protocol = aip_bus_options_get_string (options, "protocol");
  g_assert_true (protocol == NULL || g_utf8_validate (protocol, -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GVariant) settings = NULL;

  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  if (size == 0)
    return 0;
  settings = make_settings (data + 1, size - 1, (data[0] & SWAPPED) != 0);
  check_settings (settings);
  check_options (settings, known);
  check_options (settings, NULL);
  return 0;
}
