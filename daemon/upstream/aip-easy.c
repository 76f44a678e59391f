/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-easy"

#include "upstream/aip-easy.h"

#include "aip-build.h"

#include <string.h>

#include "base/aip-ascii.h"

#define AGE_LIMIT_S 55L /* many servers close what was idle for 60 s */
#define NO_LIMIT_MS ((long) G_MAXINT32)

/* Beyond this a body is handed to libcurl piece by piece, so that the upload's progress is seen. */
#define LARGE_BODY (64 * 1024)

static void
set_static_options (AipEasy *self, AipUpstream *upstream)
{
  CURL *handle = self->handle;

  curl_easy_setopt (handle, CURLOPT_PRIVATE, self);
  curl_easy_setopt (handle, CURLOPT_ERRORBUFFER, self->error);
  curl_easy_setopt (handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt (handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt (handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt (handle, CURLOPT_USERAGENT, "aiproxy/" AIP_VERSION);
  curl_easy_setopt (handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt (handle, CURLOPT_MAXAGE_CONN, AGE_LIMIT_S);
  curl_easy_setopt (handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  /* Else giving up on a name that does not resolve waits for the resolver's thread. */
  curl_easy_setopt (handle, CURLOPT_QUICK_EXIT, 1L);

  curl_easy_setopt (handle, CURLOPT_OPENSOCKETFUNCTION, aip_upstream_open_socket_cb);
  curl_easy_setopt (handle, CURLOPT_OPENSOCKETDATA, upstream);
  curl_easy_setopt (handle, CURLOPT_CLOSESOCKETFUNCTION, aip_upstream_close_socket_cb);
  curl_easy_setopt (handle, CURLOPT_CLOSESOCKETDATA, upstream);
  curl_easy_setopt (handle, CURLOPT_HEADERFUNCTION, aip_transfer_curl_header_cb);
  curl_easy_setopt (handle, CURLOPT_HEADERDATA, self);
  curl_easy_setopt (handle, CURLOPT_WRITEFUNCTION, aip_transfer_curl_write_cb);
  curl_easy_setopt (handle, CURLOPT_WRITEDATA, self);
  curl_easy_setopt (handle, CURLOPT_READFUNCTION, aip_transfer_curl_read_cb);
  curl_easy_setopt (handle, CURLOPT_READDATA, self);
  curl_easy_setopt (handle, CURLOPT_SEEKFUNCTION, aip_transfer_curl_seek_cb);
  curl_easy_setopt (handle, CURLOPT_SEEKDATA, self);
}

/*
 * Only over TLS, where the handshake tells, is HTTP/2 tried; and only there is it worth waiting for a
 * connection that others are just opening: a plain one would be waited for until its first answer.
 */
static void
set_https (AipEasy *self, gboolean https)
{
  self->https = https;
  curl_easy_setopt (self->handle, CURLOPT_HTTP_VERSION,
                    https ? (long) CURL_HTTP_VERSION_2TLS : (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt (self->handle, CURLOPT_PIPEWAIT, https ? 1L : 0L);
}

static void
set_verify_tls (AipEasy *self, gboolean verify)
{
  self->verify_tls = verify;
  curl_easy_setopt (self->handle, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt (self->handle, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
}

static void
set_connect_timeout (AipEasy *self, guint64 timeout_ms)
{
  self->connect_timeout = timeout_ms;
  curl_easy_setopt (self->handle, CURLOPT_CONNECTTIMEOUT_MS,
                    timeout_ms == 0 ? NO_LIMIT_MS : (long) MIN (timeout_ms, (guint64) NO_LIMIT_MS));
}

/* Instead of the system's bundle and folder, or NULL: these again. */
static CURLcode
set_ca_file (AipEasy *self, const char *ca_file)
{
  curl_version_info_data *info = curl_version_info (CURLVERSION_NOW);
  CURLcode code;

  g_free (self->ca_file);
  self->ca_file = g_strdup (ca_file);
  code = curl_easy_setopt (self->handle, CURLOPT_CAINFO, ca_file != NULL ? ca_file : info->cainfo);
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_CAPATH, ca_file != NULL ? NULL : info->capath);
  return code;
}

static CURLcode
set_proxy (AipEasy *self, const char *proxy)
{
  g_free (self->proxy);
  self->proxy = g_strdup (proxy);
  return curl_easy_setopt (self->handle, CURLOPT_PROXY, g_strcmp0 (proxy, "none") == 0 ? "" : proxy);
}

/**
 * aip_easy_new:
 * @upstream: whose sockets it uses; must outlive its connections
 *
 * Returns: (transfer full): a configured handle
 */
AipEasy *
aip_easy_new (AipUpstream *upstream)
{
  AipEasy *self = g_new0 (AipEasy, 1);

  self->handle = curl_easy_init ();
  if (self->handle == NULL)
    g_error ("curl_easy_init: out of memory");
  aip_answer_head_init (&self->head);
  set_static_options (self, upstream);
  set_https (self, TRUE);
  set_verify_tls (self, TRUE);
  set_connect_timeout (self, 0);
  return self;
}

static void
drop_headers (AipEasy *self)
{
  curl_easy_setopt (self->handle, CURLOPT_HTTPHEADER, NULL);
  for (struct curl_slist *item = self->headers; item != NULL; item = item->next)
    aip_secret_wipe (item->data, strlen (item->data));
  curl_slist_free_all (self->headers);
  self->headers = NULL;
}

/**
 * aip_easy_free:
 * @self: (transfer full): an easy handle that is in no multi handle
 */
void
aip_easy_free (AipEasy *self)
{
  drop_headers (self);
  curl_easy_cleanup (self->handle);
  aip_answer_head_clear (&self->head);
  g_free (self->ca_file);
  g_free (self->proxy);
  g_free (self);
}

/**
 * aip_easy_from_handle:
 * @handle: libcurl's handle
 *
 * Returns: (transfer none): whose it is
 */
AipEasy *
aip_easy_from_handle (CURL *handle)
{
  char *self = NULL;

  curl_easy_getinfo (handle, CURLINFO_PRIVATE, &self);
  return (AipEasy *) self;
}

/* --- one request --- */

static gboolean
is_named (const char *line, const char *name)
{
  return aip_ascii_has_prefix (line, G_MAXSIZE, name) && line[strlen (name)] == ':';
}

static void
append_header (AipEasy *self, const char *line)
{
  struct curl_slist *list = curl_slist_append (self->headers, line);

  if (list == NULL)
    g_error ("curl_slist_append: out of memory");
  self->headers = list;
}

/* To libcurl "Name:" means to leave its own header of that name out, and "Name;" an empty one. */
static void
append_given_header (AipEasy *self, const char *line)
{
  const char *colon = strchr (line, ':');
  g_autofree char *empty = NULL;

  /* Whoever gets a line break in here would write headers of his own. */
  if (colon == NULL || strpbrk (line, "\r\n") != NULL)
    return;
  if (colon[1 + strspn (colon + 1, " \t")] != '\0')
    {
      append_header (self, line);
      return;
    }
  empty = g_strdup_printf ("%.*s;", (int) (colon - line), line);
  append_header (self, empty);
}

static CURLcode
set_headers (AipEasy *self, const AipTransferRequest *request)
{
  gboolean accept = FALSE;
  gboolean content_type = FALSE;

  for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
    {
      if (is_named (*line, "Expect"))
        continue;
      accept = accept || is_named (*line, "Accept");
      content_type = content_type || is_named (*line, "Content-Type");
      append_given_header (self, *line);
    }

  /* What libcurl would add of its own. */
  append_header (self, "Expect:");
  if (!accept)
    append_header (self, "Accept:");
  if (!content_type)
    append_header (self, "Content-Type:");
  return curl_easy_setopt (self->handle, CURLOPT_HTTPHEADER, self->headers);
}

static gboolean
always_has_body (const char *method)
{
  return strcmp (method, "POST") == 0 || strcmp (method, "PUT") == 0 || strcmp (method, "PATCH") == 0;
}

static CURLcode
set_upload (AipEasy *self, gint64 length)
{
  CURLcode code = curl_easy_setopt (self->handle, CURLOPT_UPLOAD, 1L);

  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t) length);
  return code;
}

static CURLcode
set_body (AipEasy *self, const AipTransferRequest *request)
{
  gsize length = 0;
  const char *data = request->body == NULL ? NULL : g_bytes_get_data (request->body, &length);
  CURLcode code;

  if (request->upload)
    return set_upload (self, request->upload_length);
  if (length > LARGE_BODY)
    return set_upload (self, length);
  if (length == 0 && !always_has_body (request->method))
    return CURLE_OK;

  code = curl_easy_setopt (self->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) length);
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_POSTFIELDS, length == 0 ? "" : data);
  return code;
}

static CURLcode
set_method (AipEasy *self, const AipTransferRequest *request)
{
  CURLcode code = curl_easy_setopt (self->handle, CURLOPT_HTTPGET, 1L);

  if (code == CURLE_OK && strcmp (request->method, "HEAD") == 0)
    code = curl_easy_setopt (self->handle, CURLOPT_NOBODY, 1L);
  else if (code == CURLE_OK)
    code = set_body (self, request);
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_CUSTOMREQUEST, request->method);
  return code;
}

static CURLcode
set_connection (AipEasy *self, const AipTransferRequest *request)
{
  gboolean https = aip_ascii_has_prefix (request->url, G_MAXSIZE, "https:");
  CURLcode code = CURLE_OK;

  if (self->https != https)
    set_https (self, https);
  if (self->verify_tls != request->verify_tls)
    set_verify_tls (self, request->verify_tls);
  if (self->connect_timeout != request->connect_timeout)
    set_connect_timeout (self, request->connect_timeout);
  if (g_strcmp0 (self->ca_file, request->ca_file) != 0)
    code = set_ca_file (self, request->ca_file);
  if (code == CURLE_OK && g_strcmp0 (self->proxy, request->proxy) != 0)
    code = set_proxy (self, request->proxy);
  if (code == CURLE_OK)
    code = aip_easy_set_fresh (self, request->upload);
  return code;
}

/**
 * aip_easy_prepare:
 * @self: an easy handle
 * @request: what it shall do; the body must stay until aip_easy_recycle ()
 *
 * Returns: why libcurl does not take it, or CURLE_OK
 */
CURLcode
aip_easy_prepare (AipEasy *self, const AipTransferRequest *request)
{
  CURLcode code = curl_easy_setopt (self->handle, CURLOPT_URL, request->url);

  self->error[0] = '\0';
  if (code == CURLE_OK)
    code = set_connection (self, request);
  if (code == CURLE_OK)
    code = set_method (self, request);
  if (code == CURLE_OK)
    code = set_headers (self, request);
  return code;
}

/**
 * aip_easy_prepare_tunnel:
 * @self: an easy handle that was not used yet
 * @request: where it shall connect to, and no more than that
 *
 * Returns: why libcurl does not take it, or CURLE_OK
 */
CURLcode
aip_easy_prepare_tunnel (AipEasy *self, const AipTransferRequest *request)
{
  CURLcode code = curl_easy_setopt (self->handle, CURLOPT_URL, request->url);

  if (code == CURLE_OK)
    code = set_connection (self, request);
  /* Only HTTP/1.1 can be left for another protocol. */
  curl_easy_setopt (self->handle, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt (self->handle, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt (self->handle, CURLOPT_CONNECT_ONLY, 1L);
  return code;
}

/**
 * aip_easy_set_fresh:
 * @self: an easy handle
 * @fresh: do not use a connection that was used before
 *
 * Returns: CURLE_OK
 */
CURLcode
aip_easy_set_fresh (AipEasy *self, gboolean fresh)
{
  if (self->fresh == fresh)
    return CURLE_OK;
  self->fresh = fresh;
  return curl_easy_setopt (self->handle, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
}

/**
 * aip_easy_recycle:
 * @self: an easy handle that is in no multi handle
 *
 * Lets go of the request it had.
 */
void
aip_easy_recycle (AipEasy *self)
{
  drop_headers (self);
  curl_easy_setopt (self->handle, CURLOPT_POSTFIELDS, NULL);
  aip_answer_head_reset (&self->head);
  self->transfer = NULL;
}
