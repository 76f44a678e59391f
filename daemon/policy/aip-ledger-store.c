/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-store.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "policy/aip-ledger-diary.h"
#include "policy/aip-ledger-file.h"

#define FILE_NAME "limits"
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600
#define DELAY 2000 /* ms, from a change to its being written */

/* What writes the file, on a thread of its own at times: of two, the older content never replaces the newer.
 */
typedef struct
{
  gatomicrefcount refs;
  char *directory;
  char *path;
  GMutex lock;     /* of the next; never held while the disk is busy */
  GBytes *content; /* (nullable): what is to be written */
  GMutex writing;  /* of the file, and of the next */
  gboolean failed; /* somebody was told already */
  AipLedgerDiary *diary;
} Writer;

struct _AipLedgerStore
{
  Writer *writer; /* (nullable): nothing is kept */
  GMainContext *context;
  AipLedgerStoreFunc dump;
  void *user_data;
  int dirty;       /* atomic: a write is due */
  GMutex lock;     /* of the next */
  GSource *source; /* (nullable): until the write that is due */
  gboolean closed;
};

static void
writer_unref (void *data)
{
  Writer *writer = data;

  if (!g_atomic_ref_count_dec (&writer->refs))
    return;
  g_mutex_clear (&writer->lock);
  g_mutex_clear (&writer->writing);
  g_clear_pointer (&writer->content, g_bytes_unref);
  aip_ledger_diary_free (writer->diary);
  g_free (writer->directory);
  g_free (writer->path);
  g_free (writer);
}

static gboolean
write_file (Writer *writer, GBytes *content, GError **error)
{
  gsize size;
  const char *data = g_bytes_get_data (content, &size);

  if (g_mkdir_with_parents (writer->directory, DIRECTORY_MODE) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s", g_strerror (errno));
      return FALSE;
    }
  return g_file_set_contents_full (writer->path, data, (gssize) size, G_FILE_SET_CONTENTS_CONSISTENT,
                                   FILE_MODE, error);
}

static void
writer_put (Writer *writer, GBytes *content)
{
  g_mutex_lock (&writer->lock);
  g_clear_pointer (&writer->content, g_bytes_unref);
  writer->content = content;
  g_mutex_unlock (&writer->lock);
}

static GBytes *
writer_take (Writer *writer)
{
  GBytes *content;

  g_mutex_lock (&writer->lock);
  content = g_steal_pointer (&writer->content);
  g_mutex_unlock (&writer->lock);
  return content;
}

/* Taken and written in one go, so that whoever writes next finds this one's file. */
static void
writer_write (Writer *writer)
{
  g_autoptr (GBytes) content = NULL;
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&writer->writing);
  content = writer_take (writer);
  if (content != NULL && write_file (writer, content, &error))
    {
      writer->failed = FALSE;
      aip_ledger_diary_turn (writer->diary);
    }
  else if (content != NULL && !writer->failed)
    {
      g_warning ("what is used of the limits will be forgotten at the next start: %s", error->message);
      writer->failed = TRUE;
    }
  g_mutex_unlock (&writer->writing);
}

static void
write_in_thread (GTask *task, void *source, void *task_data, GCancellable *cancellable)
{
  writer_write (task_data);
  g_task_return_boolean (task, TRUE);
}

/**
 * aip_ledger_store_new:
 * @state_dir: (nullable): the folder of the file; %NULL: nothing is kept
 * @context: the main thread's
 * @dump: gives what is to be written, in the main thread
 * @user_data: for @dump
 *
 * Returns: (transfer full): a store
 */
AipLedgerStore *
aip_ledger_store_new (const char *state_dir, GMainContext *context, AipLedgerStoreFunc dump, void *user_data)
{
  AipLedgerStore *self = g_new0 (AipLedgerStore, 1);

  g_mutex_init (&self->lock);
  self->context = g_main_context_ref (context);
  self->dump = dump;
  self->user_data = user_data;
  if (state_dir == NULL)
    return self;
  self->writer = g_new0 (Writer, 1);
  g_atomic_ref_count_init (&self->writer->refs);
  g_mutex_init (&self->writer->lock);
  g_mutex_init (&self->writer->writing);
  self->writer->directory = g_strdup (state_dir);
  self->writer->path = g_build_filename (state_dir, FILE_NAME, NULL);
  self->writer->diary = aip_ledger_diary_new (state_dir);
  return self;
}

static void
cancel_write (AipLedgerStore *self, gboolean close)
{
  g_mutex_lock (&self->lock);
  self->closed = self->closed || close;
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_mutex_unlock (&self->lock);
}

/**
 * aip_ledger_store_free:
 * @self: (transfer full): a store that no other thread uses
 */
