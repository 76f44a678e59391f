/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-provider.h"

#include "base/aip-glob.h"
#include "wire/aip-builtin.h"

typedef struct
{
  const AipKeyConfig *config;
  AipKeySecret found;
  AipLiveKey *live; /* not owned */
  guint index;
} Key;

static void
key_clear (Key *key)
{
  g_clear_pointer (&key->found.secret, aip_secret_unref);
}

static gboolean
key_is_usable (const Key *key)
{
  return key->config->enabled && key->found.secret != NULL;
}

static gboolean
key_serves (const Key *key, const char *model)
{
  const char *const *globs = (const char *const *) key->config->models;

  return globs[0] == NULL || aip_glob_match_any (globs, model);
}

static gboolean
has_restricted_key (const GArray *keys)
{
  for (guint i = 0; i < keys->len; i++)
    {
      const Key *key = &g_array_index (keys, Key, i);

      if (key_is_usable (key) && key->config->models[0] != NULL)
        return TRUE;
    }

  return FALSE;
}

static int
compare_keys (const void *a, const void *b)
{
  int left = ((const Key *) a)->config->priority;
  int right = ((const Key *) b)->config->priority;

  return (left > right) - (left < right);
}

static GArray *
collect_keys (const AipRouteInput *input, const GArray *own)
{
  guint n = own != NULL ? own->len : 0;
  GArray *keys = g_array_sized_new (FALSE, FALSE, sizeof (Key), n);

  g_array_set_clear_func (keys, (GDestroyNotify) key_clear);

  for (guint i = 0; i < n; i++)
    {
      guint index = g_array_index (own, guint, i);
      Key key = { .config = g_ptr_array_index (input->config->keys, index),
                  .found = input->secrets[index],
                  .live = input->live->pdata[index],
                  .index = index };

      if (key.found.secret != NULL)
        aip_secret_ref (key.found.secret);
      g_array_append_val (keys, key);
    }

  /* GLib promises that equals keep their order. */
  g_array_sort (keys, compare_keys);

  return keys;
}

/* @model: (nullable): the keys that may be used for it; NULL: all that are usable */
static GArray *
make_candidates (const AipRouteProvider *self, const char *model)
{
  GArray *candidates = g_array_new (FALSE, FALSE, sizeof (AipCandidate));
  AipCandidate candidate = { .provider = self->config,
                             .dialect = self->dialect,
                             .live = self->live,
                             .weight = self->config->weight,
                             .index = self->index };

  if (self->keys->len == 0)
    g_array_append_val (candidates, candidate);

  for (guint i = 0; i < self->keys->len; i++)
    {
      const Key *key = &g_array_index (self->keys, Key, i);

      if (!key_is_usable (key) || (model != NULL && !key_serves (key, model)))
        continue;
      candidate.key = key->config;
      candidate.secret = key->found.secret;
      candidate.live = key->live;
      candidate.weight = (double) self->config->weight * key->config->weight;
      candidate.index = key->index;
      candidate.priority = key->config->priority;
      g_array_append_val (candidates, candidate);
    }

  return candidates;
}

static gboolean
matches_pattern (const AipRouteProvider *self, const char *model)
{
  for (guint i = 0; i < self->patterns->len; i++)
    if (aip_glob_match (g_ptr_array_index (self->patterns, i), model))
      return TRUE;

  return FALSE;
}

static void
add_names (AipRouteProvider *self, const char *const *names)
{
  for (; names != NULL && *names != NULL; names++)
    if (**names != '\0' && aip_glob_is_exact (*names))
      g_hash_table_add (self->names, g_strdup (*names));
}

/* Of what the provider says it has, those that it is to serve. */
static void
add_discovered (AipRouteProvider *self, const char *const *names)
{
  for (; self->globs != NULL && *names != NULL; names++)
    if (**names != '\0' && aip_glob_is_exact (*names) && matches_pattern (self, *names))
      g_hash_table_add (self->names, g_strdup (*names));
  if (self->globs == NULL)
    add_names (self, names);
}

/* Names are looked up; only what is none has to be matched, one by one. */
static void
add_patterns (AipRouteProvider *self)
{
  for (const char *const *glob = self->globs; *glob != NULL; glob++)
    if (!aip_glob_is_exact (*glob))
      g_ptr_array_add (self->patterns, (char *) *glob);
}

static GPtrArray *
copy_names (const char *const *names)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func (g_free);

  for (; *names != NULL; names++)
    g_ptr_array_add (copy, g_strdup (*names));
  return copy;
}

static gboolean
has_discovered (const AipRouteProvider *self, const char *const *names)
{
  guint n = names != NULL ? g_strv_length ((char **) names) : 0;

  if (self->discovered == NULL || names == NULL)
    return self->discovered == NULL && names == NULL;
  if (self->discovered->len != n)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!g_str_equal (g_ptr_array_index (self->discovered, i), names[i]))
      return FALSE;
  return TRUE;
}

