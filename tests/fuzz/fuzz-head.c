/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "server/aip-head.h"

#include <string.h>

#include "fuzz.h"

static void
check_clean (const char *text)
{
  for (const char *p = text; p != NULL && *p != '\0'; p++)
    g_assert_true (((guchar) *p >= 0x20 || *p == '\t') && *p != 0x7f);
}

/* Counts the lines of @name in the bytes themselves, and takes the value of the last one. */
static guint
find_raw (const char *data, gsize length, const char *name, char **value)
{
  g_autofree char *text = g_strndup (data, length);
  g_auto (GStrv) lines = g_strsplit (text, "\r\n", -1);
  gsize name_length = strlen (name);
  guint n = 0;

  *value = NULL;
  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    if (g_ascii_strncasecmp (lines[i], name, name_length) == 0 && lines[i][name_length] == ':')
      {
        g_free (*value);
        *value = g_strstrip (g_strdup (lines[i] + name_length + 1));
        n++;
      }
  return n;
}

/* There is one way to frame the body, and it is what the bytes say. */
static void
check_framing (const AipHead *head, const char *data, gsize length)
{
  g_autofree char *content_length = NULL;
  g_autofree char *encoding = NULL;
  g_autofree char *host = NULL;
  guint n_lengths = find_raw (data, length, "Content-Length", &content_length);
  guint n_encodings = find_raw (data, length, "Transfer-Encoding", &encoding);
  guint n_hosts = find_raw (data, length, "Host", &host);

  g_assert_cmpuint (n_lengths + n_encodings, <=, 1);
  g_assert_true (head->chunked == (n_encodings == 1));
  g_assert_true ((head->content_length >= 0) == (n_lengths == 1));
  g_assert_true (aip_head_has_body (head) == (head->chunked || head->content_length > 0));
  if (n_lengths == 1)
    {
      g_assert_cmpuint (strspn (content_length, "0123456789"), ==, strlen (content_length));
      g_assert_cmpint (g_ascii_strtoll (content_length, NULL, 10), ==, head->content_length);
    }
  if (n_encodings == 1)
    g_assert_true (g_ascii_strcasecmp (encoding, "chunked") == 0 && head->minor == 1);
  g_assert_cmpuint (n_hosts, <=, 1);
  g_assert_true (head->host != NULL || (n_hosts == 0 && head->minor == 0));
}

static void
check_target (const AipHead *head)
{
  g_assert_true (head->path[0] == '/' ||
                 (g_str_equal (head->path, "*") && g_str_equal (head->method, "OPTIONS")));
  g_assert_null (strpbrk (head->path, " ?#\t"));
  g_assert_true (head->query == NULL || strpbrk (head->query, " #\t") == NULL);
  check_clean (head->path);
  check_clean (head->query);
  for (const char *p = head->method; *p != '\0'; p++)
    g_assert_true (g_ascii_isupper (*p));
  g_assert_cmpuint (head->minor, <=, 1);
}

/* libsoup, asked again, sees the same headers; but for Host, which an absolute target replaces, and
 * telemetry, which is dropped. */
static void
check_headers (const AipHead *head, const char *data, gsize length)
{
  g_autoptr (SoupMessageHeaders) again = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  SoupMessageHeadersIter iter;
  const char *name;
  const char *value;

  g_assert_cmpuint (soup_headers_parse_request (data, (int) length, again, NULL, NULL, NULL), ==,
                    SOUP_STATUS_OK);
  soup_message_headers_iter_init (&iter, again);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    {
      check_clean (name);
      check_clean (value);
      if (g_ascii_strncasecmp (name, "X-Stainless-", strlen ("X-Stainless-")) == 0)
        g_assert_null (soup_message_headers_get_one (head->headers, name));
      else if (g_ascii_strcasecmp (name, "Host") != 0)
        g_assert_cmpstr (soup_message_headers_get_list (head->headers, name), ==,
                         soup_message_headers_get_list (again, name));
    }
  check_clean (head->host);
}

/* However the bytes come, the end is in the same place. */
static void
check_find_end (const char *data, gsize length, AipHeadResult whole, gsize whole_end)
{
  AipHeadResult result = AIP_HEAD_INCOMPLETE;
  gsize scanned = 0;
  gsize end = 0;

  for (gsize have = 1; result == AIP_HEAD_INCOMPLETE && have <= length; have++)
    result = aip_head_find_end (data, have, &scanned, &end);
  g_assert_cmpint (result, ==, whole);
  if (whole == AIP_HEAD_COMPLETE)
    {
      g_assert_cmpuint (end, ==, whole_end);
      g_assert_cmpuint (end, <=, length);
      g_assert_cmpmem (data + end - 4, 4, "\r\n\r\n", 4);
    }
}

/* What a refusal goes by is what the request would have gone by. */
static void
check_path (const AipHead *head, const char *data, gsize length)
{
  g_autofree char *copy = g_memdup2 (data, length);
  g_autofree char *path = aip_head_dup_path (copy, length);

  if (path != NULL)
    {
      g_assert_cmpint (path[0], ==, '/');
      g_assert_null (strpbrk (path, " ?#"));
      check_clean (path);
    }
  if (head != NULL && memcmp (data + strlen (head->method), " /", 2) == 0)
    g_assert_cmpstr (path, ==, head->path);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  gsize scanned = 0;
  gsize end = 0;
  AipHeadResult result = aip_head_find_end (text, size, &scanned, &end);
  guint status = 0;
  const char *message = NULL;

  check_find_end (text, size, result, end);
  check_path (NULL, text, size);
  if (result != AIP_HEAD_COMPLETE)
    return 0;

  g_autofree char *copy = g_memdup2 (text, end); /* exact, so that a sanitizer sees a read too far */
  g_autoptr (AipHead) head = aip_head_parse (copy, end, &status, &message);

  g_assert_true ((head == NULL) == (message != NULL));
  if (head == NULL)
    {
      g_assert_cmpuint (status, >=, 400);
      return 0;
    }
  g_assert_cmpuint (status, ==, 0);
  check_target (head);
  check_path (head, copy, end);
  check_framing (head, copy, end);
  check_headers (head, copy, end);
  return 0;
}
