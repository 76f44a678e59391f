/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-forward-headers.h"

#include <string.h>

#include "heads.h"

#define SECRET "sk-secret"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipHeaderLines, aip_header_lines_clear)

static AipConfigHeader no_headers[] = { { NULL, NULL } };

/* The lines, in order, for a client's @headers. */
static char *
forward_out (const char *headers, const AipDialect *dialect, AipConfigHeader *configured, const char *secret)
{
  g_autoptr (AipHead) head = heads_get (headers);
  g_autoptr (AipSecret) key = secret != NULL ? aip_secret_new (secret, -1) : NULL;
  AipProviderConfig provider = { .headers = configured };
  AipCandidate candidate = { .provider = &provider, .dialect = dialect, .secret = key };
  g_auto (AipHeaderLines) lines = { 0 };

  aip_forward_headers_out (&lines, head, &candidate, "id-1");
  return g_strjoinv ("\n", (char **) aip_header_lines_render (&lines));
}

#define OURS "X-AIProxy-Hop: 1\nX-Request-Id: id-1\nAccept-Encoding: identity"
#define AUTH "Authorization: Bearer " SECRET "\n"

static void
test_allowed (void)
{
  static const char *const passed[] = {
    "Accept: text/event-stream",
    "Accept-Language: de",
    "Content-Encoding: gzip",
    "Content-Type: application/json",
    "OpenAI-Beta: assistants=v2",
    "User-Agent: sdk/1",
    "Idempotency-Key: k",
    "anthropic-version: 2023-06-01",
    "anthropic-beta: tools",
    "HTTP-Referer: http://app",
    "X-Title: app",
    "traceparent: 00-a-b-01",
    "Range: bytes=0-1",
    "If-None-Match: \"e\"",
  };
  static const char *const kept[] = {
    "Authorization: Bearer client",
    "x-api-key: client",
    "X-Goog-Api-Key: client",
    "Cookie: session=1",
    "Proxy-Authorization: Basic a",
    "Host2: a",
    "Connection: close",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: A",
    "Upgrade: websocket",
    "Content-Length: 0",
    "Expect: 100-continue",
    "Accept-Encoding: gzip, br",
    "X-Forwarded-For: 10.0.0.1",
    "Forwarded: for=10.0.0.1",
    "X-Real-IP: 10.0.0.1",
    "Via: 1.1 a",
    "Origin: http://localhost",
    "Referer: http://localhost/",
    "Sec-Fetch-Site: same-origin",
    "X-Proxy-Strategy: cheapest",
    "X-Request-Id: clients",
    "OpenAI-Organization: org",
    "X-Stainless-Lang: js",
    "X-Unknown: a",
    "Acceptable: a",
    "Accept2: a",
    "Proxy-Connection: keep-alive",
    "api-key: client",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (passed); i++)
    {
      g_autofree char *headers = g_strconcat (passed[i], "\r\n", NULL);
      g_autofree char *lines = forward_out (headers, &aip_dialect_openai, no_headers, SECRET);
      g_autofree char *expected = g_strconcat (passed[i], "\n" AUTH OURS, NULL);

      g_assert_cmpstr (lines, ==, expected);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      g_autofree char *headers = g_strconcat (kept[i], "\r\n", NULL);
      g_autofree char *lines = forward_out (headers, &aip_dialect_openai, no_headers, SECRET);

      g_assert_cmpstr (lines, ==, AUTH OURS);
    }
}

/* The key stands in one line alone, and in none when there is none. */
static void
test_secret (void)
{
  g_autofree char *openai = forward_out ("", &aip_dialect_openai, no_headers, SECRET);
  g_autofree char *anthropic = forward_out ("", &aip_dialect_anthropic, no_headers, SECRET);
  g_autofree char *keyless =
      forward_out ("Authorization: Bearer client\r\n", &aip_dialect_openai, no_headers, NULL);

  g_assert_cmpstr (openai, ==, AUTH OURS);
  g_assert_cmpstr (anthropic, ==, "anthropic-version: 2023-06-01\nx-api-key: " SECRET "\n" OURS);
  g_assert_cmpstr (keyless, ==, OURS);
}

/* Set by the dialect, unless the client or the config says otherwise; the config has the last word. */
static void
test_precedence (void)
{
  char version[] = "Anthropic-Version";
  char agent[] = "user-agent";
  char own[] = "own";
  AipConfigHeader configured[] = { { version, own }, { own, own }, { NULL, NULL } };
  AipConfigHeader over_client[] = { { agent, own }, { NULL, NULL } };
  g_autofree char *clients =
      forward_out ("Anthropic-Version: clients\r\n", &aip_dialect_anthropic, no_headers, NULL);
  g_autofree char *configs =
      forward_out ("Anthropic-Version: clients\r\n", &aip_dialect_anthropic, configured, NULL);
  g_autofree char *over = forward_out ("User-Agent: client\r\n", &aip_dialect_openai, over_client, NULL);

  g_assert_cmpstr (clients, ==, "Anthropic-Version: clients\n" OURS);
  g_assert_cmpstr (configs, ==, "Anthropic-Version: own\nown: own\n" OURS);
  g_assert_cmpstr (over, ==, "user-agent: own\n" OURS);
}

