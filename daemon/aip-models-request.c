/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-models-request"

#include "aip-models-request.h"

#include <string.h>

#include "wire/aip-dialect.h"
#include "wire/aip-models-json.h"

#define MAX_LIST_SIZE (4 * 1024 * 1024)
#define TOTAL_TIMEOUT_MS 15000

struct _AipModelsRequest
{
  AipTransfer *transfer;
  guint status;
  gboolean too_long;
  GByteArray *body;
  AipModelsReplyFunc func;
  void *user_data;
};

static void
request_free (AipModelsRequest *self)
{
  g_byte_array_unref (self->body);
  g_free (self);
}

static void
head_cb (AipTransfer *transfer, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  ((AipModelsRequest *) user_data)->status = status;
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  AipModelsRequest *self = user_data;

  if (self->body->len + length <= MAX_LIST_SIZE)
    g_byte_array_append (self->body, (const guint8 *) data, length);
  else
    self->too_long = TRUE;
  return TRUE;
}

static char **
parse (AipModelsRequest *self, const AipTransferResult *result, char **problem)
{
  g_autoptr (GError) error = NULL;
  char **models;

  if (result->fault != AIP_FAULT_NONE)
    *problem = g_strdup (result->message);
  else if (self->status != 200)
    *problem = g_strdup_printf ("it answered with status %u", self->status);
  else if (self->too_long)
    *problem = g_strdup_printf ("its list is longer than %d bytes", MAX_LIST_SIZE);
  if (*problem != NULL)
    return NULL;
  models = aip_models_parse_list ((const char *) self->body->data, self->body->len, &error);
  if (models == NULL)
    *problem = g_strdup (error->message);
  return models;
}

static void
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  AipModelsRequest *self = user_data;
  g_autofree char *problem = NULL;
  g_auto (GStrv) models = parse (self, result, &problem);

  g_byte_array_append (self->body, (const guint8 *) "", 1);
  self->func (
      &(AipModelsReply){
          .fault = result->fault,
          .status = self->status,
          .models = models,
          .problem = problem,
          .body = (const char *) self->body->data,
      },
      self->user_data);
  request_free (self);
}

static const AipTransferFuncs transfer_funcs = { .head = head_cb, .body = body_cb, .done = done_cb };

static GPtrArray *
make_headers (const AipProviderConfig *provider, const AipDialect *dialect, AipSecret *secret)
{
  GPtrArray *lines = g_ptr_array_new ();

  for (gsize i = 0; dialect->headers != NULL && dialect->headers[i] != NULL; i += 2)
    g_ptr_array_add (lines, g_strconcat (dialect->headers[i], ": ", dialect->headers[i + 1], NULL));
  for (const AipConfigHeader *header = provider->headers; header != NULL && header->name != NULL; header++)
    g_ptr_array_add (lines, g_strconcat (header->name, ": ", header->value, NULL));
  if (secret != NULL && dialect->auth_header != NULL)
    g_ptr_array_add (lines, g_strconcat (dialect->auth_header, ": ", dialect->auth_prefix,
                                         aip_secret_peek (secret, NULL), NULL));
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
 * aip_models_request_new:
 * @upstream: (transfer none): the way out
 * @provider: (transfer none): whom to ask; of a dialect that is served and not internal
 * @secret: (nullable) (transfer none): the key to ask with
 * @timeout: for all of it, in milliseconds; 0: as long as usual
 * @func: called once with what came of it, never from within this call; the request is gone then
 * @user_data: for @func
 *
 * Returns: (transfer none): the request, until @func was called
 */
AipModelsRequest *
aip_models_request_new (AipUpstream *upstream,
                        const AipProviderConfig *provider,
                        AipSecret *secret,
                        guint64 timeout,
                        AipModelsReplyFunc func,
                        void *user_data)
{
  AipModelsRequest *self = g_new0 (AipModelsRequest, 1);
  const AipDialect *dialect = aip_dialect_find (provider->dialect);
  g_autofree char *url = dialect->dup_url (provider->base_url, "models", NULL, NULL);
  GPtrArray *lines = make_headers (provider, dialect, secret);

  self->body = g_byte_array_new ();
  self->func = func;
  self->user_data = user_data;
  self->transfer = aip_upstream_start (upstream,
                                       &(AipTransferRequest){
                                           .method = "GET",
                                           .url = url,
                                           .headers = (const char *const *) lines->pdata,
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
 * aip_models_request_cancel:
 * @self: (transfer full): a request whose func was not called; it is not going to be
 */
void
aip_models_request_cancel (AipModelsRequest *self)
{
  aip_transfer_cancel (self->transfer);
  request_free (self);
}
