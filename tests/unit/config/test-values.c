/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-values"

#include "config/aip-config-values.h"

#include <gio/gunixsocketaddress.h>

#include "base/aip-error.h"

static void
test_boolean (void)
{
  static const char *const yes[] = { "true", "True", "TRUE", "yes", "on", "1" };
  static const char *const no[] = { "false", "No", "off", "0" };
  static const char *const neither[] = { "", "2", "t", "truee", "enable", "-1" };
  gboolean value;

  for (guint i = 0; i < G_N_ELEMENTS (yes); i++)
    {
      value = FALSE;
      g_assert_true (aip_config_parse_boolean (yes[i], &value));
      g_assert_true (value);
    }
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    {
      value = TRUE;
      g_assert_true (aip_config_parse_boolean (no[i], &value));
      g_assert_false (value);
    }
  for (guint i = 0; i < G_N_ELEMENTS (neither); i++)
    g_assert_false (aip_config_parse_boolean (neither[i], &value));
}

static void
test_double (void)
{
  static const char *const wrong[] = {
    "", "-", ".5", "1.2.3", "1e3", "0x10", "inf", "nan", " 1", "1,5", "1 "
  };
  double value;

  g_assert_true (aip_config_parse_double ("0.25", &value));
  g_assert_cmpfloat (value, ==, 0.25);
  g_assert_true (aip_config_parse_double ("-3", &value));
  g_assert_cmpfloat (value, ==, -3);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (aip_config_parse_double (wrong[i], &value));
}

typedef struct
{
  const char *text;
  guint64 value; /* G_MAXUINT64: refused */
} Case;

#define REFUSED G_MAXUINT64

static void
test_duration (void)
{
  static const Case cases[] = {
    { "0", 0 },
    { "0s", 0 },
    { "250ms", 250 },
    { "30s", 30000 },
    { "30 s", 30000 },
    { "2m", 120000 },
    { "1h", 3600000 },
    { "7d", 604800000 },
    { "30S", 30000 },
    { "", REFUSED },
    { "30", REFUSED },
    { "s", REFUSED },
    { "-1s", REFUSED },
    { "+1s", REFUSED },
    { "1.5s", REFUSED },
    { "1m30s", REFUSED },
    { "30sec", REFUSED },
    { "30s ", REFUSED },
    { "18446744073709551615d", REFUSED },
    { "99999999999999999999s", REFUSED },
  };
  guint64 value;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean valid = aip_config_parse_duration (cases[i].text, &value);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (valid, ==, cases[i].value != REFUSED);
      if (valid)
        g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_size (void)
{
  static const Case cases[] = {
    { "0", 0 },
    { "100", 100 },
    { "100B", 100 },
    { "64MiB", 64 * 1024 * 1024 },
    { "64 mib", 64 * 1024 * 1024 },
    { "10MB", 10000000 },
    { "512KiB", 512 * 1024 },
    { "1GiB", 1 << 30 },
    { "2TB", G_GUINT64_CONSTANT (2000000000000) },
    { "", REFUSED },
    { "MiB", REFUSED },
    { "64M", REFUSED },
    { "-1MB", REFUSED },
    { "1.5GiB", REFUSED },
    { "16777216TiB", REFUSED },
  };
  guint64 value;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean valid = aip_config_parse_size (cases[i].text, &value);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (valid, ==, cases[i].value != REFUSED);
      if (valid)
        g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_format (void)
{
  static const guint64 values[] = { 0, 1, 999, 1000, 1024, 90000, 86400000, 1 << 20, 12345678, G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *duration = aip_config_format_duration (values[i]);
      g_autofree char *size = aip_config_format_size (values[i]);
      guint64 back;

      g_assert_true (aip_config_parse_duration (duration, &back));
      g_assert_cmpuint (back, ==, values[i]);
      g_assert_true (aip_config_parse_size (size, &back));
      g_assert_cmpuint (back, ==, values[i]);
    }

  g_autofree char *minutes = aip_config_format_duration (120000);
  g_autofree char *mebibytes = aip_config_format_size (64 << 20);

  g_assert_cmpstr (minutes, ==, "2m");
  g_assert_cmpstr (mebibytes, ==, "64MiB");
}

static void
test_listen (void)
{
  static const struct
  {
    const char *text;
    gboolean loopback;
  } right[] = {
    { "127.0.0.1:8000", TRUE },   { "127.9.9.9:1", TRUE },      { "[::1]:0", TRUE },
    { "unix:/run/a.sock", TRUE }, { "0.0.0.0:8000", FALSE },    { "[::]:8000", FALSE },
    { "192.168.1.5:80", FALSE },  { "[fe80::1]:65535", FALSE }, { "10.0.0.1:443", FALSE },
  };
  static const char *const wrong[] = { "",
                                       "8000",
                                       ":8000",
                                       "*:8000",
                                       "localhost:8000",
                                       "127.0.0.1",
                                       "127.0.0.1:",
                                       "127.1:80",
                                       "::1:8000",
                                       "[::1]",
                                       "[::1]8000",
                                       "[127.0.0.1]:80",
                                       "127.0.0.1:65536",
                                       "1.2.3.4:-1",
                                       "1.2.3.4:+1",
                                       "1.2.3.4: 80",
                                       "http://1.2.3.4:80",
                                       "unix:",
                                       "unix:run/a",
                                       "[]:80",
                                       "[::1]x:80" };

  for (guint i = 0; i < G_N_ELEMENTS (right); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocketAddress) address = aip_config_parse_listen (right[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpint (aip_config_is_loopback (address), ==, right[i].loopback);
      g_assert_cmpint (G_IS_UNIX_SOCKET_ADDRESS (address), ==, g_str_has_prefix (right[i].text, "unix:"));
    }
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", wrong[i]);
      g_assert_null (aip_config_parse_listen (wrong[i], &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG);
    }
}

static void
test_listen_long_path (void)
{
  g_autofree char *name = g_strnfill (107, 'x');
  g_autofree char *longest = g_strconcat ("unix:/", name + 1, NULL);
  g_autofree char *longer = g_strconcat ("unix:/", name, NULL);
  g_autoptr (GSocketAddress) address = aip_config_parse_listen (longest, NULL);

  g_assert_nonnull (address);
  g_assert_null (aip_config_parse_listen (longer, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/values/boolean", test_boolean);
  g_test_add_func ("/config/values/double", test_double);
  g_test_add_func ("/config/values/duration", test_duration);
  g_test_add_func ("/config/values/size", test_size);
  g_test_add_func ("/config/values/format", test_format);
  g_test_add_func ("/config/values/listen", test_listen);
  g_test_add_func ("/config/values/listen-long-path", test_listen_long_path);
  return g_test_run ();
}
