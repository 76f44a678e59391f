/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-watch.h"

#include <gio/gio.h>
#include <stdlib.h>

/* Editors write in several steps: one reading is enough when they are done. */
#define SETTLE_MS 200

/* Half of a file may well be valid, so whoever writes into it is waited for until he closes it. That he
 * paused for 2 s counts as that with GIO; where it does not tell at all, no change is waited for longer than:
 */
#define MAX_WRITING_MS 5000

typedef struct
{
  char *path;
  GFile *file;
  GFile *target; /* (nullable): what it leads to where it is a link */
  AipConfigStamp stamp;
  gboolean written; /* somebody writes into it */
} Watched;

struct _AipConfigWatch
{
  GArray *files;        /* of Watched */
  GHashTable *monitors; /* directory to GFileMonitor */
  GMainContext *context;
  GSource *settle; /* (nullable) */
  AipConfigWatchFunc func;
  void *user_data;
};

static void
watched_clear (void *data)
{
  Watched *file = data;

  g_free (file->path);
  g_object_unref (file->file);
  g_clear_object (&file->target);
}

static AipConfigStamp
take_stamp (const char *path)
{
  struct stat status;

  return stat (path, &status) == 0 ? aip_config_stamp_from_status (&status) : (AipConfigStamp){ 0 };
}

static gboolean
update_stamps (AipConfigWatch *self)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < self->files->len; i++)
    {
      Watched *file = &g_array_index (self->files, Watched, i);
      AipConfigStamp stamp = take_stamp (file->path);

      changed = changed || !aip_config_stamp_equal (&stamp, &file->stamp);
      file->stamp = stamp;
    }
  return changed;
}

static void directory_changed_cb (GFileMonitor *monitor,
                                  GFile *file,
                                  GFile *other_file,
                                  GFileMonitorEvent event,
                                  void *user_data);

static void
monitor_free (void *data)
{
  g_file_monitor_cancel (data);
  g_object_unref (data);
}

static void
watch_directory (AipConfigWatch *self, const char *directory)
{
  g_autoptr (GFile) file = NULL;
  g_autoptr (GError) error = NULL;
  GFileMonitor *monitor;

  if (g_hash_table_contains (self->monitors, directory))
    return;
  file = g_file_new_for_path (directory);
  monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  if (monitor == NULL)
    {
      g_warning ("Changes in %s are not noticed: %s", directory, error->message);
      return;
    }
  g_signal_connect (monitor, "changed", G_CALLBACK (directory_changed_cb), self);
  g_hash_table_insert (self->monitors, g_strdup (directory), monitor);
}

static gboolean
is_unwanted (void *directory, void *monitor, void *wanted)
{
  return !g_hash_table_contains (wanted, directory);
}

/* Not the files but their directories are watched, which sees a file replaced, made later, or reached
 * through a link that is turned, as config maps do; and the directory of what a link leads to now. */
static void
watch_directories (AipConfigWatch *self)
{
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer directory;

  for (guint i = 0; i < self->files->len; i++)
    {
      Watched *file = &g_array_index (self->files, Watched, i);
      g_autofree char *target = realpath (file->path, NULL);

      g_hash_table_add (wanted, g_path_get_dirname (file->path));
      if (target != NULL)
        g_hash_table_add (wanted, g_path_get_dirname (target));
      g_clear_object (&file->target);
      file->target = target != NULL ? g_file_new_for_path (target) : NULL;
    }

  g_hash_table_foreach_remove (self->monitors, is_unwanted, wanted);
  g_hash_table_iter_init (&iter, wanted);
  while (g_hash_table_iter_next (&iter, &directory, NULL))
    watch_directory (self, directory);
}

static gboolean
settled_cb (void *user_data)
{
  AipConfigWatch *self = user_data;

  g_clear_pointer (&self->settle, g_source_unref);
  for (guint i = 0; i < self->files->len; i++)
    g_array_index (self->files, Watched, i).written = FALSE;
  watch_directories (self);
  /* Last: the callback may free the watch. */
  if (update_stamps (self))
    self->func (self->user_data);
  return G_SOURCE_REMOVE;
}

static void
stop_settling (AipConfigWatch *self)
{
  if (self->settle != NULL)
    g_source_destroy (self->settle);
  g_clear_pointer (&self->settle, g_source_unref);
}

