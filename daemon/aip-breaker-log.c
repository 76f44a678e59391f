/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-breaker-log"

#include "aip-breaker-log.h"

#include <string.h>

#include "aip-breaker-news.h"
#include "base/aip-clock.h"

#define DELAY_US (100 * G_TIME_SPAN_MILLISECOND)

struct _AipBreakerLog
{
  AipLiveKeys *live;
  AipBreakerNews *news;
  GHashTable *told; /* id, owned -> the AipFaultClass that it was told of with */
};

/* Its name, or NULL where the provider needs none. */
static const char *
get_key_name (const char *id)
{
  const char *slash = strchr (id, '/');

  return slash != NULL && slash[1] != '\0' ? slash + 1 : NULL;
}

static void
tell (const char *id, gboolean empty, guint status)
{
  const char *key = get_key_name (id);
  int length = (int) strlen (id) - 1; /* of the provider's name, where it needs no key */

  if (key != NULL && empty)
    g_warning ("the account of %s has no money or quota left (HTTP %u), so it is left out: once it has, "
               "`aiproxyctl key reset %s`",
               id, status, key);
  else if (key != NULL)
    g_warning ("key %s is refused by its provider (HTTP %u) and left out: put a valid one in with "
               "`aiproxyctl key secret %s`; once it is valid again, `aiproxyctl key reset %s`",
               id, status, key, key);
  else if (empty)
    g_warning ("provider %.*s has no quota left for us (HTTP %u) and is left out", length, id, status);
  else
    g_warning ("provider %.*s refuses requests without a key (HTTP %u) and is left out: give it one with "
               "`aiproxyctl key add`",
               length, id, status);
}

static void
look_at (AipBreakerLog *self, AipLiveKey *key)
{
  const char *id = aip_live_key_get_id (key);
  AipBreakerView view;
  gpointer told = NULL;
  gboolean was_told = g_hash_table_lookup_extended (self->told, id, NULL, &told);

  aip_breaker_get_view (aip_live_key_get_breaker (key), aip_clock_now (), &view);
  if (view.until_us == 0)
    {
      if (g_hash_table_remove (self->told, id))
        g_message ("%s is well again", id);
      return;
    }
  if (!aip_fault_class_opens (view.fault_class) ||
      (was_told && GPOINTER_TO_INT (told) == (int) view.fault_class))
    return;
  g_hash_table_insert (self->told, g_strdup (id), GINT_TO_POINTER (view.fault_class));
  tell (id, view.fault_class == AIP_FAULT_CLASS_BILLING, view.status);
}

static void
news_cb (void *user_data)
{
  AipBreakerLog *self = user_data;
  g_autoptr (GPtrArray) keys = aip_live_keys_list (self->live);

  for (guint i = 0; i < keys->len; i++)
    look_at (self, g_ptr_array_index (keys, i));
}

/**
 * aip_breaker_log_new:
 * @live: (transfer none): the keys, with their first configuration
 *
 * Tells of those that are held from before, too.
 *
 * Returns: (transfer full): the log
 */
AipBreakerLog *
aip_breaker_log_new (AipLiveKeys *live)
{
  AipBreakerLog *self = g_new0 (AipBreakerLog, 1);

  self->live = aip_live_keys_ref (live);
  self->told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->news = aip_breaker_news_new (live, DELAY_US, news_cb, self);
  news_cb (self);
  return self;
}

/**
 * aip_breaker_log_free:
 * @self: (transfer full): the log
 */
void
aip_breaker_log_free (AipBreakerLog *self)
{
  aip_breaker_news_free (self->news);
  g_hash_table_unref (self->told);
  aip_live_keys_unref (self->live);
  g_free (self);
}
