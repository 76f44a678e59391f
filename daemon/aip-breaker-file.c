/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-breaker-file"

#include "aip-breaker-file.h"

#include <gio/gio.h>

#include "aip-breaker-news.h"
#include "base/aip-clock.h"

/* As of aip_live_keys_save (). */
#define SAVED_TYPE "a(sv)"
#define MAX_SIZE (1024 * 1024)
/* A daemon that is killed forgets no more than that. */
#define DELAY_US G_TIME_SPAN_SECOND
#define AGAIN_S 60
#define FILE_MODE 0600
#define FOLDER_MODE 0700

struct _AipBreakerFile
{
  char *folder;
  char *path;
  AipLiveKeys *live;
  guint64 serial; /* of what was written last */
  AipBreakerNews *news;
  guint again; /* 0: writing has not failed */
  gboolean failed;
};

static GVariant *
read_file (const char *path)
{
  g_autofree char *data = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) saved = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &data, &length, NULL) || length == 0 || length > MAX_SIZE)
    return NULL;
  bytes = g_bytes_new_take (g_steal_pointer (&data), length);
  saved = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (SAVED_TYPE), bytes, FALSE));
  return g_variant_is_normal_form (saved) ? g_steal_pointer (&saved) : NULL;
}

static gboolean again_cb (gpointer user_data);

static void
save (AipBreakerFile *self)
{
  guint64 serial = aip_live_keys_get_serial (self->live);
  g_autoptr (GVariant) saved = NULL;
  g_autoptr (GError) error = NULL;

  if (serial == self->serial)
    return;
  saved = g_variant_ref_sink (aip_live_keys_save (self->live, aip_clock_now (), aip_clock_wall ()));
  g_mkdir_with_parents (self->folder, FOLDER_MODE);
  if (g_file_set_contents_full (self->path, g_variant_get_data (saved), (gssize) g_variant_get_size (saved),
                                G_FILE_SET_CONTENTS_CONSISTENT, FILE_MODE, &error))
    {
      self->serial = serial;
      self->failed = FALSE;
      g_clear_handle_id (&self->again, g_source_remove);
      return;
    }
  if (!self->failed)
    g_warning ("what keys are left out will be forgotten at the daemon's end: %s", error->message);
  self->failed = TRUE;
  if (self->again == 0)
    self->again = g_timeout_add_seconds (AGAIN_S, again_cb, self);
}

static gboolean
again_cb (gpointer user_data)
{
  AipBreakerFile *self = user_data;

  self->again = 0;
  save (self);
  return G_SOURCE_REMOVE;
}

static void
news_cb (void *user_data)
{
  save (user_data);
}

/**
 * aip_breaker_file_new:
 * @state_dir: the daemon's folder for state
 * @live: (transfer none): whose breakers it is about; they have no configuration yet
 *
 * Opens the breakers that were open when the daemon ended last, and writes down what changes. A file that
 * cannot be read, whatever is in it, counts as none.
 *
 * Returns: (transfer full): the file
 */
AipBreakerFile *
aip_breaker_file_new (const char *state_dir, AipLiveKeys *live)
{
  AipBreakerFile *self = g_new0 (AipBreakerFile, 1);
  g_autoptr (GVariant) saved = NULL;

  self->folder = g_strdup (state_dir);
  self->path = g_build_filename (state_dir, "breakers", NULL);
  self->live = aip_live_keys_ref (live);
  saved = read_file (self->path);
  if (saved != NULL)
    aip_live_keys_restore (live, saved, aip_clock_now (), aip_clock_wall ());
  self->serial = aip_live_keys_get_serial (live);
  self->news = aip_breaker_news_new (live, DELAY_US, news_cb, self);
  return self;
}

/**
 * aip_breaker_file_free:
 * @self: (transfer full): a file; written once more where something has changed
 */
void
aip_breaker_file_free (AipBreakerFile *self)
{
  aip_breaker_news_free (self->news);
  save (self);
  g_clear_handle_id (&self->again, g_source_remove);
  aip_live_keys_unref (self->live);
  g_free (self->folder);
  g_free (self->path);
  g_free (self);
}