void
aip_ledger_store_free (AipLedgerStore *self)
{
  g_return_if_fail (self != NULL);

  cancel_write (self, TRUE);
  g_clear_pointer (&self->writer, writer_unref);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Returns whether there is something to write. */
static gboolean
put_content (AipLedgerStore *self)
{
  if (self->writer == NULL || !g_atomic_int_compare_and_exchange (&self->dirty, TRUE, FALSE))
    return FALSE;
  writer_put (self->writer, self->dump (self->user_data));
  return TRUE;
}

static gboolean
write_cb (gpointer user_data)
{
  AipLedgerStore *self = user_data;
  g_autoptr (GTask) task = NULL;

  cancel_write (self, FALSE);
  if (!put_content (self))
    return G_SOURCE_REMOVE;
  task = g_task_new (NULL, NULL, NULL, NULL);
  g_task_set_source_tag (task, write_cb);
  g_atomic_ref_count_inc (&self->writer->refs);
  g_task_set_task_data (task, self->writer, writer_unref);
  g_task_run_in_thread (task, write_in_thread);
  return G_SOURCE_REMOVE;
}

/* Says that there is something to write. Costs a look at a flag when it was said before. */
static void
touch (AipLedgerStore *self)
{
  if (self->writer == NULL || g_atomic_int_get (&self->dirty) ||
      !g_atomic_int_compare_and_exchange (&self->dirty, FALSE, TRUE))
    return;
  g_mutex_lock (&self->lock);
  if (!self->closed && self->source == NULL)
    {
      self->source = g_timeout_source_new (DELAY);
      g_source_set_callback (self->source, write_cb, self, NULL);
      g_source_attach (self->source, self->context);
    }
  g_mutex_unlock (&self->lock);
}

static gboolean
read_file (const char *path, char **data, gsize *size, GError **error)
{
  GStatBuf status;

  if (g_stat (path, &status) != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s", g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (status.st_mode) || status.st_size > AIP_LEDGER_FILE_MAX_SIZE)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "it is no file of this daemon's");
      return FALSE;
    }
  return g_file_get_contents (path, data, size, error);
}

/* Returns when the counts were written; -1: nobody knows. */
static gint64
load_counts (AipLedgerStore *self, AipLedgerLocal *local)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize size = 0;

  if (!read_file (self->writer->path, &data, &size, &error))
    {
      if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_warning ("%s cannot be read, so limits begin anew: %s", self->writer->path, error->message);
      return -1;
    }
  if (!aip_ledger_local_restore (local, (const guint8 *) data, size))
    g_warning ("%s is damaged: what it does not tell is not counted", self->writer->path);
  return aip_ledger_file_get_time ((const guint8 *) data, size);
}

typedef struct
{
  AipLedgerLocal *local;
  gint64 since;
  guint n_taken;
} Replay;

/* The diary may go back behind the file. */
static void
replay_cb (const char *name, const guint8 *data, gsize size, void *user_data)
{
  Replay *replay = user_data;

  if (aip_ledger_file_get_time (data, size) >= replay->since)
    replay->n_taken += aip_ledger_local_replace (replay->local, name, data, size);
}

/**
 * aip_ledger_store_load:
 * @self: a store
 * @local: takes what was kept; nobody uses it yet
 *
 * Reads the files of the last run. One that is damaged is told of, and counts as far as it can be read.
 */
void
aip_ledger_store_load (AipLedgerStore *self, AipLedgerLocal *local)
{
  Replay replay = { .local = local };

  g_return_if_fail (self != NULL && local != NULL);

  if (self->writer == NULL)
    return;
  replay.since = load_counts (self, local);
  aip_ledger_diary_read (self->writer->diary, replay_cb, &replay);
  if (replay.n_taken > 0)
    touch (self);
}

/**
 * aip_ledger_store_note:
 * @self: a store
 * @quota: of accounts that have changed
 *
 * Sees to it that they are written down. From any thread; costs a look at a flag or two when it was said
 * before.
 */
void
aip_ledger_store_note (AipLedgerStore *self, const AipQuota *quota)
{
  g_return_if_fail (self != NULL && quota != NULL);

  if (self->writer == NULL)
    return;
  for (guint i = 0; i < quota->n_parts; i++)
    aip_ledger_diary_note (self->writer->diary, quota->parts[i].account);
  touch (self);
}

static void
save (AipLedgerStore *self)
{
  cancel_write (self, FALSE);
  put_content (self);
  /* One that is under way on its thread comes first; what it has not taken yet is written here. */
  if (self->writer != NULL)
    writer_write (self->writer);
}

/**
 * aip_ledger_store_close:
 * @self: a store
 *
 * Writes what is due, for the last time. For the main thread.
 */
void
aip_ledger_store_close (AipLedgerStore *self)
{
  g_return_if_fail (self != NULL);

  save (self);
  cancel_write (self, TRUE);
  if (self->writer != NULL && !self->writer->failed)
    aip_ledger_diary_close (self->writer->diary);
}