/* What the names come from is the same: they are not changed any more once they are learned. */
static void
share_names (AipRouteProvider *self, const AipRouteProvider *old)
{
  self->globs = old->globs;
  self->names = g_hash_table_ref (old->names);
  self->patterns = g_ptr_array_ref (old->patterns);
  self->discovered = old->discovered != NULL ? g_ptr_array_ref (old->discovered) : NULL;
}

static void
learn_names (AipRouteProvider *self, const char *const *discovered)
{
  self->discovered = discovered != NULL ? copy_names (discovered) : NULL;
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->patterns = g_ptr_array_new ();

  if (self->config->models[0] != NULL)
    self->globs = (const char *const *) self->config->models;
  else if (self->dialect->internal)
    self->globs = aip_builtin_models ();

  if (self->globs != NULL)
    {
      add_patterns (self);
      add_names (self, self->globs);
    }

  if (discovered != NULL)
    add_discovered (self, discovered);
  else if (self->globs == NULL)
    {
      const char *base_url = self->config->base_url[0] == '\0' ? NULL : self->config->base_url;

      add_names (self, aip_dialect_well_known_models (self->dialect, base_url));
    }
}

/**
 * aip_route_provider_new:
 * @input: what it is made of; its config and live keys must outlive the result
 * @place: of the provider among those of the config
 * @keys: (nullable) (element-type guint): the places in the config of the keys that are its own
 * @discovered: (nullable) (array zero-terminated=1): what it said it has
 * @old: (nullable): what was known of the provider of that name before; its config must still be there
 *
 * Returns: (transfer full) (nullable): what is known of the provider, or %NULL if it is disabled or of an
 * unknown dialect
 */
AipRouteProvider *
aip_route_provider_new (const AipRouteInput *input,
                        guint place,
                        const GArray *keys,
                        const char *const *discovered,
                        const AipRouteProvider *old)
{
  g_return_val_if_fail (input != NULL && place < input->config->providers->len, NULL);

  const AipProviderConfig *provider = g_ptr_array_index (input->config->providers, place);
  const AipDialect *dialect = provider->enabled ? aip_dialect_find (provider->dialect) : NULL;
  if (dialect == NULL)
    return NULL;

  AipRouteProvider *self = g_new0 (AipRouteProvider, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->config = provider;
  self->dialect = dialect;
  self->closed = dialect->internal;
  if (old != NULL && old->config == provider && has_discovered (old, discovered))
    share_names (self, old);
  else
    learn_names (self, discovered);
  self->index = input->config->keys->len + place;
  self->live = input->live->pdata[self->index];
  self->keys = collect_keys (input, keys);
  self->candidates = make_candidates (self, NULL);
  self->restricted = has_restricted_key (self->keys);
  g_mutex_init (&self->lock);
  self->lists = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);

  return self;
}

/**
 * aip_route_provider_ref:
 * @self: the provider
 *
 * Returns: (transfer full): @self
 */
AipRouteProvider *
aip_route_provider_ref (AipRouteProvider *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * aip_route_provider_unref:
 * @self: (transfer full): the provider
 */
void
aip_route_provider_unref (AipRouteProvider *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->lists);
  g_mutex_clear (&self->lock);
  g_array_unref (self->candidates);
  g_array_unref (self->keys);
  g_clear_pointer (&self->discovered, g_ptr_array_unref);
  g_ptr_array_unref (self->patterns);
  g_hash_table_unref (self->names);
  g_free (self);
}

static gboolean
is_same_key (const Key *key, const AipRouteInput *input)
{
  const AipKeySecret *found;

  if (key->index >= input->config->keys->len)
    return FALSE;
  found = &input->secrets[key->index];
  return input->config->keys->pdata[key->index] == key->config &&
         input->live->pdata[key->index] == key->live && found->secret == key->found.secret &&
         found->missing == key->found.missing && found->locked == key->found.locked;
}

/**
 * aip_route_provider_is_made_of:
 * @self: what is known of a provider; the config that it was made of must still be there
 * @input: as for aip_route_provider_new ()
 * @place: as for aip_route_provider_new ()
 * @keys: as for aip_route_provider_new ()
 * @discovered: as for aip_route_provider_new ()
 *
 * Returns: whether that function would make the same of them, out of the very same sections
 */
gboolean
aip_route_provider_is_made_of (const AipRouteProvider *self,
                               const AipRouteInput *input,
                               guint place,
                               const GArray *keys,
                               const char *const *discovered)
{
  g_return_val_if_fail (self != NULL && input != NULL, FALSE);

  if (input->config->providers->pdata[place] != self->config ||
      input->config->keys->len + place != self->index || input->live->pdata[self->index] != self->live ||
      self->keys->len != (keys != NULL ? keys->len : 0) || !has_discovered (self, discovered))
    return FALSE;
  /* As many keys at the same places, all the very same, are all of its keys. */
  for (guint i = 0; i < self->keys->len; i++)
    if (!is_same_key (&g_array_index (self->keys, Key, i), input))
      return FALSE;
  return TRUE;
}