static void
test_named_by_connection (void)
{
  g_autofree char *one = forward_out ("Host: a\r\nConnection: close, X-Title\r\nX-Title: a\r\nAccept: b\r\n",
                                      &aip_dialect_openai, no_headers, NULL);
  g_autofree char *two =
      forward_out ("Host: a\r\nConnection: X-Title\r\nConnection: close\r\nX-Title: a\r\nAccept: b\r\n",
                   &aip_dialect_openai, no_headers, NULL);

  g_assert_cmpstr (one, ==, "Accept: b\n" OURS);
  g_assert_cmpstr (two, ==, "Accept: b\n" OURS);
}

static void
test_hops (void)
{
  g_autofree char *lines = forward_out ("X-AIProxy-Hop: 2\r\n", &aip_dialect_openai, no_headers, NULL);

  g_assert_cmpstr (lines, ==, "X-AIProxy-Hop: 3\nX-Request-Id: id-1\nAccept-Encoding: identity");
}

/* Lines as an upstream sends them, separated by line feeds. */
static char *
forward_back (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GArray) views = g_array_new (FALSE, FALSE, sizeof (AipHeaderView));
  GString *out = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      const char *colon = strchr (lines[i], ':');
      AipHeaderView view = { lines[i], (gsize) (colon - lines[i]), colon + 2, strlen (colon + 2) };

      g_array_append_val (views, view);
    }
  aip_forward_headers_back (out, (const AipHeaderView *) (const void *) views->data, views->len, "id-1",
                            FALSE);
  return g_string_free (out, FALSE);
}

static void
test_back (void)
{
  static const char *const passed[] = {
    "Content-Type: text/event-stream",
    "x-ratelimit-remaining-requests: 5",
    "retry-after: 20",
    "openai-processing-ms: 12",
    "Cache-Control: no-cache",
    "Content-Encoding: gzip",
    "ETag: \"a\"",
    "Content-Range: bytes 0-1/2",
    "Content-Disposition: attachment",
    "Viaduct: a",
    "X-Proxying: a",
  };
  static const char *const dropped[] = {
    "Set-Cookie: a=b",
    "set-cookie: a=b",
    "Server: cloudflare",
    "Alt-Svc: h3=\":443\"",
    "Connection: close",
    "Keep-Alive: timeout=5",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Trailer: A",
    "Upgrade: h2c",
    "TE: trailers",
    "Proxy-Authenticate: Basic",
    "WWW-Authenticate: Bearer",
    "Proxy-Connection: a",
    "Via: 1.1 google",
    "Vary: Origin",
    "Access-Control-Allow-Origin: *",
    "access-control-expose-headers: a",
    "X-Proxy-Key: a",
    "Strict-Transport-Security: max-age=1",
    "NEL: {}",
    "Report-To: {}",
    ": a",
    "A: b\r",
    "A: b\001",
    "A b: c",
    "A\t: c",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (passed); i++)
    {
      g_autofree char *out = forward_back (passed[i]);
      g_autofree char *expected = g_strconcat (passed[i], "\r\nX-Request-Id: id-1\r\n", NULL);

      g_assert_cmpstr (out, ==, expected);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (dropped); i++)
    {
      g_autofree char *out = forward_back (dropped[i]);

      g_assert_cmpstr (out, ==, "X-Request-Id: id-1\r\n");
    }
}

static void
test_back_named_by_connection (void)
{
  g_autofree char *one = forward_back ("A: b\nConnection: close, a\nC: d");

  g_autofree char *two = forward_back ("A: b\nConnection: close\nConnection: a\nC: d");

  g_assert_cmpstr (one, ==, "C: d\r\nX-Request-Id: id-1\r\n");
  g_assert_cmpstr (two, ==, "C: d\r\nX-Request-Id: id-1\r\n");
}

static void
test_back_request_id (void)
{
  g_autofree char *theirs = forward_back ("x-request-id: req_1\nA: b");

  g_assert_cmpstr (theirs, ==, "x-request-id: req_1\r\nA: b\r\n");
}

static void
test_find (void)
{
  static const AipHeaderView views[] = { { "Abc", 3, "1", 1 }, { "abcd", 4, "2", 1 }, { "ABC", 3, "3", 1 } };

  g_assert_true (aip_header_views_find (views, 3, "aBC") == &views[0]);
  g_assert_true (aip_header_views_find (views, 3, "abcd") == &views[1]);
  g_assert_null (aip_header_views_find (views, 3, "ab"));
  g_assert_null (aip_header_views_find (views, 1, "abcd"));
  g_assert_null (aip_header_views_find (NULL, 0, "abc"));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/forward-headers/allowed", test_allowed);
  g_test_add_func ("/server/forward-headers/secret", test_secret);
  g_test_add_func ("/server/forward-headers/precedence", test_precedence);
  g_test_add_func ("/server/forward-headers/named-by-connection", test_named_by_connection);
  g_test_add_func ("/server/forward-headers/hops", test_hops);
  g_test_add_func ("/server/forward-headers/back", test_back);
  g_test_add_func ("/server/forward-headers/back-named-by-connection", test_back_named_by_connection);
  g_test_add_func ("/server/forward-headers/back-request-id", test_back_request_id);
  g_test_add_func ("/server/forward-headers/find", test_find);

  return g_test_run ();
}
