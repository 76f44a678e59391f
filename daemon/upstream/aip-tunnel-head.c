/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-tunnel"

#include "upstream/aip-tunnel-head.h"

#include <curl/curl.h>
#include <string.h>

#define MAX_HEAD (64 * 1024)

/* "GET /path?query HTTP/1.1", "Host: name:port" */
static gboolean
append_target (GString *out, const AipTransferRequest *request)
{
  CURLU *url = curl_url ();
  char *path = NULL;
  char *query = NULL;
  char *host = NULL;
  char *port = NULL;
  gboolean valid = curl_url_set (url, CURLUPART_URL, request->url, CURLU_PATH_AS_IS) == CURLUE_OK &&
                   curl_url_get (url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
                   curl_url_get (url, CURLUPART_HOST, &host, 0) == CURLUE_OK;

  if (valid)
    {
      curl_url_get (url, CURLUPART_QUERY, &query, 0);
      curl_url_get (url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
      g_string_append_printf (out, "%s %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", request->method, path,
                              query != NULL ? "?" : "", query != NULL ? query : "", host,
                              port != NULL ? ":" : "", port != NULL ? port : "");
    }
  curl_free (path);
  curl_free (query);
  curl_free (host);
  curl_free (port);
  curl_url_cleanup (url);
  return valid;
}

/**
 * aip_tunnel_head_render:
 * @request: what to send, without a body
 *
 * Returns: (transfer full) (nullable): the request's head, to be wiped; NULL when the URL is none
 */
GString *
aip_tunnel_head_render (const AipTransferRequest *request)
{
  gsize size = 64 + 2 * strlen (request->url);
  GString *out;

  /* Growing would leave copies of the key behind. */
  for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
    size += strlen (*line) + 2;
  out = g_string_sized_new (size);
  if (!append_target (out, request))
    {
      g_string_free (out, TRUE);
      return NULL;
    }
  for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
    {
      /* Whoever gets a line break in here would write headers of his own. */
      if (strchr (*line, ':') == NULL || strpbrk (*line, "\r\n") != NULL)
        continue;
      g_string_append (out, *line);
      g_string_append_len (out, "\r\n", 2);
    }
  g_string_append_len (out, "\r\n", 2);
  return out;
}

/* What libcurl sees to for all other answers. */
static const char *
check_line (const AipAnswerHead *head, const char *line, gsize length)
{
  static const char version[] = "HTTP/1.1 ";

  if (length < 2 || line[length - 2] != '\r')
    return "a line of its head ends without CR LF";
  if (head->status == 0 && (length < sizeof version || memcmp (line, version, sizeof version - 1) != 0))
    return "it is not HTTP/1.1";
  return NULL;
}

static AipAnswerHeadState
add_line (AipAnswerHead *head, const char *line, gsize length)
{
  head->bad = check_line (head, line, length);
  return head->bad == NULL ? aip_answer_head_add_line (head, line, length) : AIP_ANSWER_HEAD_BAD;
}

/**
 * aip_tunnel_head_parse:
 * @head: what is known of the answer's head
 * @in: what came and was not understood yet; what belongs to the head is taken out
 * @seen: (inout): bytes of the head so far; all of it may have 64 KiB
 *
 * Returns: whether that was all
 */
AipAnswerHeadState
aip_tunnel_head_parse (AipAnswerHead *head, GString *in, gsize *seen)
{
  AipAnswerHeadState state = AIP_ANSWER_HEAD_MORE;
  gsize used = 0;

  while (state == AIP_ANSWER_HEAD_MORE)
    {
      const char *line = in->str + used;
      const char *end = memchr (line, '\n', in->len - used);

      if (end == NULL)
        break;
      state = add_line (head, line, end + 1 - line);
      used += end + 1 - line;
    }
  *seen += used;
  g_string_erase (in, 0, used);
  if (*seen > MAX_HEAD || (state == AIP_ANSWER_HEAD_MORE && *seen + in->len > MAX_HEAD))
    {
      head->bad = "its head is larger than 64 KiB";
      state = AIP_ANSWER_HEAD_BAD;
    }
  return state;
}
