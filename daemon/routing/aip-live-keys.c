/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-live-keys.h"

#include <string.h>

#define SAVED_TYPE "a(sv)"
#define MAX_SAVED 100000

struct _AipLiveKeys
{
  gatomicrefcount ref_count;
  GMutex lock;      /* of what follows */
  GHashTable *keys; /* its id -> AipLiveKey, owned */
  AipBreakerPolicy policy;
  AipConfig *config; /* (nullable): the last one */
  GPtrArray *known;  /* (nullable): what was made of it; not changed any more */
  AipBreakerWatch *watch;
};

/**
 * aip_live_keys_new:
 *
 * Returns: (transfer full): no keys, until there is a configuration
 */
AipLiveKeys *
aip_live_keys_new (void)
{
  AipLiveKeys *self = g_new0 (AipLiveKeys, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->keys = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) aip_live_key_unref);
  /* What is restored before there is a configuration must not be dropped for want of one. */
  self->policy.enabled = TRUE;
  self->watch = aip_breaker_watch_new ();
  return self;
}

/**
 * aip_live_keys_ref:
 * @self: the keys
 *
 * Returns: (transfer full): @self
 */
AipLiveKeys *
aip_live_keys_ref (AipLiveKeys *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * aip_live_keys_unref:
 * @self: (transfer full): the keys
 */
void
aip_live_keys_unref (AipLiveKeys *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->known, g_ptr_array_unref);
  g_clear_pointer (&self->config, aip_config_unref);
  g_hash_table_unref (self->keys);
  aip_breaker_watch_unref (self->watch);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
unref_key (void *key)
{
  aip_live_key_unref (key);
}

static AipLiveKey *
add (AipLiveKeys *self, const char *id)
{
  AipLiveKey *key = aip_live_key_new (id, &self->policy);

  aip_breaker_set_watch (aip_live_key_get_breaker (key), self->watch);
  g_hash_table_insert (self->keys, (void *) aip_live_key_get_id (key), key);
  return key;
}

/* @id: to be written over */
static AipLiveKey *
keep (AipLiveKeys *self, GString *id, const char *provider, const char *name)
{
  g_string_assign (id, provider);
  g_string_append_c (id, '/');
  g_string_append (id, name);

  AipLiveKey *key = g_hash_table_lookup (self->keys, id->str);

  if (key == NULL)
    key = add (self, id->str);
  else
    aip_breaker_set_policy (aip_live_key_get_breaker (key), &self->policy);
  return aip_live_key_ref (key);
}

static gboolean
is_dropped (void *id, void *key, void *kept)
{
  return !g_hash_table_contains (kept, key);
}

static void
drop_others (AipLiveKeys *self, const GPtrArray *known)
{
  g_autoptr (GHashTable) kept = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < known->len; i++)
    g_hash_table_add (kept, g_ptr_array_index (known, i));
  g_hash_table_foreach_remove (self->keys, is_dropped, kept);
}

static gboolean
have_same_keys (const GPtrArray *a, const GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      const AipKeyConfig *left = g_ptr_array_index (a, i);
      const AipKeyConfig *right = g_ptr_array_index (b, i);

      if (left != right &&
          (!g_str_equal (left->provider, right->provider) || !g_str_equal (left->name, right->name)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
have_same_providers (const GPtrArray *a, const GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      const AipProviderConfig *left = g_ptr_array_index (a, i);
      const AipProviderConfig *right = g_ptr_array_index (b, i);

      if (left != right && !g_str_equal (left->name, right->name))
        return FALSE;
    }
  return TRUE;
}

static GPtrArray *
keep_all (AipLiveKeys *self, const AipConfig *config)
{
  g_autoptr (GString) id = g_string_new (NULL);
  GPtrArray *known = g_ptr_array_new_full (config->keys->len + config->providers->len, unref_key);

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      g_ptr_array_add (known, keep (self, id, key->provider, key->name));
    }
  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);

      g_ptr_array_add (known, keep (self, id, provider->name, ""));
    }
  if (g_hash_table_size (self->keys) > known->len)
    drop_others (self, known);
  return known;
}

/* Whether nothing is to be made, dropped, or told another policy. */
static gboolean
is_as_before (AipLiveKeys *self, const AipConfig *config, const AipBreakerPolicy *policy)
{
  /* A difference in what is no field would cost time alone. */
  return self->known != NULL && memcmp (policy, &self->policy, sizeof *policy) == 0 &&
         g_hash_table_size (self->keys) <= self->known->len &&
         have_same_keys (config->keys, self->config->keys) &&
         have_same_providers (config->providers, self->config->providers);
}

/**
 * aip_live_keys_set_config:
 * @self: the keys
 * @config: the configuration from now on
 *
 * Makes what is new in @config, lets the rest go on as it was, and drops what is no longer in it. Who still
 * has a reference to that can go on using it.
 *
 * Returns: (transfer full) (element-type AipLiveKey): those of the keys of @config in its order, then those
 *   of its providers, as such that need no key; shared with others, so not to be changed
 */
