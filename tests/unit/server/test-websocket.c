/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "heads.h"
#include "server/aip-websocket.h"

#include <string.h>

#define HOST "Host: localhost\r\n"
#define UPGRADE HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: "

static const struct
{
  const char *headers;
  guint status; /* 0: it passes */
} requests[] = {
  { UPGRADE VERSION KEY, 0 },
  { HOST "Connection: keep-alive, UPGRADE\r\nUpgrade: h2c, WebSocket\r\n" VERSION KEY, 0 },
  { HOST, 426 },
  { HOST "Upgrade: websocket\r\n" VERSION KEY, 426 },
  { HOST "Connection: Upgrade\r\n" VERSION KEY, 426 },
  { HOST "Connection: Upgrade\r\nUpgrade: websockets\r\n" VERSION KEY, 426 },
  { "Connection: Upgrade\r\nUpgrade: websocket\r\n" VERSION KEY, 426 },
  { UPGRADE KEY, 426 },
  { UPGRADE KEY "Sec-WebSocket-Version: 8\r\n", 426 },
  { UPGRADE VERSION, 400 },
  { UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n", 400 },
  { UPGRADE VERSION "Sec-WebSocket-Key: ************************\r\n", 400 },
  { UPGRADE VERSION KEY "Content-Length: 1\r\n", 400 },
  { UPGRADE VERSION KEY "Content-Length: 0\r\n", 0 },
};

static void
test_requests (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (AipHead) head = heads_get (requests[i].headers);
      AipFailure failure = { 0 };
      gboolean passes = aip_websocket_check_request (head, &failure);

      g_test_message ("%s", requests[i].headers);
      g_assert_cmpint (passes, ==, requests[i].status == 0);
      if (!passes)
        g_assert_cmpuint (failure.status, ==, requests[i].status);
    }
}

static const struct
{
  const char *headers;
  const char *token;
  const char *protocols;
} protocols[] = {
  { "", NULL, NULL },
  { PROTOCOL "realtime\r\n", NULL, "realtime" },
  { PROTOCOL "a,b ,\tc\r\n", NULL, "a, b, c" },
  { PROTOCOL "openai-insecure-api-key.T\r\n", "T", NULL },
  { PROTOCOL "a, OpenAI-Insecure-API-Key.T.1,b\r\n", "T.1", "a, b" },
  { PROTOCOL "a, openai-insecure-api-key.\r\n", "", "a" },
  { PROTOCOL "openai-insecure-api-key.T, openai-insecure-api-key.U\r\n", "T", NULL },
  { PROTOCOL "a\r\n" PROTOCOL "openai-insecure-api-key.T\r\n" PROTOCOL "b\r\n", "T", "a, b" },
  { PROTOCOL ",,\r\n", NULL, NULL },
};

static void
test_protocols (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (protocols); i++)
    {
      g_autofree char *text = g_strconcat (UPGRADE VERSION KEY, protocols[i].headers, NULL);
      g_autoptr (AipHead) head = heads_get (text);
      g_autofree char *offered = aip_websocket_dup_protocols (head);
      AipHeaderLines lines;
      gsize length = 0;
      const char *token = aip_websocket_find_token (head, &length);
      g_autofree char *copy = token != NULL ? g_strndup (token, length) : NULL;
      const char *line = NULL;

      g_test_message ("%s", protocols[i].headers);
      g_assert_cmpstr (copy, ==, protocols[i].token);
      aip_header_lines_init (&lines);
      aip_websocket_add_request (&lines, head, offered);
      for (const char *const *each = aip_header_lines_render (&lines); *each != NULL; each++)
        if (g_str_has_prefix (*each, PROTOCOL))
          line = *each + strlen (PROTOCOL);
      g_assert_cmpstr (line, ==, protocols[i].protocols);
      aip_header_lines_clear (&lines);
    }
}

static gboolean
accepts (const char *upgrade, const char *accept)
{
  g_autoptr (AipHead) head = heads_get (UPGRADE VERSION KEY);
  AipHeaderView views[] = {
    { "upgrade", strlen ("upgrade"), upgrade, strlen (upgrade) },
    { "sec-websocket-accept", strlen ("sec-websocket-accept"), accept, strlen (accept) },
  };

  g_assert_false (aip_websocket_check_answer (head, views, 1));
  g_assert_false (aip_websocket_check_answer (head, views + 1, 1));
  return aip_websocket_check_answer (head, views, 2);
}

/* The example of RFC 6455, 1.3. */
static void
test_answers (void)
{
  g_assert_true (accepts ("WebSocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  g_assert_false (accepts ("websocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="));
  g_assert_false (accepts ("websocket", ""));
  g_assert_false (accepts ("h2c", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/websocket/requests", test_requests);
  g_test_add_func ("/server/websocket/protocols", test_protocols);
  g_test_add_func ("/server/websocket/answers", test_answers);

  return g_test_run ();
}
