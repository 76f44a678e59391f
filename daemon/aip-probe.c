/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-probe"

#include "aip-probe.h"

#include <string.h>

#include "aip-models-request.h"
#include "aip-small-request.h"
#include "base/aip-clock.h"
#include "base/aip-log.h"
#include "base/aip-loop.h"
#include "server/aip-attempt.h"
#include "wire/aip-dialect.h"
#include "wire/aip-trial.h"

/* For both calls, in milliseconds: callers on the bus wait for 25 s as a rule. */
#define TOTAL_TIMEOUT_MS 20000

struct _AipProbe
{
  AipLoop *loop;
  AipUpstream *upstream;
  AipLiveKeys *live;
  AipProbeSecretFunc find_secret;
  AipProbeExplainFunc explain;
  void *user_data;
  GHashTable *attempts; /* of Attempt */
};

typedef struct
{
  AipProbe *probe;
  AipConfig *config;
  const AipProviderConfig *provider;
  const AipKeyConfig *tried; /* (nullable): the key that is also to serve a request */
  AipSecret *secret;         /* (nullable) */
  char *model;               /* (nullable): for that */
  AipModelsRequest *request; /* (nullable): what is known already waits for the main loop */
  AipSmallRequest *trial;    /* (nullable) */
  GSource *idle;             /* (nullable) */
  AipTestResult result;
  char *text;
  gint64 start; /* monotonic µs */
  AipTestFunc func;
  void *user_data;
  GDestroyNotify dropped; /* (nullable): there is no result yet */
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_clear_pointer (&attempt->request, aip_models_request_cancel);
  g_clear_pointer (&attempt->trial, aip_small_request_cancel);
  g_clear_pointer (&attempt->secret, aip_secret_unref);
  aip_config_unref (attempt->config);
  g_free (attempt->model);
  if (attempt->idle != NULL)
    g_source_destroy (attempt->idle);
  g_clear_pointer (&attempt->idle, g_source_unref);
  if (attempt->dropped != NULL)
    attempt->dropped (attempt->user_data);
  g_free (attempt->text);
  g_free (attempt);
}

static void
end (Attempt *attempt)
{
  attempt->result.text = attempt->text;
  attempt->result.duration_ms = (guint) ((g_get_monotonic_time () - attempt->start) / 1000);
  attempt->dropped = NULL;
  attempt->func (&attempt->result, attempt->user_data);
  g_hash_table_remove (attempt->probe->attempts, attempt);
}

static gboolean
idle_cb (gpointer user_data)
{
  end (user_data);
  return G_SOURCE_REMOVE;
}

static void
end_soon (Attempt *attempt, const char *kind, char *text)
{
  attempt->result.kind = kind;
  attempt->text = text;
  attempt->idle = g_idle_source_new ();
  g_source_set_callback (attempt->idle, idle_cb, attempt, NULL);
  g_source_attach (attempt->idle, NULL);
}

/* --- what an answer means --- */

static const char *
kind_of_fault (AipFault fault)
{
  switch (fault)
    {
    case AIP_FAULT_CONNECT_TIMEOUT:
    case AIP_FAULT_FIRST_BYTE_TIMEOUT:
    case AIP_FAULT_IDLE_TIMEOUT:
    case AIP_FAULT_TOTAL_TIMEOUT:
      return "timeout";
    case AIP_FAULT_PROTOCOL:
      return "protocol";
    case AIP_FAULT_NONE:
    case AIP_FAULT_RESOLVE:
    case AIP_FAULT_CONNECT:
    case AIP_FAULT_TLS:
    case AIP_FAULT_CUT:
    case AIP_FAULT_CANCELLED:
    default:
      return "network";
    }
}

/* Providers say 429, or a 4xx, for an account without money too; the words differ, these stand in all of
 * them. */
