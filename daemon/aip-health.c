/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-health"

#include "aip-health.h"

#include <string.h>

#include "aip-models-request.h"
#include "base/aip-clock.h"
#include "base/aip-loop.h"
#include "server/aip-attempt.h"
#include "wire/aip-dialect.h"

/* A daemon that nobody has used for so long leaves the network alone. */
#define UNUSED_FOR (10 * G_TIME_SPAN_MINUTE)

struct _AipHealth
{
  AipLoop *loop;
  AipUpstream *upstream;
  AipTimer timer;
  AipLiveKeys *live;
  AipConfig *config;  /* (nullable) */
  GHashTable *checks; /* of Check, those under way */
  gboolean paused;
  AipHealthSecretFunc find_secret;
  void *user_data;
};

typedef struct
{
  AipHealth *owner;
  AipLiveKey *key;
  AipLiveAttempt attempt;
  AipLiveOutcome outcome;
  AipModelsRequest *request; /* (nullable) */
} Check;

static guint64
make_random (void)
{
  return (guint64) g_random_int () << 32 | g_random_int ();
}

static void
check_free (gpointer data)
{
  Check *check = data;

  g_clear_pointer (&check->request, aip_models_request_cancel);
  aip_live_key_end (check->key, &check->attempt, &check->outcome, aip_clock_now (), make_random ());
  aip_live_key_unref (check->key);
  g_free (check);
}

static void
end (Check *check)
{
  g_autoptr (AipLiveKey) key = aip_live_key_ref (check->key);
  gboolean was_open = aip_live_key_get_state (key, aip_clock_now ()) == AIP_BREAKER_OPEN;

  g_hash_table_remove (check->owner->checks, check);
  if (was_open && aip_live_key_get_state (key, aip_clock_now ()) != AIP_BREAKER_OPEN)
    g_message ("%s passes its health check: the next request finds out whether it is well again",
               aip_live_key_get_id (key));
}

static void
replied_cb (const AipModelsReply *reply, void *user_data)
{
  Check *check = user_data;
  check->request = NULL;
  check->outcome.verdict = aip_fault_classify (&(AipFaultInput){
      .transport = aip_fault_to_transport (reply->fault),
      .status = reply->status,
      .body = reply->body,
      .body_length = strlen (reply->body),
      .retry_after_us = -1,
  });
  /* Keys may be made that may ask a model, but not for the list of them: that tells nothing. */
  if (reply->status == 403 && check->outcome.verdict.fault_class == AIP_FAULT_CLASS_AUTH)
    check->outcome.verdict.fault_class = AIP_FAULT_CLASS_CANCELLED;
  end (check);
}

/* --- which ones --- */

static gboolean
is_due (const AipHealth *self, AipLiveKey *key, gint64 now)
{
  gint64 interval = (gint64) self->config->health_check.interval * 1000;
  AipLiveKeyTotals totals;

  if (aip_live_key_get_state (key, now) != AIP_BREAKER_CLOSED)
    return TRUE;
  aip_live_key_get_totals (key, &totals);
  return now - totals.last_used_us >= interval;
}

/* @config: (nullable): NULL: the provider needs no key */
static void
check (AipHealth *self, const AipProviderConfig *provider, const AipKeyConfig *config)
{
  g_autoptr (AipSecret) secret = NULL;
  g_autoptr (AipLiveKey) key =
      aip_live_keys_find (self->live, provider->name, config != NULL ? config->name : NULL);
  gint64 now = aip_clock_now ();
  AipLiveAttempt attempt;
  Check *started;

  if (key == NULL || !is_due (self, key, now))
    return;
  if (config != NULL && (secret = self->find_secret (config, self->user_data)) == NULL)
    return;
  if (!aip_live_key_begin_check (key, now, &attempt))
    return;
  started = g_new0 (Check, 1);
  *started = (Check){ .owner = self, .key = g_steal_pointer (&key), .attempt = attempt };
  started->outcome.verdict.fault_class = AIP_FAULT_CLASS_CANCELLED;
  g_hash_table_add (self->checks, started);
  started->request = aip_models_request_new (self->upstream, provider, secret,
                                             self->config->health_check.timeout, replied_cb, started);
}