/**
 * aip_route_provider_speaks:
 * @self: the provider
 * @protocol: what a client speaks
 *
 * Returns: whether @self takes requests of @protocol
 */
gboolean
aip_route_provider_speaks (const AipRouteProvider *self, AipProtocol protocol)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return (self->dialect->protocols & (1u << protocol)) != 0;
}

/**
 * aip_route_provider_knows:
 * @self: the provider
 * @model: a model's name
 *
 * Returns: whether @self is known to serve it
 */
gboolean
aip_route_provider_knows (const AipRouteProvider *self, const char *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, FALSE);

  return g_hash_table_contains (self->names, model) || matches_pattern (self, model);
}

/**
 * aip_route_provider_ref_candidates:
 * @self: the provider
 * @model: the provider's name for a model
 *
 * Returns: (transfer full) (element-type AipCandidate): one candidate for each key that may be used for
 * @model, without the model in it, lower priority first; not to be changed
 */
GArray *
aip_route_provider_ref_candidates (const AipRouteProvider *self, const char *model)
{
  g_return_val_if_fail (self != NULL && model != NULL, NULL);

  if (!self->restricted)
    return g_array_ref (self->candidates);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new ((GMutex *) &self->lock);
  GArray *candidates = g_hash_table_lookup (self->lists, model);

  return candidates != NULL ? g_array_ref (candidates) : make_candidates (self, model);
}

/**
 * aip_route_provider_keep_candidates:
 * @self: a provider
 * @model: the provider's name for a model
 * @candidates: what aip_route_provider_ref_candidates () gave for it
 *
 * Lets all routes to @model share one list, which spares time and memory where many keys have globs.
 */
void
aip_route_provider_keep_candidates (const AipRouteProvider *self, const char *model, GArray *candidates)
{
  g_return_if_fail (self != NULL && model != NULL && candidates != NULL);

  if (!self->restricted)
    return;

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new ((GMutex *) &self->lock);

  if (!g_hash_table_contains (self->lists, model))
    g_hash_table_insert (self->lists, g_strdup (model), g_array_ref (candidates));
}

static char *
dup_missing (const Key *key)
{
  if (key->found.missing != NULL)
    return g_strdup (key->found.missing);

  switch (key->config->ref_kind)
    {
    case AIP_KEY_REF_ENVIRONMENT:
      return g_strdup_printf ("environment variable %s is not set, or the log says why it is not used",
                              key->config->ref);
    case AIP_KEY_REF_CREDENTIAL:
      return g_strdup_printf ("credential %s is not there, or the log says why it is not used",
                              key->config->ref);
    case AIP_KEY_REF_KEYRING:
      return g_strdup_printf ("it is not in the keyring: run `aiproxyctl key secret %s`", key->config->name);
    default:
      g_assert_not_reached ();
    }
}

/* Returns: (transfer full) (nullable): why the key cannot serve the model; NULL: it can */
static char *
dup_reason (const Key *key, const char *model, gboolean *locked)
{
  if (!key->config->enabled)
    return g_strdup ("it is disabled");
  if (model != NULL && !key_serves (key, model))
    return g_strdup ("its `models` do not allow this model");
  if (key->found.secret != NULL)
    return NULL;
  *locked |= key->found.locked;
  return dup_missing (key);
}

/**
 * aip_route_provider_append_reasons:
 * @self: a provider
 * @model: (nullable): what it was asked to serve
 * @reasons: (element-type utf8): gets one text for each key, why it cannot be used; owns them
 *
 * Returns: whether a locked keyring is one of the reasons
 */
gboolean
aip_route_provider_append_reasons (const AipRouteProvider *self, const char *model, GPtrArray *reasons)
{
  gboolean locked = FALSE;

  g_return_val_if_fail (self != NULL && reasons != NULL, FALSE);

  for (guint i = 0; i < self->keys->len; i++)
    {
      const Key *key = &g_array_index (self->keys, Key, i);
      g_autofree char *reason = dup_reason (key, model, &locked);

      if (reason != NULL)
        g_ptr_array_add (reasons, g_strdup_printf ("key `%s` of provider `%s`: %s", key->config->name,
                                                   self->config->name, reason));
    }

  return locked;
}

/**
 * aip_route_provider_explain:
 * @self: a provider
 * @model: (nullable): what it was asked to serve
 * @func: called for each key that cannot be used
 * @user_data: for @func
 */
void
aip_route_provider_explain (const AipRouteProvider *self,
                            const char *model,
                            AipRouteReasonFunc func,
                            void *user_data)
{
  gboolean locked = FALSE;

  g_return_if_fail (self != NULL && func != NULL);

  for (guint i = 0; i < self->keys->len; i++)
    {
      const Key *key = &g_array_index (self->keys, Key, i);
      g_autofree char *reason = dup_reason (key, model, &locked);

      if (reason != NULL)
        func (key->config, reason, user_data);
    }
}
