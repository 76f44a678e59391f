/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-guard.h"

#include "heads.h"

static const char *const hosts[] = { "ai.example", "Upper.Example:9000", "[2001:db8::1]", NULL };
static const char *const origins[] = { "https://app.example", NULL };
static const char *const listen_at[] = { "127.0.0.1:8000", "192.0.2.7:8000", "0.0.0.0:8000",
                                         "[::]:8000",      "unix:/run/a",    NULL };

static AipGuard *
make_guard (void)
{
  AipConfig config = { 0 };

  config.server.allowed_hosts = (char **) hosts;
  config.server.allowed_origins = (char **) origins;
  config.server.listen = (char **) listen_at;
  return aip_guard_new (&config);
}

typedef struct
{
  const char *headers;
  const char *code; /* NULL: it may pass */
} Row;

static void
check_rows (const Row *rows, gsize n)
{
  g_autoptr (AipGuard) guard = make_guard ();

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (AipHead) head = heads_get (rows[i].headers);
      AipFailure failure = { 0 };
      gboolean passes = aip_guard_check (guard, head, &failure);

      if (passes != (rows[i].code == NULL) || g_strcmp0 (failure.code, rows[i].code) != 0)
        {
          g_test_message ("%s instead of %s: %s", failure.code, rows[i].code, rows[i].headers);
          g_test_fail ();
        }
      if (!passes)
        {
          g_assert_cmpuint (failure.status, ==, g_str_equal (failure.code, "loop_detected") ? 508 : 403);
          g_assert_nonnull (failure.message);
        }
    }
}

static void
test_hosts (void)
{
  static const Row rows[] = {
    { "Host: 127.0.0.1\r\n", NULL },
    { "Host: 127.0.0.1:8000\r\n", NULL },
    { "Host: 127.0.0.1:1\r\n", NULL },
    { "Host: localhost\r\n", NULL },
    { "Host: LocalHost:65535\r\n", NULL },
    { "Host: [::1]\r\n", NULL },
    { "Host: [::1]:8000\r\n", NULL },
    { "Host: ai.example\r\n", NULL },
    { "Host: AI.example:443\r\n", NULL },
    { "Host: upper.example\r\n", NULL },
    { "Host: [2001:DB8::1]:1\r\n", NULL },
    { "Host: 192.0.2.7:8000\r\n", NULL },
    { "", NULL }, /* HTTP/1.0 */
    { "Host: evil.example\r\n", "host_not_allowed" },
    { "Host: evil.example:8000\r\n", "host_not_allowed" },
    { "Host: ai.example.evil.example\r\n", "host_not_allowed" },
    { "Host: evil-ai.example\r\n", "host_not_allowed" },
    { "Host: x.localhost\r\n", "host_not_allowed" },
    { "Host: 127.0.0.1.evil.example\r\n", "host_not_allowed" },
    { "Host: 127.0.0.1@evil.example\r\n", "host_not_allowed" },
    { "Host: localhost:80@evil.example\r\n", "host_not_allowed" },
    { "Host: localhost/evil\r\n", "host_not_allowed" },
    { "Host: localhost, evil.example\r\n", "host_not_allowed" },
    { "Host: localhost:\r\n", NULL }, /* RFC 3986, 3.2.3: an empty port is the usual one */
    { "Host: localhost:8a\r\n", "host_not_allowed" },
    { "Host: localhost:800000\r\n", "host_not_allowed" },
    { "Host: localhost:-1\r\n", "host_not_allowed" },
    { "Host: localhost:1:2\r\n", "host_not_allowed" },
    { "Host: [::1\r\n", "host_not_allowed" },
    { "Host: [::1]x\r\n", "host_not_allowed" },
    { "Host: [::1]:8x\r\n", "host_not_allowed" },
    { "Host: [\r\n", "host_not_allowed" },
    { "Host: ::1\r\n", "host_not_allowed" },
    { "Host: 0.0.0.0:8000\r\n", "host_not_allowed" },
    { "Host: [::]:8000\r\n", "host_not_allowed" },
    { "Host: unix\r\n", "host_not_allowed" },
    { "Host: *\r\n", "host_not_allowed" },
    { "Host:\r\n", "host_not_allowed" },
    { "Host: :8000\r\n", "host_not_allowed" },
  };

  check_rows (rows, G_N_ELEMENTS (rows));
}

#define HOST "Host: localhost\r\n"

