/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-log.h"

#include <string.h>

typedef struct
{
  const char *message;
  const char *masked;
} MaskCase;

#define JWT "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

static const MaskCase mask_cases[] = {
  { "", "" },
  { "nothing to see here", "nothing to see here" },

  /* Keys with a prefix */
  { "key sk-abcdef123456 refused", "key sk-*** refused" },
  { "sk-ant-api03-AbC_dEf-123", "sk-ant-***" },
  { "sk-proj-AbC_dEf-123", "sk-proj-***" },
  { "(sk-or-v1-00ff)", "(sk-or-***)" },
  { "AIzaSyD-1234567890abcdefghijklmnopqrstu", "AIza***" },
  { "gsk_0123456789abcdef", "gsk_***" },
  { "xai-0123456789abcdef", "xai-***" },
  { "hf_0123456789abcdef", "hf_***" },
  { "ghp_0123456789abcdef", "ghp_***" },
  { "github_pat_0123456789abcdef", "github_pat_***" },
  { "aip-0123456789_bcdefghi-", "aip-***" },
  { "two: sk-aaaa,sk-bbbb", "two: sk-***,sk-***" },
  { "密钥sk-abcdef", "密钥sk-***" },
  { "a%20sk-abcdef", "a%20sk-***" },
  { "a\\nsk-abcdef", "a\\nsk-***" },
  { "a\\u0022sk-abcdef", "a\\u0022sk-***" },

  /* Words that only look like them */
  { "task-force, desk-top, risk-", "task-force, desk-top, risk-" },
  { "aip-json-peek", "aip-json-peek" },
  { "aip-0123456789_bcdefgh", "aip-0123456789_bcdefgh" },
  { "sk- eyJ hf_ AIza", "sk- eyJ hf_ AIza" },
  { "max_tokens=5 \"max_tokens\": 7", "max_tokens=5 \"max_tokens\": 7" },
  { "monkey=1 turkey: 2", "monkey=1 turkey: 2" },
  { "key main: breaker open", "key main: breaker open" },
  { "no bearer token was sent", "no bearer token was sent" },
  { "forbearer x", "forbearer x" },
  { "[key main] secret: write secret=env:NAME", "[key main] secret: write secret=env:NAME" },

  /* Bearer tokens and JSON web tokens */
  { "Bearer abc.def+/=", "Bearer ***" },
  { "bearer  abc", "bearer  ***" },
  { "BEARER%20abc", "BEARER%20***" },
  { "Bearer ab!cd; next", "Bearer ***; next" },
  { "got " JWT "!", "got eyJ***!" },
  { "Bearer " JWT, "Bearer ***" },

  /* Headers */
  { "Authorization: Basic dXNlcjpwYXNz", "Authorization: ***" },
  { "authorization:Bearer abc def", "authorization:***" },
  { "Proxy-Authorization: Digest a=\"b\"", "Proxy-Authorization: ***\"b\"" },
  { "-H \"Authorization: Bearer abc\" -v", "-H \"Authorization: ***\" -v" },
  { "Authorization: a b\r\nHost: c", "Authorization: ***\r\nHost: c" },
  { "x-api-key: abc, next", "x-api-key: ***, next" },
  { "X-Api-Key:abc", "X-Api-Key:***" },
  { "x-goog-api-key: abc", "x-goog-api-key: ***" },
  { "Set-Cookie: a=b; c=d", "Set-Cookie: ***" },

  /* URLs */
  { "GET /v1?key=abc&alt=sse", "GET /v1?key=***&alt=sse" },
  { "GET /v1?alt=sse&api_key=abc", "GET /v1?alt=sse&api_key=***" },
  { "/x?access_token=abc#frag", "/x?access_token=***" },
  { "/x?a\\u0026key=abc", "/x?a\\u0026key=***" },
  { "http://user:pass@host:80/path@x", "http://***@host:80/path@x" },
  { "https://user@host", "https://***@host" },
  { "socks5h://a:b@c@host?q", "socks5h://***@host?q" },
  { "https://host/a@b", "https://host/a@b" },
  { "https://@host", "https://@host" },

  /* JSON, also inside a JSON string */
  { "{\"api_key\": \"a b\", \"n\": 1}", "{\"api_key\": \"***\", \"n\": 1}" },
  { "{\"api_key\":\"a\\\"b\",\"n\":1}", "{\"api_key\":\"***\",\"n\":1}" },
  { "{\"apiKey\" : \"ab\"}", "{\"apiKey\" : \"***\"}" },
  { "{\"OPENAI_API_KEY\":\"ab\"}", "{\"OPENAI_API_KEY\":\"***\"}" },
  { "{\"token\":\"ab\"}", "{\"token\":\"***\"}" },
  { "\"{\\\"api_key\\\":\\\"ab\\\",\\\"n\\\":1}\"", "\"{\\\"api_key\\\":\\\"***\\\",\\\"n\\\":1}\"" },
  { "{\"api_key\": \"never closed", "{\"api_key\": \"***" },
  { "{\"api_key\": \"\"}", "{\"api_key\": \"\"}" },
  { "api_key=", "api_key=" },
  { "secret=0123abcd", "secret=***" },
  { "api_key=\\ab", "api_key=\\***" },
};