static gboolean
speaks_of_quota (const char *body)
{
  static const char *const words[] = {
    "insufficient_quota", "exceeded your current quota", "billing",
    "credit balance",     "Insufficient Balance",        "RESOURCE_EXHAUSTED"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (body, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* Gemini says 400 to a wrong key. */
static gboolean
speaks_of_key (const char *body)
{
  return strstr (body, "API_KEY_INVALID") != NULL || strstr (body, "API key not valid") != NULL;
}

static void
judge (Attempt *attempt, const AipModelsReply *reply)
{
  attempt->result.status = reply->status;
  if (reply->models != NULL)
    {
      attempt->result.kind = "ok";
      attempt->result.n_models = g_strv_length (reply->models);
      attempt->text = g_strdup_printf ("it lists %u models", attempt->result.n_models);
    }
  else if (reply->fault != AIP_FAULT_NONE)
    {
      attempt->result.kind = kind_of_fault (reply->fault);
      attempt->text = g_strdup (reply->problem);
    }
  else if (reply->status == 402 || (reply->status >= 400 && speaks_of_quota (reply->body)))
    {
      attempt->result.kind = "quota";
      attempt->text = g_strdup_printf (
          "the account has no quota left (status %u): see its billing at the provider", reply->status);
    }
  else if (reply->status == 429)
    {
      attempt->result.kind = "quota";
      attempt->text = g_strdup ("the rate limit is reached (status 429): wait a while");
    }
  else if (reply->status == 401 || reply->status == 403 ||
           (reply->status == 400 && speaks_of_key (reply->body)))
    {
      attempt->result.kind = "auth";
      attempt->text = g_strdup_printf ("the provider does not take the key (status %u)", reply->status);
    }
  else
    {
      attempt->result.kind = "protocol";
      attempt->text = g_strdup (reply->problem);
    }
}

/* --- a request that costs a token --- */

/* @text: (transfer full) */
static void
set_result (Attempt *attempt, const char *kind, char *text)
{
  attempt->result.kind = kind;
  g_free (attempt->text);
  attempt->text = text;
}

static void
judge_trial (Attempt *attempt, const AipSmallReply *reply)
{
  AipFaultVerdict verdict = aip_fault_classify (&(AipFaultInput){
      .transport = aip_fault_to_transport (reply->fault),
      .status = reply->status,
      .content_type = reply->content_type,
      .content_type_length = reply->content_type != NULL ? strlen (reply->content_type) : 0,
      .body = reply->body,
      .body_length = reply->length,
      .retry_after_us = -1,
      .names_model = TRUE,
  });
  guint status = attempt->result.status = reply->status;

  switch (verdict.fault_class)
    {
    case AIP_FAULT_CLASS_NONE:
      set_result (attempt, "ok", g_strdup_printf ("%s, and %s answers", attempt->text, attempt->model));
      break;
    case AIP_FAULT_CLASS_CLIENT:
    case AIP_FAULT_CLASS_CONTEXT_LENGTH:
    case AIP_FAULT_CLASS_MODEL_MISSING:
      set_result (attempt, "ok",
                  g_strdup_printf ("it takes the key, but not what was asked of %s (status %u: %s)",
                                   attempt->model, status, verdict.reason));
      break;
    case AIP_FAULT_CLASS_AUTH:
      set_result (attempt, "auth",
                  g_strdup_printf ("the provider does not take the key (status %u)", status));
      break;
    case AIP_FAULT_CLASS_BILLING:
      set_result (attempt, "quota",
                  g_strdup_printf (
                      "the account has no quota left (status %u): see its billing at the provider", status));
      break;
    case AIP_FAULT_CLASS_RATE_LIMITED:
      set_result (attempt, "quota",
                  g_strdup_printf ("the rate limit is reached (status %u): wait a while", status));
      break;
    case AIP_FAULT_CLASS_TRANSIENT:
    case AIP_FAULT_CLASS_CANCELLED:
    case AIP_N_FAULT_CLASSES:
    default:
      if (reply->fault != AIP_FAULT_NONE)
        set_result (attempt, kind_of_fault (reply->fault), g_strdup (reply->message));
      else
        set_result (
            attempt, "protocol",
            g_strdup_printf ("%s does not answer (status %u: %s)", attempt->model, status, verdict.reason));
      break;
    }
}

static void
trial_replied_cb (const AipSmallReply *reply, void *user_data)
{
  Attempt *attempt = user_data;

  attempt->trial = NULL;
  judge_trial (attempt, reply);
  end (attempt);
}

/* A list may name anything, also the key that it was asked for with. */
static char *
dup_name_for_people (Attempt *attempt, const char *model)
{
  if (attempt->secret != NULL && strstr (model, aip_secret_peek (attempt->secret, NULL)) != NULL)
    return g_strdup ("a model");
  return aip_log_mask (model);
}

static gboolean
begin_trial (Attempt *attempt, const AipModelsReply *reply)
{
  static const char *const none[] = { NULL };
  const AipDialect *dialect = aip_dialect_find (attempt->provider->dialect);
  char **globs = attempt->tried->models;
  const char *model;
  g_autofree char *body = NULL;
  gint64 spent = (g_get_monotonic_time () - attempt->start) / 1000;

  if (globs == NULL || *globs == NULL)
    globs = attempt->provider->models;
  model = aip_trial_pick_model (reply->models != NULL ? (const char *const *) reply->models : none,
                                (const char *const *) globs);
  if (model == NULL)
    return FALSE;
  body = aip_trial_make_body (dialect, attempt->provider->base_url, model);
  attempt->model = dup_name_for_people (attempt, model);
  attempt->trial = aip_small_request_new (
      attempt->probe->upstream, attempt->provider, attempt->secret, aip_trial_get_endpoint (dialect), model,
      body, (guint64) MAX (TOTAL_TIMEOUT_MS - spent, 1), trial_replied_cb, attempt);
  return TRUE;
}

/* Keys may be made that may ask a model, but not for the list of them. */
static gboolean
tells_of_key (const AipModelsReply *reply)
{
  return reply->models != NULL || (reply->fault == AIP_FAULT_NONE && reply->status == 403);
}

static void
replied_cb (const AipModelsReply *reply, void *user_data)
{
  Attempt *attempt = user_data;

  attempt->request = NULL;
  judge (attempt, reply);
  if (attempt->tried == NULL || !tells_of_key (reply) || !begin_trial (attempt, reply))
    end (attempt);
}

/* --- starting --- */

static gboolean
is_well (AipProbe *self, const AipKeyConfig *key)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (self->live, key->provider, key->name);

  return live == NULL || aip_live_key_get_state (live, aip_clock_now ()) == AIP_BREAKER_CLOSED;
}

/* How much a key tells of its provider: one that serves requests more than one whose breaker is open, this
 * one more than a disabled one, and one without a secret nothing. */
static guint
rate_key (AipProbe *self, const AipKeyConfig *key, const AipSecret *secret)
{
  if (secret == NULL)
    return 1;
  if (!key->enabled)
    return 2;
  return is_well (self, key) ? 4 : 3;
}

/* The key of that name, or the first usable one; where there is none, what comes next to it. */
static const AipKeyConfig *
find_key (AipProbe *self, AipConfig *config, const char *provider, const char *name, AipSecret **secret)
{
  const AipKeyConfig *found = NULL;
  guint best = 0;

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      g_autoptr (AipSecret) one = NULL;

      if (!g_str_equal (key->provider, provider) || (name != NULL && !g_str_equal (key->name, name)))
        continue;
      one = self->find_secret (key, self->user_data);
      if (rate_key (self, key, one) <= best)
        continue;
      best = rate_key (self, key, one);
      found = key;
      g_clear_pointer (secret, aip_secret_unref);
      *secret = g_steal_pointer (&one);
    }
  return found;
}

static char *
dup_missing (AipProbe *self, const AipKeyConfig *key)
{
  const char *why = self->explain (key, self->user_data);

  if (why != NULL)
    return g_strdup_printf ("key %s: %s", key->name, why);
  if (key->ref_kind == AIP_KEY_REF_KEYRING)
    return g_strdup_printf ("key %s: the keyring has none for it; run `aiproxyctl key secret %s`", key->name,
                            key->name);
  return g_strdup_printf ("key %s: %s %s is not set for the daemon", key->name,
                          key->ref_kind == AIP_KEY_REF_ENVIRONMENT ? "the variable" : "the credential",
                          key->ref);
}

/**
 * aip_probe_start:
 * @self: a probe
 * @config: (transfer none): what is in force
 * @provider: a provider's name
 * @key: (nullable): the name of a key of it; NULL: the first usable one, or where there is none the first one
 *   that has a secret
 * @func: called once with the result, never from within this call
 * @user_data: for @func
 * @dropped: (nullable): called with @user_data instead, if the probe is freed before there is a result
 *
 * Asks the provider for its models. Where @key is named, what answers is asked for one token more: many
 * providers list their models to anybody, and to accounts without money. A disabled provider or key is tried
 * all the same.
 */
void
aip_probe_start (AipProbe *self,
                 AipConfig *config,
                 const char *provider,
                 const char *key,
                 AipTestFunc func,
                 void *user_data,
                 GDestroyNotify dropped)
{
  const AipProviderConfig *found = aip_config_find_provider (config, provider);
  const AipDialect *dialect = found != NULL ? aip_dialect_find (found->dialect) : NULL;
  g_autoptr (AipSecret) secret = NULL;
  const AipKeyConfig *with = find_key (self, config, provider, key, &secret);
  Attempt *attempt = g_new0 (Attempt, 1);

  attempt->probe = self;
  attempt->config = aip_config_ref (config);
  attempt->provider = found;
  attempt->tried = key != NULL ? with : NULL;
  attempt->secret = secret != NULL ? aip_secret_ref (secret) : NULL;
  attempt->start = g_get_monotonic_time ();
  attempt->func = func;
  attempt->user_data = user_data;
  attempt->dropped = dropped;
  g_hash_table_add (self->attempts, attempt);
  if (dialect == NULL)
    end_soon (attempt, "disabled", g_strdup ("its dialect is not served by this version"));
  else if (dialect->internal)
    end_soon (attempt, "ok", g_strdup ("it lies inside the daemon"));
  else if (with != NULL && secret == NULL)
    end_soon (attempt, "missing-secret", dup_missing (self, with));
  else
    attempt->request = aip_models_request_new (self->upstream, found, secret, 0, replied_cb, attempt);
}

/**
 * aip_probe_new:
 * @live: (transfer none): what is going on with the keys
 * @find_secret: (transfer full result): finds the secret of a key; NULL: it has none
 * @explain: tells why a key has no secret
 * @user_data: for both
 *
 * Returns: (transfer full): a probe on the default main context
 */
AipProbe *
aip_probe_new (AipLiveKeys *live,
               AipProbeSecretFunc find_secret,
               AipProbeExplainFunc explain,
               void *user_data)
{
  AipProbe *self = g_new0 (AipProbe, 1);

  self->loop = aip_loop_new (g_main_context_default ());
  self->upstream = aip_upstream_new (self->loop);
  self->live = aip_live_keys_ref (live);
  self->find_secret = find_secret;
  self->explain = explain;
  self->user_data = user_data;
  self->attempts = g_hash_table_new_full (NULL, NULL, (GDestroyNotify) attempt_free, NULL);
  return self;
}

static void
give_up (Attempt *attempt)
{
  attempt->result.kind = "network";
  g_free (attempt->text);
  attempt->text = g_strdup ("the daemon ended before there was an answer");
  end (attempt);
}

/**
 * aip_probe_free:
 * @self: (transfer full): a probe; what is under way ends without an answer of the provider's
 */
void
aip_probe_free (AipProbe *self)
{
  g_autoptr (GList) attempts = g_hash_table_get_keys (self->attempts);

  for (GList *link = attempts; link != NULL; link = link->next)
    give_up (link->data);
  g_hash_table_unref (self->attempts);
  aip_upstream_free (self->upstream);
  aip_live_keys_unref (self->live);
  aip_loop_free (self->loop);
  g_free (self);
}
