/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-small-request"

#include "aip-small-request.h"

#include <string.h>

#include "server/aip-forward-headers.h"
#include "wire/aip-dialect.h"

#define TOTAL_TIMEOUT_MS 15000

struct _AipSmallRequest
{
  AipTransfer *transfer;
  guint status;
  char *content_type; /* (nullable) */
  gboolean too_long;
  GByteArray *body;
  AipSmallReplyFunc func;
  void *user_data;
};

static void
request_free (AipSmallRequest *self)
{
  g_byte_array_unref (self->body);
  g_free (self->content_type);
  g_free (self);
}

static void
head_cb (AipTransfer *transfer, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  AipSmallRequest *self = user_data;
  const AipHeaderView *type = aip_header_views_find (headers, n_headers, "Content-Type");

  self->status = status;
  g_free (self->content_type);
  self->content_type = type != NULL ? g_strndup (type->value, type->value_length) : NULL;
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  AipSmallRequest *self = user_data;

  if (self->body->len + length <= AIP_SMALL_REPLY_MAX)
    g_byte_array_append (self->body, (const guint8 *) data, length);
  else
    self->too_long = TRUE;
  return TRUE;
}

static void
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  AipSmallRequest *self = user_data;
  gsize length = self->body->len;

  g_byte_array_append (self->body, (const guint8 *) "", 1);
  self->func (
      &(AipSmallReply){
          .fault = result->fault,
          .message = result->message,
          .status = self->status,
          .content_type = self->content_type,
          .body = (const char *) self->body->data,
          .length = length,
          .too_long = self->too_long,
      },
      self->user_data);
  request_free (self);
}

static const AipTransferFuncs transfer_funcs = { .head = head_cb, .body = body_cb, .done = done_cb };

static GPtrArray *
make_headers (const AipProviderConfig *provider, const AipDialect *dialect, AipSecret *secret, gboolean json)
{
  GPtrArray *lines = g_ptr_array_new ();

  for (gsize i = 0; dialect->headers != NULL && dialect->headers[i] != NULL; i += 2)
    g_ptr_array_add (lines, g_strconcat (dialect->headers[i], ": ", dialect->headers[i + 1], NULL));
  for (const AipConfigHeader *header = provider->headers; header != NULL && header->name != NULL; header++)
    g_ptr_array_add (lines, g_strconcat (header->name, ": ", header->value, NULL));
  if (secret != NULL && dialect->auth_header != NULL)
    g_ptr_array_add (lines, g_strconcat (dialect->auth_header, ": ", dialect->auth_prefix,
                                         aip_secret_peek (secret, NULL), NULL));
  if (json)
    g_ptr_array_add (lines, g_strdup ("Content-Type: application/json"));
  g_ptr_array_add (lines, NULL);
  return lines;
}

static void
wipe_headers (GPtrArray *lines)
{
  for (guint i = 0; i + 1 < lines->len; i++)
    {
      aip_secret_wipe (lines->pdata[i], strlen (lines->pdata[i]));
      g_free (lines->pdata[i]);
    }
  g_ptr_array_unref (lines);
}

/**
 * aip_small_request_new:
 * @upstream: (transfer none): the way out
 * @provider: (transfer none): whom to ask; of a dialect that is served and not internal
 * @secret: (nullable) (transfer none): the key to ask with
 * @endpoint: such as "models", as `dup_url` of the dialect takes it
 * @model: (nullable): the provider's name for the model that it is about
 * @body: (nullable): JSON to POST; %NULL: it is a GET
 * @timeout: for all of it, in milliseconds; 0: 15 seconds
 * @func: called once with what came of it, never from within this call; the request is gone then
 * @user_data: for @func
 *
 * Returns: (transfer none): the request, until @func was called
 */
AipSmallRequest *
aip_small_request_new (AipUpstream *upstream,
                       const AipProviderConfig *provider,
                       AipSecret *secret,
                       const char *endpoint,
                       const char *model,
                       const char *body,
                       guint64 timeout,
                       AipSmallReplyFunc func,
                       void *user_data)
{
  AipSmallRequest *self = g_new0 (AipSmallRequest, 1);
  const AipDialect *dialect = aip_dialect_find (provider->dialect);
  g_autofree char *url = dialect->dup_url (provider->base_url, endpoint, NULL, model);
  g_autoptr (GBytes) bytes = body != NULL ? g_bytes_new (body, strlen (body)) : NULL;
  GPtrArray *lines = make_headers (provider, dialect, secret, body != NULL);

  self->body = g_byte_array_new ();
  self->func = func;
  self->user_data = user_data;
  self->transfer = aip_upstream_start (upstream,
                                       &(AipTransferRequest){
                                           .method = body != NULL ? "POST" : "GET",
                                           .url = url,
                                           .headers = (const char *const *) lines->pdata,
                                           .body = bytes,
                                           .connect_timeout = provider->timeouts.connect,
                                           .total_timeout = timeout > 0 ? timeout : TOTAL_TIMEOUT_MS,
                                           .verify_tls = provider->verify_tls,
                                           .ca_file = provider->ca_file,
                                           .proxy = provider->proxy,
                                       },
                                       &transfer_funcs, self);
  wipe_headers (lines);
  return self;
}

/**
 * aip_small_request_cancel:
 * @self: (transfer full): a request whose func was not called; it is not going to be
 */
void
aip_small_request_cancel (AipSmallRequest *self)
{
  aip_transfer_cancel (self->transfer);
  request_free (self);
}
