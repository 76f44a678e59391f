/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-models-request"

#include "aip-models-request.h"

#include "aip-small-request.h"
#include "wire/aip-models-json.h"

struct _AipModelsRequest
{
  AipSmallRequest *request;
  AipModelsReplyFunc func;
  void *user_data;
};

static char **
parse (const AipSmallReply *reply, char **problem)
{
  g_autoptr (GError) error = NULL;
  char **models;

  if (reply->fault != AIP_FAULT_NONE)
    *problem = g_strdup (reply->message);
  else if (reply->status != 200)
    *problem = g_strdup_printf ("it answered with status %u", reply->status);
  else if (reply->too_long)
    *problem = g_strdup_printf ("its list is longer than %d bytes", AIP_SMALL_REPLY_MAX);
  if (*problem != NULL)
    return NULL;
  models = aip_models_parse_list (reply->body, reply->length, &error);
  if (models == NULL)
    *problem = g_strdup (error->message);
  return models;
}

static void
replied_cb (const AipSmallReply *reply, void *user_data)
{
  AipModelsRequest *self = user_data;
  g_autofree char *problem = NULL;
  g_auto (GStrv) models = parse (reply, &problem);

  self->func (
      &(AipModelsReply){
          .fault = reply->fault,
          .status = reply->status,
          .models = models,
          .problem = problem,
          .body = reply->body,
      },
      self->user_data);
  g_free (self);
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

  self->func = func;
  self->user_data = user_data;
  self->request =
      aip_small_request_new (upstream, provider, secret, "models", NULL, NULL, timeout, replied_cb, self);
  return self;
}

/**
 * aip_models_request_cancel:
 * @self: (transfer full): a request whose func was not called; it is not going to be
 */
void
aip_models_request_cancel (AipModelsRequest *self)
{
  aip_small_request_cancel (self->request);
  g_free (self);
}
