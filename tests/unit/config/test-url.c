/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-url"

#include "config/aip-config-url.h"

#include <string.h>

#include "base/aip-error.h"

static void
test_accepted (void)
{
  static const struct
  {
    const char *url;
    const char *checked;
    gboolean in_clear;
  } cases[] = {
    { "https://api.openai.com/v1", "https://api.openai.com/v1", FALSE },
    { "https://api.openai.com/v1/", "https://api.openai.com/v1", FALSE },
    { "https://api.openai.com//", "https://api.openai.com", FALSE },
    { "https://host:8443", "https://host:8443", FALSE },
    { "HTTPS://host/v1", "HTTPS://host/v1", FALSE },
    { "https://xn--bcher-kva.example/a%20b", "https://xn--bcher-kva.example/a%20b", FALSE },
    { "http://127.0.0.1:11434", "http://127.0.0.1:11434", FALSE },
    { "http://127.8.8.8/v1", "http://127.8.8.8/v1", FALSE },
    { "http://[::1]:8080/v1", "http://[::1]:8080/v1", FALSE },
    { "http://localhost:1234/v1", "http://localhost:1234/v1", FALSE },
    { "http://LLM.LocalHost/v1", "http://LLM.LocalHost/v1", FALSE },
    { "http://10.42.53.44:8000/v1", "http://10.42.53.44:8000/v1", TRUE },
    { "http://localhost.example", "http://localhost.example", TRUE },
    { "http://[fd00::1]/v1", "http://[fd00::1]/v1", TRUE },
    { "https://10.0.0.1", "https://10.0.0.1", FALSE },
    { "https://1.example", "https://1.example", FALSE },
    { "https://0xyz", "https://0xyz", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean in_clear = !cases[i].in_clear;
      g_autofree char *checked = aip_config_url_check (cases[i].url, FALSE, &in_clear, &error);

      g_test_message ("%s", cases[i].url);
      g_assert_no_error (error);
      g_assert_cmpstr (checked, ==, cases[i].checked);
      g_assert_cmpint (in_clear, ==, cases[i].in_clear);
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *url;
    const char *why;
  } cases[] = {
    { "", "not a complete URL" },
    { "api.openai.com", "not a complete URL" },
    { "//host/v1", "not a complete URL" },
    { "https://", "not a complete URL" },
    { "https:///v1", "not a complete URL" },
    { "https://host:0", "not a complete URL" },
    { "https://host:65536", "not a complete URL" },
    { "https://host:x", "not a complete URL" },
    { "https://ho%73t/", "not a complete URL" },
    { "https://[::1", "not a complete URL" },
    { "ftp://host/", "neither http nor https" },
    { "file://host/etc/passwd", "neither http nor https" },
    { "https://host/v1#frag", "has a \"#\"" },
    { "https://host/v1#", "has a \"#\"" },
    { "https://host/v1?key=hunter2", "has a \"?\"" },
    { "https://user:hunter2@host/v1", "user name or password" },
    { "https://hunter2@host/v1", "user name or password" },
    { "https://@host/v1", "user name or password" },
    { "https://ho st/v1", "character that no URL has" },
    { "https://host/v1\r\nX: y", "character that no URL has" },
    { "https://host\\@evil/v1", "character that no URL has" },
    { "https://b\xc3\xbc"
      "cher.example",
      "character that no URL has" },
    { "http://2130706433/", "in disguise" },
    { "http://0x7f000001/", "in disguise" },
    { "http://0x7f.1/", "in disguise" },
    { "http://0177.0.0.1/", "in disguise" },
    { "http://127.1/", "in disguise" },
    { "http://127.0.0.1./", "in disguise" },
    { "http://127.0.0.0x1/", "in disguise" },
    { "http://169.254.169.0xFE/", "in disguise" },
    { "http://1.2.3.4.5/", "in disguise" },
    { "http://[::ffff:127.0.0.1]/", "in disguise" },
    { "http://[::ffff:a9fe:a9fe]/", "in disguise" },
    { "http://[64:ff9b::169.254.169.254]/", "in disguise" },
    { "http://[::169.254.169.254]/", "in disguise" },
    { "http://169.254.169.254/latest", "metadata service" },
    { "https://169.254.169.254", "metadata service" },
    { "http://[fd00:ec2::254]/", "metadata service" },
    { "http://[fd00:0ec2:0::0254]/", "metadata service" },
    { "http://metadata.google.internal/", "metadata service" },
    { "http://Metadata.Google.Internal./", "metadata service" },
    { "http://metadata/", "metadata service" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean in_clear;

      g_test_message ("%s", cases[i].url);
      g_assert_null (aip_config_url_check (cases[i].url, FALSE, &in_clear, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG);
      g_assert_nonnull (strstr (error->message, cases[i].why));
      g_assert_null (strstr (error->message, "hunter2"));
    }
}

static void
test_query (void)
{
  g_autoptr (GError) error = NULL;
  gboolean in_clear = TRUE;
  g_autofree char *checked =
      aip_config_url_check ("https://me.openai.azure.com/openai/?api-version=1", TRUE, &in_clear, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (checked, ==, "https://me.openai.azure.com/openai/?api-version=1");
  g_assert_false (in_clear);
}

static void
test_proxy (void)
{
  static const char *const right[] = { "http://proxy:3128", "https://proxy", "socks5h://127.0.0.1:1080/",
                                       "socks4a://[::1]:1080" };
  static const char *const wrong[] = { "",
                                       "proxy:3128",
                                       "ftp://proxy",
                                       "http://u:p@proxy",
                                       "http://proxy/path",
                                       "http://proxy?x",
                                       "http://proxy#x" };

  for (guint i = 0; i < G_N_ELEMENTS (right); i++)
    g_assert_true (aip_config_url_check_proxy (right[i], NULL));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", wrong[i]);
      g_assert_false (aip_config_url_check_proxy (wrong[i], &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG);
    }
}

static void
test_public (void)
{
  static const char *const public[] = { "https://api.openai.com/v1", "http://1.1.1.1:8080/v1",
                                        "https://[2606:4700::1]/v1" };
  static const char *const private[] = { "",
                                         "http://127.0.0.1:11434",
                                         "http://localhost:11434/v1",
                                         "http://[::1]/v1",
                                         "http://192.168.1.5/v1",
                                         "http://10.0.0.1",
                                         "http://172.16.0.1",
                                         "http://169.254.0.9",
                                         "http://[fe80::1]/v1",
                                         "http://[fd12::1]/v1",
                                         "http://0.0.0.0:1",
                                         "http://box:8000/v1",
                                         "http://box.LOCAL/v1",
                                         "http://gpu.lan" };

  for (gsize i = 0; i < G_N_ELEMENTS (public); i++)
    g_assert_true (aip_config_url_is_public (public[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (private); i++)
    g_assert_false (aip_config_url_is_public (private[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/url/accepted", test_accepted);
  g_test_add_func ("/config/url/refused", test_refused);
  g_test_add_func ("/config/url/query", test_query);
  g_test_add_func ("/config/url/proxy", test_proxy);
  g_test_add_func ("/config/url/public", test_public);
  return g_test_run ();
}
