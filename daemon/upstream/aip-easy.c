/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-easy"

#include "upstream/aip-easy.h"

#include "aip-build.h"

#include <string.h>

#include "base/aip-ascii.h"

#define USER_AGENT "aiproxy/" AIP_VERSION
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
  curl_easy_setopt (handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt (handle, CURLOPT_MAXAGE_CONN, AGE_LIMIT_S);
  curl_easy_setopt (handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  /* Else giving up on a name that does not resolve waits for the resolver's thread. */
  curl_easy_setopt (handle, CURLOPT_QUICK_EXIT, 1L);

  curl_easy_setopt (handle, CURLOPT_OPENSOCKETFUNCTION, aip_upstream_open_socket_cb);
  curl_easy_setopt (handle, CURLOPT_OPENSOCKETDATA, self);
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

/* The names that libcurl looks for; HTTP_PROXY is not among them, as a CGI's client may set that. */
static gboolean
environment_names_proxy (void)
{
  static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_getenv (names[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* What is not to be asked through a proxy. Where there can be none, libcurl is told so: else it would search
 * the environment for each request. Nor does no_proxy have a say where the configuration names a proxy. */
static const char *
exceptions_of (const char *proxy, gboolean none)
{
  if (none)
    return "*";
  return proxy != NULL ? "" : NULL;
}

/* Where there is no proxy, libcurl would print a User-Agent that only a proxy is shown. */
static CURLcode
set_proxy (AipEasy *self, const char *proxy)
{
  gboolean none = proxy != NULL ? g_str_equal (proxy, "none") : !environment_names_proxy ();
  CURLcode code = curl_easy_setopt (self->handle, CURLOPT_PROXY, none ? NULL : proxy);

  g_free (self->proxy);
  self->proxy = g_strdup (proxy);
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_NOPROXY, exceptions_of (proxy, none));
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_USERAGENT, none ? NULL : USER_AGENT);
  return code;
}

static CURLcode
code_of_url_fault (CURLUcode fault)
{
  switch ((int) fault)
    {
    case CURLUE_OK:
      return CURLE_OK;
    case CURLUE_UNSUPPORTED_SCHEME:
      return CURLE_UNSUPPORTED_PROTOCOL;
    case CURLUE_USER_NOT_ALLOWED:
      return CURLE_LOGIN_DENIED;
    default:
      return CURLE_URL_MALFORMAT;
    }
}

/* Libcurl would take it apart, and put it together again, for each request, though they seldom differ. It
 * wants the text beside the parts, or puts them together yet. */
static CURLcode
set_url (AipEasy *self, const char *url)
{
  CURLcode code;

  if (g_strcmp0 (self->url, url) == 0)
    return CURLE_OK;
  g_clear_pointer (&self->url, g_free);
  code = curl_easy_setopt (self->handle, CURLOPT_URL, url);
  if (code == CURLE_OK)
    code = code_of_url_fault (
        curl_url_set (self->parts, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_DISALLOW_USER));
  if (code == CURLE_OK)
    code = curl_easy_setopt (self->handle, CURLOPT_CURLU, self->parts);
  if (code == CURLE_OK)
    self->url = g_strdup (url);
  return code;
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

  self->upstream = upstream;
  self->handle = curl_easy_init ();
  self->parts = curl_url ();
  if (self->handle == NULL || self->parts == NULL)
    g_error ("curl_easy_init: out of memory");
  aip_answer_head_init (&self->head);
  aip_header_list_init (&self->headers);
  set_static_options (self, upstream);
  set_https (self, TRUE);
  set_verify_tls (self, TRUE);
  set_connect_timeout (self, 0);
  set_proxy (self, NULL);
  return self;
}

static void
drop_headers (AipEasy *self)
{
  curl_easy_setopt (self->handle, CURLOPT_HTTPHEADER, NULL);
  aip_header_list_reset (&self->headers);
}

/**
 * aip_easy_free:
 * @self: (transfer full): an easy handle that is in no multi handle
 */
void
aip_easy_free (AipEasy *self)
{
  curl_easy_cleanup (self->handle);
  curl_url_cleanup (self->parts);
  aip_header_list_clear (&self->headers);
  aip_answer_head_clear (&self->head);
  g_free (self->url);
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

/* To libcurl "Name:" means to leave its own header of that name out, and "Name;" an empty one. */
static void
add_given (AipHeaderList *list, const char *line)
{
  gsize length = strlen (line);
  const char *colon = memchr (line, ':', length);

  /* Whoever gets a line break in here would write headers of his own. */
  if (colon == NULL || strpbrk (line, "\r\n") != NULL)
    return;
  if (colon[1 + strspn (colon + 1, " \t")] != '\0')
    aip_header_list_add (list, line, length, "");
  else
    aip_header_list_add (list, line, colon - line, ";");
}

/* What is said where the request does not say it: nothing, instead of what libcurl would say, and who we are.
 */
static const struct
{
  const char *name;
  const char *line;
} own_headers[] = {
  { "Accept:", "Accept:" },
  { "Content-Type:", "Content-Type:" },
  { "User-Agent:", "User-Agent: " USER_AGENT },
  { "Expect:", "Expect:" },
};

static void
reserve_headers (AipHeaderList *list, const char *const *lines)
{
  gsize size = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (own_headers); i++)
    size += strlen (own_headers[i].line) + 1;
  for (; lines != NULL && *lines != NULL; lines++)
    size += strlen (*lines) + 1;
  aip_header_list_reserve (list, size);
}

static CURLcode
set_headers (AipEasy *self, const AipTransferRequest *request)
{
  AipHeaderList *list = &self->headers;
  gboolean given[G_N_ELEMENTS (own_headers)] = { FALSE };

  reserve_headers (list, request->headers);
  for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
    {
      /* The head was answered already where the client expects that. */
      if (aip_ascii_has_prefix (*line, G_MAXSIZE, "Expect:"))
        continue;
      for (gsize i = 0; i < G_N_ELEMENTS (own_headers); i++)
        if (aip_ascii_has_prefix (*line, G_MAXSIZE, own_headers[i].name))
          given[i] = TRUE;
      add_given (list, *line);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (own_headers); i++)
    if (!given[i])
      aip_header_list_add (list, own_headers[i].line, strlen (own_headers[i].line), "");
  return curl_easy_setopt (self->handle, CURLOPT_HTTPHEADER, aip_header_list_link (list));
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
    code = aip_easy_set_fresh (self, request->upload || request->fresh);
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
  CURLcode code = set_url (self, request->url);

  self->error[0] = '\0';
  self->socket_errno = 0;
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
  CURLcode code = set_url (self, request->url);

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