/* @file: (nullable) */
static void
set_written (AipConfigWatch *self, GFile *file, gboolean written)
{
  for (guint i = 0; file != NULL && i < self->files->len; i++)
    {
      Watched *watched = &g_array_index (self->files, Watched, i);

      if (g_file_equal (file, watched->file) ||
          (watched->target != NULL && g_file_equal (file, watched->target)))
        watched->written = written;
    }
}

static gboolean
is_any_written (const AipConfigWatch *self)
{
  for (guint i = 0; i < self->files->len; i++)
    if (g_array_index (self->files, Watched, i).written)
      return TRUE;
  return FALSE;
}

static void
note_event (AipConfigWatch *self, GFile *file, GFile *other_file, GFileMonitorEvent event)
{
  switch (event)
    {
    case G_FILE_MONITOR_EVENT_CREATED:
    case G_FILE_MONITOR_EVENT_CHANGED:
      set_written (self, file, TRUE);
      break;

    case G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED:
      break;

    /* It was closed; or the name is another file's now, or nobody's. */
    default:
      set_written (self, file, FALSE);
      set_written (self, other_file, FALSE);
      break;
    }
}

static void
directory_changed_cb (GFileMonitor *monitor,
                      GFile *file,
                      GFile *other_file,
                      GFileMonitorEvent event,
                      void *user_data)
{
  AipConfigWatch *self = user_data;

  note_event (self, file, other_file, event);
  stop_settling (self);
  self->settle = g_timeout_source_new (is_any_written (self) ? MAX_WRITING_MS : SETTLE_MS);
  g_source_set_callback (self->settle, settled_cb, self, NULL);
  g_source_attach (self->settle, self->context);
}

/**
 * aip_config_watch_new:
 * @paths: (array zero-terminated=1): files, which need not exist
 * @func: called in the thread-default main context of now, once for a burst of changes to any of the
 *   files; it may free the watch
 * @user_data: handed to @func
 *
 * Watches files for being written, replaced, made and removed. What is written into a file is told of when
 * the writer has closed it, or has paused for some seconds. A directory that does not exist yet is noticed
 * within some seconds of being made.
 *
 * Returns: (transfer full): the watch
 */
AipConfigWatch *
aip_config_watch_new (const char *const *paths, AipConfigWatchFunc func, void *user_data)
{
  AipConfigWatch *self;

  g_return_val_if_fail (paths != NULL, NULL);
  g_return_val_if_fail (func != NULL, NULL);

  self = g_new0 (AipConfigWatch, 1);
  self->func = func;
  self->user_data = user_data;
  self->context = g_main_context_ref_thread_default ();
  self->monitors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, monitor_free);
  self->files = g_array_new (FALSE, TRUE, sizeof (Watched));
  g_array_set_clear_func (self->files, watched_clear);

  for (; *paths != NULL; paths++)
    {
      Watched file = { .path = g_strdup (*paths), .file = g_file_new_for_path (*paths) };

      g_array_append_val (self->files, file);
    }
  watch_directories (self);
  update_stamps (self);
  return self;
}

/**
 * aip_config_watch_expect:
 * @self: a watch
 * @path: one of its files
 * @written: the stamp of what the caller has just written there
 *
 * Does not tell of that. Whatever anybody else does to the file, before or after, is told of all the same, as
 * it leaves another stamp.
 */
void
aip_config_watch_expect (AipConfigWatch *self, const char *path, const AipConfigStamp *written)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (path != NULL);
  g_return_if_fail (written != NULL);

  for (guint i = 0; i < self->files->len; i++)
    {
      Watched *file = &g_array_index (self->files, Watched, i);

      if (g_str_equal (file->path, path))
        file->stamp = *written;
    }
}

/**
 * aip_config_watch_free:
 * @self: (transfer full): a watch
 *
 * Stops watching; the function is not called any more.
 */
void
aip_config_watch_free (AipConfigWatch *self)
{
  g_return_if_fail (self != NULL);

  stop_settling (self);
  g_hash_table_unref (self->monitors);
  g_array_unref (self->files);
  g_main_context_unref (self->context);
  g_free (self);
}