GPtrArray *
aip_live_keys_set_config (AipLiveKeys *self, AipConfig *config)
{
  g_return_val_if_fail (self != NULL && config != NULL, NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  AipBreakerPolicy policy;

  aip_breaker_policy_init (&policy, &config->breaker);
  if (!is_as_before (self, config, &policy))
    {
      self->policy = policy;
      g_clear_pointer (&self->known, g_ptr_array_unref);
      self->known = keep_all (self, config);
    }
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
  return g_ptr_array_ref (self->known);
}

/**
 * aip_live_keys_find:
 * @self: the keys
 * @provider: a provider's name
 * @key: (nullable): the name of a key of it; %NULL: it needs none
 *
 * Returns: (transfer full) (nullable): its live state; %NULL: the configuration has no such key
 */
AipLiveKey *
aip_live_keys_find (AipLiveKeys *self, const char *provider, const char *key)
{
  g_return_val_if_fail (self != NULL && provider != NULL, NULL);

  g_autofree char *id = g_strconcat (provider, "/", key, NULL);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  AipLiveKey *found = g_hash_table_lookup (self->keys, id);

  return found != NULL ? aip_live_key_ref (found) : NULL;
}

/**
 * aip_live_keys_list:
 * @self: the keys
 *
 * Returns: (transfer full) (element-type AipLiveKey): all of them, in no order
 */
GPtrArray *
aip_live_keys_list (AipLiveKeys *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (unref_key);
  GHashTableIter iter;
  void *key = NULL;

  g_return_val_if_fail (self != NULL, list);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, NULL, &key))
    g_ptr_array_add (list, aip_live_key_ref (key));
  return list;
}

/**
 * aip_live_keys_get_serial:
 * @self: the keys
 *
 * Returns: a number that differs as soon as the breaker of any key changes by itself, see
 * aip_breaker_get_serial ()
 */
guint64
aip_live_keys_get_serial (AipLiveKeys *self)
{
  GHashTableIter iter;
  void *key = NULL;
  guint64 serial = 0;

  g_return_val_if_fail (self != NULL, 0);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, NULL, &key))
    serial += aip_breaker_get_serial (aip_live_key_get_breaker (key));
  return serial;
}

/**
 * aip_live_keys_add_watch:
 * @self: the keys
 * @func: called when the breaker of any key has changed by itself or was made to; may not call
 *   the keys, but wake who does
 * @user_data: for @func
 */
void
aip_live_keys_add_watch (AipLiveKeys *self, AipBreakerWatchFunc func, void *user_data)
{
  g_return_if_fail (self != NULL);

  aip_breaker_watch_add (self->watch, func, user_data);
}

/**
 * aip_live_keys_remove_watch:
 * @self: the keys
 * @func: as it was added; not called any more once this returns
 * @user_data: as it was added with
 */
void
aip_live_keys_remove_watch (AipLiveKeys *self, AipBreakerWatchFunc func, void *user_data)
{
  g_return_if_fail (self != NULL);

  aip_breaker_watch_remove (self->watch, func, user_data);
}

/**
 * aip_live_keys_save:
 * @self: the keys
 * @now_us: the time on the clock of attempts
 * @wall_us: the time of day
 *
 * Returns: (transfer floating): the breakers that are not closed, for aip_live_keys_restore (); holds names
 * and numbers only
 */
GVariant *
aip_live_keys_save (AipLiveKeys *self, gint64 now_us, gint64 wall_us)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_autoptr (GPtrArray) keys = aip_live_keys_list (self);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (SAVED_TYPE));
  for (guint i = 0; i < keys->len; i++)
    {
      AipLiveKey *key = g_ptr_array_index (keys, i);
      GVariant *saved = aip_breaker_save (aip_live_key_get_breaker (key), now_us, wall_us);

      if (saved != NULL)
        g_variant_builder_add (&builder, "(sv)", aip_live_key_get_id (key), saved);
    }
  return g_variant_builder_end (&builder);
}

/**
 * aip_live_keys_restore:
 * @self: new keys, before their first configuration
 * @saved: of aip_live_keys_save (), or anything else
 * @now_us: the time on the clock of attempts
 * @wall_us: the time of day
 *
 * Opens again what was open, as far as the first configuration has it. What is wrong in @saved is left out.
 *
 * Returns: whether @saved was of the right kind
 */
gboolean
aip_live_keys_restore (AipLiveKeys *self, GVariant *saved, gint64 now_us, gint64 wall_us)
{
  GVariantIter iter;
  const char *id = NULL;
  GVariant *value = NULL;
  guint n = 0;

  g_return_val_if_fail (self != NULL && saved != NULL, FALSE);

  if (!g_variant_is_of_type (saved, G_VARIANT_TYPE (SAVED_TYPE)))
    return FALSE;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  g_variant_iter_init (&iter, saved);
  while (n++ < MAX_SAVED && g_variant_iter_loop (&iter, "(&sv)", &id, &value))
    {
      AipLiveKey *key = g_hash_table_lookup (self->keys, id);

      if (key == NULL)
        key = add (self, id);
      aip_breaker_restore (aip_live_key_get_breaker (key), value, now_us, wall_us);
    }
  return TRUE;
}