static gboolean
can_be_asked (const AipProviderConfig *provider)
{
  const AipDialect *dialect = provider != NULL ? aip_dialect_find (provider->dialect) : NULL;

  return dialect != NULL && provider->enabled && !dialect->internal;
}

static void
check_keys (AipHealth *self)
{
  for (guint i = 0; i < self->config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (self->config->keys, i);
      const AipProviderConfig *provider = aip_config_find_provider (self->config, key->provider);

      if (key->enabled && can_be_asked (provider))
        check (self, provider, key);
    }
}

static gboolean
has_keys (const AipHealth *self, const AipProviderConfig *provider)
{
  for (guint i = 0; i < self->config->keys->len; i++)
    if (g_str_equal (((const AipKeyConfig *) g_ptr_array_index (self->config->keys, i))->provider,
                     provider->name))
      return TRUE;
  return FALSE;
}

/* Such as a model on this machine. */
static void
check_providers_without_keys (AipHealth *self)
{
  for (guint i = 0; i < self->config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (self->config->providers, i);

      if (can_be_asked (provider) && !has_keys (self, provider))
        check (self, provider, NULL);
    }
}

static gboolean
is_in_use (const AipHealth *self)
{
  g_autoptr (GPtrArray) keys = aip_live_keys_list (self->live);
  gint64 now = aip_clock_now ();

  for (guint i = 0; i < keys->len; i++)
    {
      AipLiveKeyTotals totals;

      aip_live_key_get_totals (g_ptr_array_index (keys, i), &totals);
      if (totals.last_used_us != 0 && now - totals.last_used_us < UNUSED_FOR)
        return TRUE;
    }
  return FALSE;
}

/* Several daemons had better not ask at the same moment. */
static void
arm (AipHealth *self)
{
  double interval = (double) self->config->health_check.interval * 1000;

  aip_timer_arm (&self->timer, (gint64) (interval * g_random_double_range (0.9, 1.1)));
}

static void
timer_cb (AipTimer *timer, void *user_data)
{
  AipHealth *self = user_data;

  arm (self);
  if (!is_in_use (self) || g_hash_table_size (self->checks) > 0)
    return;
  check_keys (self);
  check_providers_without_keys (self);
}

static void
start_or_stop (AipHealth *self)
{
  if (self->config != NULL && self->config->health_check.enabled && !self->paused)
    arm (self);
  else
    {
      aip_timer_disarm (&self->timer);
      g_hash_table_remove_all (self->checks);
    }
}

/**
 * aip_health_set_config:
 * @self: a health
 * @config: (transfer none): whom to ask, and how often
 */
void
aip_health_set_config (AipHealth *self, AipConfig *config)
{
  g_return_if_fail (self != NULL && config != NULL);

  if (config == self->config)
    return;
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
  start_or_stop (self);
}

/**
 * aip_health_set_paused:
 * @self: a health
 * @paused: nobody is to be asked anything, not even what is under way
 */
void
aip_health_set_paused (AipHealth *self, gboolean paused)
{
  g_return_if_fail (self != NULL);

  self->paused = paused;
  start_or_stop (self);
}

/**
 * aip_health_new:
 * @live: (transfer none): whose breakers are to be helped
 * @find_secret: (transfer full result): finds the secret of a key; NULL: it has none
 * @user_data: for @find_secret
 *
 * Returns: (transfer full): a health on the default main context that does nothing yet
 */
AipHealth *
aip_health_new (AipLiveKeys *live, AipHealthSecretFunc find_secret, void *user_data)
{
  AipHealth *self = g_new0 (AipHealth, 1);

  self->loop = aip_loop_new (g_main_context_default ());
  self->upstream = aip_upstream_new (self->loop);
  self->live = aip_live_keys_ref (live);
  self->checks = g_hash_table_new_full (NULL, NULL, check_free, NULL);
  self->find_secret = find_secret;
  self->user_data = user_data;
  aip_timer_init (&self->timer, self->loop, timer_cb, self);
  return self;
}

/**
 * aip_health_free:
 * @self: (transfer full): a health
 */
void
aip_health_free (AipHealth *self)
{
  aip_timer_disarm (&self->timer);
  g_hash_table_unref (self->checks);
  g_clear_pointer (&self->config, aip_config_unref);
  aip_live_keys_unref (self->live);
  aip_upstream_free (self->upstream);
  aip_loop_free (self->loop);
  g_free (self);
}