static void
test_origins (void)
{
  static const Row rows[] = {
    { HOST, NULL },
    { HOST "Origin: https://app.example\r\n", NULL },
    { HOST "Origin: https://app.example\r\nSec-Fetch-Site: cross-site\r\n", NULL },
    { HOST "Sec-Fetch-Site: none\r\n", NULL },
    { HOST "Sec-Fetch-Site: same-origin\r\n", NULL },
    { HOST "Sec-Fetch-Site: cross-site\r\n", "origin_not_allowed" },
    { HOST "Sec-Fetch-Site: Cross-Site\r\n", "origin_not_allowed" },
    { HOST "Origin: http://app.example\r\n", "origin_not_allowed" },
    { HOST "Origin: https://app.example:444\r\n", "origin_not_allowed" },
    { HOST "Origin: https://app.example.evil.example\r\n", "origin_not_allowed" },
    { HOST "Origin: https://evil.example\r\n", "origin_not_allowed" },
    { HOST "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n", "origin_not_allowed" },
    { HOST "Origin: http://localhost:3000\r\n", "origin_not_allowed" },
    { HOST "Origin: null\r\n", "origin_not_allowed" },
    { HOST "Origin:\r\n", "origin_not_allowed" },
    { HOST "Origin: https://app.example https://evil.example\r\n", "origin_not_allowed" },
    { "Host: evil.example\r\nOrigin: https://app.example\r\n", "host_not_allowed" },
  };

  check_rows (rows, G_N_ELEMENTS (rows));
}

static void
test_hops (void)
{
  static const struct
  {
    const char *headers;
    guint hops;
  } counts[] = {
    { "", 0 },
    { AIP_HOP_HEADER ": 0\r\n", 0 },
    { AIP_HOP_HEADER ": 3\r\n", 3 },
    { AIP_HOP_HEADER ": x\r\n", 0 },
    { AIP_HOP_HEADER ": -5\r\n", 0 },
    { AIP_HOP_HEADER ":\r\n", 0 },
    { AIP_HOP_HEADER ": 99999999999999999999999\r\n", 1000 },
  };
  static const Row rows[] = {
    { HOST AIP_HOP_HEADER ": 3\r\n", NULL },
    { HOST AIP_HOP_HEADER ": 4\r\n", "loop_detected" },
    { HOST AIP_HOP_HEADER ": 99999999999999999999999\r\n", "loop_detected" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (AipHead) head = heads_get (counts[i].headers);

      g_assert_cmpuint (aip_guard_get_hops (head), ==, counts[i].hops);
    }
  check_rows (rows, G_N_ELEMENTS (rows));
}

/* The authority of an absolute target is what counts, and what is checked. */
static void
test_absolute_target (void)
{
  g_autoptr (AipGuard) guard = make_guard ();
  g_autoptr (AipHead) ours = heads_parse ("GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  g_autoptr (AipHead) theirs = heads_parse ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  AipFailure failure = { 0 };

  g_assert_true (aip_guard_check (guard, ours, &failure));
  g_assert_false (aip_guard_check (guard, theirs, &failure));
  g_assert_cmpstr (failure.code, ==, "host_not_allowed");
}

static void
test_paths (void)
{
  static const char *const plain[] = {
    "/",
    "/v1/models",
    "/v1/models/gpt-4o:latest",
    "/v1/a.b/..c/d..",
    "/v1/...",
    "/v1/a%20b",
    "/v1/a%C3%A4b",
    "/v1/files/%E4%B8%AD",
    "/v1/a/",
    "/v1/a~b!$&'()*+,;=@",
    "/v1/a%2525b/.c",
    "/v1/models/ft%3Agpt-4o",
  };
  static const char *const refused[] = {
    "//",           "//a",
    "/v1//a",       "/v1/a//",
    "/.",           "/..",
    "/v1/.",        "/v1/..",
    "/v1/./a",      "/v1/../a",
    "/v1/%2e%2e",   "/v1/%2E./a",
    "/v1/.%2e/a",   "/v1/%2e/a",
    "/v1/a%2fb",    "/v1/a%2F..",
    "/v1/a\\b",     "/v1/a%5cb",
    "/v1/..%5cb",   "/v1/a%00b",
    "/v1/a%0d%0a",  "/v1/a%0Ab",
    "/v1/a%7fb",    "/v1/a%3fb",
    "/v1/a%23b",    "/v1/a%",
    "/v1/a%2",      "/v1/a%zz",
    "/v1/a%2g",     "/v1/%1fa",
    "/../v1/files", "/v1/a/../../b",
    "/v1/%41",      "/v1/%63hat/completions",
    "/v1/a/..;/b",  "/v1/a/%2e%2e;x/b",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (plain); i++)
    {
      AipFailure failure = { 0 };

      if (!aip_guard_check_path (plain[i], &failure))
        g_error ("%s is refused: %s", plain[i], failure.message);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      AipFailure failure = { 0 };

      if (aip_guard_check_path (refused[i], &failure))
        g_error ("%s passes", refused[i]);
      g_assert_cmpuint (failure.status, ==, 400);
      g_assert_cmpstr (failure.code, ==, "invalid_path");
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/guard/hosts", test_hosts);
  g_test_add_func ("/server/guard/origins", test_origins);
  g_test_add_func ("/server/guard/hops", test_hops);
  g_test_add_func ("/server/guard/absolute-target", test_absolute_target);
  g_test_add_func ("/server/guard/paths", test_paths);

  return g_test_run ();
}