static void
test_mask (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (mask_cases); i++)
    {
      g_autofree char *once = aip_log_mask (mask_cases[i].message);
      g_autofree char *twice = aip_log_mask (once);

      g_assert_cmpstr (once, ==, mask_cases[i].masked);
      g_assert_cmpstr (twice, ==, once);
    }
}

/* Text that makes a scan quadratic if any rule looks far around itself for each byte. */
static void
test_mask_linear (void)
{
  static const char *const parts[] = { "=",       ":",        "://",          "://a@",   "key",
                                       "\"",      "\\",       "sk-",          "aip-",    "eyJ",
                                       "bearer ", "key=env:", "key=\\\"env:", "api_key", " " };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autoptr (GString) message = g_string_new (NULL);

      while (message->len < 1024 * 1024)
        g_string_append (message, parts[i]);

      g_autofree char *masked = aip_log_mask (message->str);
      g_assert_cmpuint (strlen (masked), <=, 2 * message->len);
    }
}

static void
log_all (void)
{
  g_message ("a sk-abcdef b");
  g_info ("informed");
  g_debug ("debugged");
}

static void
test_line (void)
{
  if (g_test_subprocess ())
    {
      aip_log_init (G_LOG_LEVEL_MESSAGE);
      log_all ();
      g_message ("two\nlines \033[31m \302\205 \377");
      g_log ("Lib", G_LOG_LEVEL_MESSAGE, "old api, %s", "Bearer abc");
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*??:??:?? message aip-test: a sk-*** b\n*");
  g_test_trap_assert_stderr ("*message aip-test: two\\nlines \\x1b[31m \\x85 \\xff\n*");
  g_test_trap_assert_stderr ("*message Lib: old api, Bearer ***\n*");
  g_test_trap_assert_stderr_unmatched ("*abcdef*");
  g_test_trap_assert_stderr_unmatched ("*informed*");
  g_test_trap_assert_stderr_unmatched ("*debugged*");
}

static void
test_threshold (void)
{
  if (g_test_subprocess ())
    {
      aip_log_init (G_LOG_LEVEL_WARNING);
      g_message ("too early");
      aip_log_set_threshold (G_LOG_LEVEL_INFO);
      log_all ();
      aip_log_init (G_LOG_LEVEL_CRITICAL);
      g_message ("too late");
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*message aip-test: a *info aip-test: informed*");
  g_test_trap_assert_stderr_unmatched ("*too *");
  g_test_trap_assert_stderr_unmatched ("*debugged*");
}

static void
test_domains (void)
{
  if (g_test_subprocess ())
    {
      g_setenv ("G_MESSAGES_DEBUG", "aip-other aip-test", TRUE);
      aip_log_init (G_LOG_LEVEL_MESSAGE);
      log_all ();
      g_log_structured ("aip-third", G_LOG_LEVEL_DEBUG, "MESSAGE", "%s", "unheard");
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*info aip-test: informed*debug aip-test: debugged*");
  g_test_trap_assert_stderr_unmatched ("*unheard*");
}

static void
test_fatal (void)
{
  if (g_test_subprocess ())
    {
      aip_log_init (G_LOG_LEVEL_ERROR);
      g_error ("the end of sk-abcdef");
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*error aip-test: the end of sk-***\n*");
}

/* g_test_init () makes warnings fatal, as G_DEBUG=fatal-warnings does. */
static void
test_fatal_warning (void)
{
  if (g_test_subprocess ())
    {
      aip_log_init (G_LOG_LEVEL_WARNING);
      g_warning ("careful");
      g_message ("still alive");
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*warning aip-test: careful\n*");
  g_test_trap_assert_stderr_unmatched ("*alive*");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/log/mask", test_mask);
  g_test_add_func ("/base/log/mask-linear", test_mask_linear);
  g_test_add_func ("/base/log/line", test_line);
  g_test_add_func ("/base/log/threshold", test_threshold);
  g_test_add_func ("/base/log/domains", test_domains);
  g_test_add_func ("/base/log/fatal", test_fatal);
  g_test_add_func ("/base/log/fatal-warning", test_fatal_warning);

  return g_test_run ();
}
