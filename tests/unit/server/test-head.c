/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "heads.h"

#include <string.h>

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static AipHead *
parse (const char *text, gsize length, guint *status)
{
  const char *message = NULL;
  g_autofree char *copy = g_memdup2 (text, length); /* exact, so that a read too far is seen */
  AipHead *head;

  *status = 0;
  head = aip_head_parse (copy, length, status, &message);
  g_assert_true ((head == NULL) == (*status != 0));
  g_assert_true ((head == NULL) == (message != NULL));
  return head;
}

typedef struct
{
  const char *head;
  guint status; /* 0: accepted */
} Row;

/* What libsoup's own server takes, and what RFC 9112 says of it. */
static const Row framing_rows[] = {
  { POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
  { POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
  { POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400 },
  { POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400 },
  { POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
  { POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 400 },
  { POST "Content-Length: 2, 2\r\n\r\n", 400 },
  { POST "Content-Length: 2,3\r\n\r\n", 400 },
  { POST "Content-Length: +2\r\n\r\n", 400 },
  { POST "Content-Length: -1\r\n\r\n", 400 },
  { POST "Content-Length: 0x10\r\n\r\n", 400 },
  { POST "Content-Length: 1e3\r\n\r\n", 400 },
  { POST "Content-Length: 2 2\r\n\r\n", 400 },
  { POST "Content-Length: 2;\r\n\r\n", 400 },
  { POST "Content-Length: 2.0\r\n\r\n", 400 },
  { POST "Content-Length: \"2\"\r\n\r\n", 400 },
  { POST "Content-Length:\r\n\r\n", 400 },
  { POST "Content-Length: \t \r\n\r\n", 400 },
  { POST "Content-Length: 9223372036854775808\r\n\r\n", 400 },
  { POST "Content-Length: 18446744073709551618\r\n\r\n", 400 },
  { POST "Content-Length: 1234567890123456789\r\n\r\n", 400 },
  { POST "Content-Length: \302\262\r\n\r\n", 400 },
  { POST "Content-Length: 999999999999999999\r\n\r\n", 0 },
  { POST "Content-Length: 0\r\n\r\n", 0 },
  { POST "Content-Length:\t2 \t\r\n\r\n", 0 },
  { POST "Content-Length:2\r\n\r\n", 0 },
  { POST "CONTENT-length: 2\r\n\r\n", 0 },
  { POST "Transfer-Encoding: chunked\r\n\r\n", 0 },
  { POST "TRANSFER-ENCODING: Chunked\r\n\r\n", 0 },
  { POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
  { POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 501 },
  { POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501 },
  { POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 501 },
  { POST "Transfer-Encoding: xchunked\r\n\r\n", 501 },
  { POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501 },
  { POST "Transfer-Encoding: identity\r\n\r\n", 501 },
  { POST "Transfer-Encoding:\r\n\r\n", 501 },
  { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
  { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400 },
  { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
  { "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n", 0 },
};

static const Row host_rows[] = {
  { "GET / HTTP/1.1\r\n\r\n", 400 },
  { "GET / HTTP/1.1\r\nAccept: a\r\n\r\n", 400 },
  { "GET / HTTP/1.0\r\n\r\n", 0 },
  { GET "Host: b\r\n\r\n", 400 },
  { GET "Host: a\r\n\r\n", 400 },
  { GET "hOST: a\r\n\r\n", 400 },
  { "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400 },
};

static const Row line_rows[] = {
  { GET "\r\n", 0 },
  { "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /  HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /\tHTTP/1.1\r\n" HOST "\r\n", 400 },
  { " GET / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
  { "GET /\r\n" HOST "\r\n", 400 },
  { "GET /\r\n\r\n", 400 },
  { "GET\r\n\r\n", 400 },
  { "GET \r\n\r\n", 400 },
  { "GET  HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "\r\n\r\n", 400 },
  { "GET / HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "get / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GeT / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "G@T / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "G3T / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "BREW / HTTP/1.1\r\n" HOST "\r\n", 0 },
  { "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" HOST "\r\n", 0 },
  { "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
  { "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
  { "GET / HTTP/0.9\r\n" HOST "\r\n", 505 },
  { "PRI * HTTP/2.0\r\n\r\n", 505 },
  { "GET / http/1.1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/1.10\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/11.1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/1,1\r\n" HOST "\r\n", 400 },
  { "GET / HTTP/+.1\r\n" HOST "\r\n", 400 },
  { "GET / XTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET a HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET a/b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET ?a HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /#a HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /\001 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /\177 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET /\303\244 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0 },
  { "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET http://a/b HTTP/1.1\r\n" HOST "\r\n", 0 },
  { "GET ftp://a/b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET http:/b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET javascript:a HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET http:///b HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "GET http://u@a/b HTTP/1.1\r\n" HOST "\r\n", 400 },
};

static const Row field_rows[] = {
  { GET "A:b\r\n\r\n", 0 },
  { GET "A:\r\n\r\n", 0 },
  { GET "A: \tb\tc \r\n\r\n", 0 },
  { GET "A: \303\244\r\n\r\n", 0 },
  { GET "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n", 0 },
  { GET "A : b\r\n\r\n", 400 },
  { GET "A\t: b\r\n\r\n", 400 },
  { GET "A b: c\r\n\r\n", 400 },
  { GET "A: b\r\n c\r\n\r\n", 400 },
  { GET "A: b\r\n\tc\r\n\r\n", 400 },
  { GET " A: b\r\n\r\n", 400 },
  { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
  { GET ": b\r\n\r\n", 400 },
  { GET "b\r\n\r\n", 400 },
  { GET "A(): b\r\n\r\n", 400 },
  { GET "A\177: b\r\n\r\n", 400 },
  { GET "\303\244: b\r\n\r\n", 400 },
  { GET "A: b\001\r\n\r\n", 400 },
  { GET "A: b\033[2J\r\n\r\n", 400 },
  { GET "A: b\177\r\n\r\n", 400 },
  { GET "A: b\rB: c\r\n\r\n", 400 },
  { GET "A: b\nB: c\r\n\r\n", 400 },
  { GET "A: b\r\rB: c\r\n\r\n", 400 },
  { "GET / HTTP/1.1\n" HOST "\r\n", 400 },
  { "GET / HTTP/1.1\r" HOST "\r\n", 400 },
  { GET "Origin: a\r\nOrigin: a\r\n\r\n", 400 },
  { GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400 },
  { GET "Accept: a\r\nAccept: b\r\n\r\n", 0 },
  { GET "Expect: 100-continue\r\n\r\n", 0 },
  { GET "Expect: 100-Continue\r\n\r\n", 0 },
  { GET "Expect: 200-maybe\r\n\r\n", 417 },
  { GET "Expect: 100-continue, b\r\n\r\n", 417 },
  { GET "Expect: b\r\nExpect: 100-continue\r\n\r\n", 417 },
};

static void
check_rows (const Row *rows, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint status;
      g_autoptr (AipHead) head = parse (rows[i].head, strlen (rows[i].head), &status);

      if (status != rows[i].status || (head != NULL && head->method == NULL))
        {
          g_test_message ("%u instead of %u: %s", status, rows[i].status, rows[i].head);
          g_test_fail ();
        }
    }
}

static void
test_framing (void)
{
  check_rows (framing_rows, G_N_ELEMENTS (framing_rows));
}

static void
test_host (void)
{
  check_rows (host_rows, G_N_ELEMENTS (host_rows));
}

static void
test_request_line (void)
{
  check_rows (line_rows, G_N_ELEMENTS (line_rows));
}

static void
test_fields (void)
{
  check_rows (field_rows, G_N_ELEMENTS (field_rows));
}

static void
test_nul (void)
{
  static const char in_value[] = GET "A: b\0c\r\n\r\n";
  static const char in_name[] = GET "A\0: b\r\n\r\n";
  static const char in_target[] = "GET /\0a HTTP/1.1\r\n" HOST "\r\n";
  guint status;

  g_assert_null (parse (in_value, sizeof in_value - 1, &status));
  g_assert_cmpuint (status, ==, 400);
  g_assert_null (parse (in_name, sizeof in_name - 1, &status));
  g_assert_cmpuint (status, ==, 400);
  g_assert_null (parse (in_target, sizeof in_target - 1, &status));
  g_assert_cmpuint (status, ==, 400);
}

/* Each byte, in each place where only some may stand. */
static void
test_each_byte (void)
{
  static const char name_chars[] =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

  for (int c = 0; c < 256; c++)
    {
      char name[] = GET "aXb: c\r\n\r\n";
      char value[] = GET "a: bXc\r\n\r\n";
      char target[] = "GET /aXb HTTP/1.1\r\n" HOST "\r\n";
      guint status;

      *strchr (name, 'X') = *strchr (value, 'X') = *strchr (target, 'X') = (char) c;
      g_autoptr (AipHead) named = parse (name, sizeof name - 1, &status);
      g_autoptr (AipHead) valued = parse (value, sizeof value - 1, &status);
      g_autoptr (AipHead) targeted = parse (target, sizeof target - 1, &status);

      /* A colon ends the name. */
      g_assert_true ((named != NULL) == (c == ':' || (c != '\0' && strchr (name_chars, c) != NULL)));
      g_assert_true ((valued != NULL) == (c == '\t' || (c >= 0x20 && c != 0x7f)));
      g_assert_true ((targeted != NULL) == (c > 0x20 && c < 0x7f && c != '#'));
    }
}

static void
test_what_it_says (void)
{
  g_autoptr (AipHead) head = heads_parse (
      "POST /v1/a%2Fb?c=d?e HTTP/1.1\r\nHost: h:8000\r\nContent-Length: 42\r\nX: \t y z \t\r\n\r\n");

  g_assert_cmpstr (head->method, ==, "POST");
  g_assert_cmpstr (head->path, ==, "/v1/a%2Fb");
  g_assert_cmpstr (head->query, ==, "c=d?e");
  g_assert_cmpstr (head->host, ==, "h:8000");
  g_assert_cmpuint (head->minor, ==, 1);
  g_assert_cmpint (head->content_length, ==, 42);
  g_assert_false (head->chunked);
  g_assert_true (head->keep_alive);
  g_assert_false (head->expect_continue);
  g_assert_true (aip_head_has_body (head));
  g_assert_cmpstr (aip_head_get (head, "x"), ==, "y z");
  g_assert_null (aip_head_get (head, "y"));
}

static void
test_what_is_absent (void)
{
  g_autoptr (AipHead) old = heads_parse ("GET / HTTP/1.0\r\n\r\n");
  g_autoptr (AipHead) empty_query = heads_parse ("GET /? HTTP/1.1\r\n" HOST "\r\n");
  g_autoptr (AipHead) empty_body = heads_parse (POST "Content-Length: 0\r\n\r\n");
  g_autoptr (AipHead) chunked = heads_parse (POST "Transfer-Encoding: chunked\r\n\r\n");

  g_assert_null (old->host);
  g_assert_null (old->query);
  g_assert_cmpuint (old->minor, ==, 0);
  g_assert_cmpint (old->content_length, ==, -1);
  g_assert_false (aip_head_has_body (old));
  g_assert_cmpstr (empty_query->query, ==, "");
  g_assert_cmpint (empty_body->content_length, ==, 0);
  g_assert_false (aip_head_has_body (empty_body));
  g_assert_true (chunked->chunked);
  g_assert_true (aip_head_has_body (chunked));
  g_assert_cmpint (chunked->content_length, ==, -1);
}

static void
test_what_is_changed (void)
{
  g_autoptr (AipHead) head =
      heads_parse (GET "A: \t b\tc \r\nB: \303\244\377\r\nC:\r\nX-Stainless-OS: d\r\nE: f\r\ne: g\r\n\r\n");
  g_autoptr (AipHead) old = heads_parse ("GET / HTTP/1.0\r\nConnection: a, close\r\nA: b\r\nC: d\r\n\r\n");

  g_assert_cmpstr (aip_head_get (head, "a"), ==, "b\tc");
  g_assert_cmpstr (aip_head_get (head, "b"), ==, "\303\244\357\277\275");
  g_assert_cmpstr (aip_head_get (head, "c"), ==, "");
  g_assert_null (aip_head_get (head, "X-Stainless-OS"));
  g_assert_cmpstr (soup_message_headers_get_list (head->headers, "E"), ==, "f, g");
  g_assert_null (aip_head_get (old, "A"));
  g_assert_cmpstr (aip_head_get (old, "C"), ==, "d");
}

static void
test_absolute_form (void)
{
  static const struct
  {
    const char *target;
    const char *host;
    const char *path;
    const char *query;
  } rows[] = {
    { "http://b/c?d", "b", "/c", "d" },
    { "HTTP://b:1/c", "b:1", "/c", NULL },
    { "https://b/", "b", "/", NULL },
    { "http://b", "b", "/", NULL },
    { "http://b/http://e/", "b", "/http://e/", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strdup_printf ("GET %s HTTP/1.1\r\n" HOST "\r\n", rows[i].target);
      g_autoptr (AipHead) head = heads_parse (text);

      g_assert_cmpstr (head->host, ==, rows[i].host);
      g_assert_cmpstr (aip_head_get (head, "Host"), ==, rows[i].host);
      g_assert_cmpstr (head->path, ==, rows[i].path);
      g_assert_cmpstr (head->query, ==, rows[i].query);
    }
}

static void
test_keep_alive (void)
{
  static const struct
  {
    const char *head;
    gboolean keep_alive;
  } rows[] = {
    { GET "\r\n", TRUE },
    { GET "Connection: keep-alive\r\n\r\n", TRUE },
    { GET "Connection: close\r\n\r\n", FALSE },
    { GET "Connection: Close\r\n\r\n", FALSE },
    { GET "Connection: x, close\r\n\r\n", FALSE },
    { GET "Connection: keep-alive, close\r\n\r\n", FALSE },
    { GET "Connection: close\r\nConnection: keep-alive\r\n\r\n", FALSE },
    { GET "Connection: closed\r\n\r\n", TRUE },
    { "GET / HTTP/1.0\r\n\r\n", FALSE },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", TRUE },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n", TRUE },
    { "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (AipHead) head = heads_parse (rows[i].head);

      if (head->keep_alive != rows[i].keep_alive)
        {
          g_test_message ("%d: %s", head->keep_alive, rows[i].head);
          g_test_fail ();
        }
    }
}

static void
test_expect (void)
{
  g_autoptr (AipHead) plain = heads_parse (POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  g_autoptr (AipHead) old =
      heads_parse ("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");

  g_assert_true (plain->expect_continue);
  g_assert_false (old->expect_continue); /* RFC 9110, 10.1.1 */
}

/* A header that Connection names must not take the framing, or what the guard looks at, away. */
static void
test_connection_names_framing (void)
{
  static const char *const versions[] = { "1.0", "1.1" };

  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autofree char *text =
          g_strdup_printf ("POST / HTTP/%s\r\nConnection: keep-alive, Content-Length, Origin, Host\r\n" HOST
                           "Origin: http://b\r\nContent-Length: 33\r\n\r\n",
                           versions[i]);
      guint status;
      g_autoptr (AipHead) head = parse (text, strlen (text), &status);

      if (head == NULL)
        {
          g_assert_cmpuint (status, ==, 400);
          continue;
        }
      g_assert_cmpint (head->content_length, ==, 33);
      g_assert_cmpstr (head->host, ==, "a");
      g_assert_cmpstr (aip_head_get (head, "Origin"), ==, "http://b");
    }
}

/* Repeats @line, with a number in it, between a head's beginning and its end. */
static guint
status_of_many (const char *begin, const char *line, guint n, const char *end)
{
  g_autoptr (GString) text = g_string_new (begin);
  guint status;

  for (guint i = 0; i < n; i++)
    g_string_append (text, line);
  g_string_append (text, end);
  g_autoptr (AipHead) head G_GNUC_UNUSED = parse (text->str, text->len, &status);
  return status;
}

/* What costs their product has to stay small: in HTTP/1.0, what Connection names is looked for. */
static void
test_many_fields (void)
{
  static const char *const begins[] = { "GET / HTTP/1.0\r\n" HOST, GET };

  for (gsize i = 0; i < G_N_ELEMENTS (begins); i++)
    {
      g_autofree char *named = g_strconcat (begins[i], "Connection: ", NULL);

      g_assert_cmpuint (status_of_many (begins[i], "b:\r\n", AIP_HEAD_MAX_FIELDS - 1, "\r\n"), ==, 0);
      g_assert_cmpuint (status_of_many (begins[i], "b:\r\n", AIP_HEAD_MAX_FIELDS, "\r\n"), ==, 431);
      g_assert_cmpuint (status_of_many (begins[i], "b:\r\n", 10000, "\r\n"), ==, 431);
      g_assert_cmpuint (status_of_many (begins[i], "X-Stainless-A: b\r\n", 3000, "\r\n"), ==, 431);
      g_assert_cmpuint (
          status_of_many (named, "a,", AIP_HEAD_MAX_CONNECTION_NAMES - 1, "close\r\nAccept: b\r\n\r\n"), ==,
          0);
      g_assert_cmpuint (
          status_of_many (named, "a,", AIP_HEAD_MAX_CONNECTION_NAMES, "close\r\nAccept: b\r\n\r\n"), ==, 431);
      g_assert_cmpuint (status_of_many (named, ",", 10000, "\r\n\r\n"), ==, 431);
      g_assert_cmpuint (
          status_of_many (begins[i], "Connection: a\r\n", AIP_HEAD_MAX_CONNECTION_NAMES, "\r\n"), ==, 0);
      g_assert_cmpuint (
          status_of_many (begins[i], "Connection: a\r\n", AIP_HEAD_MAX_CONNECTION_NAMES + 1, "\r\n"), ==,
          431);
    }
}

static AipHeadResult
find_in_parts (const char *text, gsize length, gsize step, gsize *end)
{
  gsize scanned = 0;
  AipHeadResult result = AIP_HEAD_INCOMPLETE;

  for (gsize have = 0; result == AIP_HEAD_INCOMPLETE && have < length;)
    {
      have = MIN (have + step, length);
      g_autofree char *copy = g_memdup2 (text, have);
      result = aip_head_find_end (copy, have, &scanned, end);
      g_assert_cmpuint (scanned, <=, have);
    }
  return result;
}

static void
test_find_end (void)
{
  static const struct
  {
    const char *text;
    AipHeadResult result;
    gsize end;
  } rows[] = {
    { "", AIP_HEAD_INCOMPLETE, 0 },
    { "\r", AIP_HEAD_INCOMPLETE, 0 },
    { "\r\n", AIP_HEAD_INCOMPLETE, 0 },
    { "\r\n\r\n", AIP_HEAD_COMPLETE, 4 },
    { "\n", AIP_HEAD_REFUSED, 0 },
    { "a", AIP_HEAD_INCOMPLETE, 0 },
    { "a\r\n", AIP_HEAD_INCOMPLETE, 0 },
    { "a\r\n\r", AIP_HEAD_INCOMPLETE, 0 },
    { "a\r\n\r\n", AIP_HEAD_COMPLETE, 5 },
    { "a\r\n\r\nb\n\n", AIP_HEAD_COMPLETE, 5 },
    { "a\r\nb\r\n\r\nc\r\n\r\n", AIP_HEAD_COMPLETE, 8 },
    { "a\n", AIP_HEAD_REFUSED, 0 },
    { "a\n\n", AIP_HEAD_REFUSED, 0 },
    { "a\r\n\n", AIP_HEAD_REFUSED, 0 },
    { "a\n\r\n", AIP_HEAD_REFUSED, 0 },
    { "a\r\nb\nc\r\n\r\n", AIP_HEAD_REFUSED, 0 },
    { "a\r\r\n\r\n", AIP_HEAD_COMPLETE, 6 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize step = 1; step <= MAX (1, strlen (rows[i].text)); step++)
      {
        gsize end = 0;

        g_assert_cmpint (find_in_parts (rows[i].text, strlen (rows[i].text), step, &end), ==, rows[i].result);
        g_assert_cmpuint (end, ==, rows[i].end);
      }
}

static void
test_find_end_too_late (void)
{
  g_autoptr (GString) text = g_string_new (GET "A: ");
  gsize scanned = 0;
  gsize end = 0;

  while (text->len < AIP_HEAD_MAX_SIZE - 4)
    g_string_append_c (text, 'a');
  g_string_append (text, "\r\n\r\n");
  g_assert_cmpint (aip_head_find_end (text->str, text->len, &scanned, &end), ==, AIP_HEAD_COMPLETE);
  g_assert_cmpuint (end, ==, AIP_HEAD_MAX_SIZE);

  scanned = end = 0;
  g_string_insert_c (text, 1, 'a');
  g_assert_cmpint (aip_head_find_end (text->str, text->len, &scanned, &end), ==, AIP_HEAD_INCOMPLETE);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/head/framing", test_framing);
  g_test_add_func ("/server/head/host", test_host);
  g_test_add_func ("/server/head/request-line", test_request_line);
  g_test_add_func ("/server/head/fields", test_fields);
  g_test_add_func ("/server/head/nul", test_nul);
  g_test_add_func ("/server/head/each-byte", test_each_byte);
  g_test_add_func ("/server/head/what-it-says", test_what_it_says);
  g_test_add_func ("/server/head/what-is-absent", test_what_is_absent);
  g_test_add_func ("/server/head/what-is-changed", test_what_is_changed);
  g_test_add_func ("/server/head/absolute-form", test_absolute_form);
  g_test_add_func ("/server/head/keep-alive", test_keep_alive);
  g_test_add_func ("/server/head/expect", test_expect);
  g_test_add_func ("/server/head/connection-names-framing", test_connection_names_framing);
  g_test_add_func ("/server/head/many-fields", test_many_fields);
  g_test_add_func ("/server/head/find-end", test_find_end);
  g_test_add_func ("/server/head/find-end-too-late", test_find_end_too_late);

  return g_test_run ();
}
