/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ledger"

#include "policy/aip-ledger-diary.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/aip-ledger-local.h"

/*
 * The files: "limits.diary", and "limits.diary.old" with what was there before the counts were last written
 * whole. Each is a sequence of entries: the length of what follows (32 bits, little-endian), the length of
 * the account's name (a byte), the name, and a file of that account alone, see aip-ledger-file.c. The last
 * entry may be cut.
 */

#define FILE_NAME "limits.diary"
#define FILE_MODE 0600
#define MAX_SIZE (16 * 1024 * 1024)

/* So that an account that changes all the time is written down now and then: what a killed daemon may forget.
 */
#define PAUSE (5 * G_TIME_SPAN_MILLISECOND)

struct _AipLedgerDiary
{
  char *directory;
  char *path;
  char *old_path;
  GMutex lock; /* of the next four */
  GCond noted;
  GPtrArray *dirty; /* of AipAccount, each with a reference and once */
  gboolean closed;
  GThread *thread; /* (nullable): nothing was noted yet */
  GMutex writing;  /* of the next three, and of the files */
  int fd;          /* -1: not open */
  gsize size;
  gsize whole; /* how much of the last run's file can be read */
};

/**
 * aip_ledger_diary_new:
 * @directory: where the files are; it need not be there yet
 *
 * Returns: (transfer full): a diary
 */
AipLedgerDiary *
aip_ledger_diary_new (const char *directory)
{
  AipLedgerDiary *self = g_new0 (AipLedgerDiary, 1);

  g_mutex_init (&self->lock);
  g_mutex_init (&self->writing);
  g_cond_init (&self->noted);
  self->directory = g_strdup (directory);
  self->path = g_build_filename (directory, FILE_NAME, NULL);
  self->old_path = g_strconcat (self->path, ".old", NULL);
  self->dirty = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_account_unref);
  self->fd = -1;
  return self;
}

/* --- writing --- */

static GByteArray *
make_entry (AipAccount *account)
{
  g_autoptr (GByteArray) content = aip_ledger_local_dump_account (account);
  GByteArray *entry = g_byte_array_sized_new (content->len + 300);
  guint8 n_name = (guint8) strlen (account->name);
  guint32 length = GUINT32_TO_LE (1 + n_name + content->len);

  g_byte_array_append (entry, (const guint8 *) &length, sizeof length);
  g_byte_array_append (entry, &n_name, 1);
  g_byte_array_append (entry, (const guint8 *) account->name, n_name);
  g_byte_array_append (entry, content->data, content->len);
  return entry;
}

/* Called with `writing` locked. Who cannot write has been told so by the file of the counts. */
static gboolean
open_file (AipLedgerDiary *self)
{
  struct stat status;

  if (self->fd >= 0)
    return TRUE;
  g_mkdir_with_parents (self->directory, 0700);
  self->fd = g_open (self->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
  if (self->fd < 0)
    return FALSE;
  /* Behind an entry that was cut nothing would be found again. */
  if (fstat (self->fd, &status) == 0 && (gsize) status.st_size > self->whole &&
      ftruncate (self->fd, (off_t) self->whole) != 0)
    self->whole = MAX_SIZE;
  self->size = self->whole;
  self->whole = 0;
  return TRUE;
}

static void
write_entries (AipLedgerDiary *self, GPtrArray *accounts)
{
  g_mutex_lock (&self->writing);
  for (guint i = 0; i < accounts->len; i++)
    {
      AipAccount *account = g_ptr_array_index (accounts, i);
      g_autoptr (GByteArray) entry = NULL;

      /* Before it is looked at, so that what comes later is noted again. */
      g_atomic_int_set (&account->noted, FALSE);
      if (!open_file (self) || self->size >= MAX_SIZE)
        continue;
      entry = make_entry (account);
      /* What is cut short ends what can be read. */
      self->size = write (self->fd, entry->data, entry->len) == (gssize) entry->len ? self->size + entry->len
                                                                                    : MAX_SIZE;
    }
  g_mutex_unlock (&self->writing);
}

static GPtrArray *
take_dirty (AipLedgerDiary *self)
{
  GPtrArray *taken = self->dirty;

  self->dirty = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_account_unref);
  return taken;
}

static gpointer
thread_main (gpointer data)
{
  AipLedgerDiary *self = data;

  g_mutex_lock (&self->lock);
  while (!self->closed)
    {
      g_autoptr (GPtrArray) accounts = NULL;

      if (self->dirty->len == 0)
        {
          g_cond_wait (&self->noted, &self->lock);
          continue;
        }
      accounts = take_dirty (self);
      g_mutex_unlock (&self->lock);
      write_entries (self, accounts);
      g_usleep (PAUSE);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/**
 * aip_ledger_diary_note:
 * @self: a diary
 * @account: one that has changed
 *
 * Has it written down at once. From any thread; costs a look at a flag while that is under way.
 */
void
aip_ledger_diary_note (AipLedgerDiary *self, AipAccount *account)
{
  g_return_if_fail (self != NULL && account != NULL);

  if (!g_atomic_int_compare_and_exchange (&account->noted, FALSE, TRUE))
    return;
  g_mutex_lock (&self->lock);
  if (!self->closed)
    {
      g_atomic_ref_count_inc (&account->refs);
      g_ptr_array_add (self->dirty, account);
      if (self->thread == NULL)
        self->thread = g_thread_new ("limits", thread_main, self);
      g_cond_signal (&self->noted);
    }
  g_mutex_unlock (&self->lock);
}

/**
 * aip_ledger_diary_turn:
 * @self: a diary
 *
 * The counts were written whole: what was noted before the last time that they were is not needed any more.
 */
void
aip_ledger_diary_turn (AipLedgerDiary *self)
{
  g_return_if_fail (self != NULL);

  g_mutex_lock (&self->writing);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  g_rename (self->path, self->old_path);
  g_mutex_unlock (&self->writing);
}

/**
 * aip_ledger_diary_close:
 * @self: a diary
 *
 * The counts were written whole, and nothing changes any more.
 */
void
aip_ledger_diary_close (AipLedgerDiary *self)
{
  GThread *thread;

  g_return_if_fail (self != NULL);

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  thread = g_steal_pointer (&self->thread);
  g_cond_signal (&self->noted);
  g_mutex_unlock (&self->lock);
  if (thread != NULL)
    g_thread_join (thread);
  aip_ledger_diary_turn (self);
  g_unlink (self->old_path);
}

/**
 * aip_ledger_diary_free:
 * @self: (transfer full): a diary; its files stay
 */
void
aip_ledger_diary_free (AipLedgerDiary *self)
{
  g_return_if_fail (self != NULL);

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  g_cond_signal (&self->noted);
  g_mutex_unlock (&self->lock);
  if (self->thread != NULL)
    g_thread_join (self->thread);
  if (self->fd >= 0)
    close (self->fd);
  g_ptr_array_unref (self->dirty);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->writing);
  g_cond_clear (&self->noted);
  g_free (self->directory);
  g_free (self->path);
  g_free (self->old_path);
  g_free (self);
}

/* --- reading, which trusts nothing --- */

/**
 * aip_ledger_diary_parse:
 * @data: (array length=size): a file, or anything
 * @size: of @data in bytes
 * @func: called for each entry, the oldest one first
 * @user_data: for @func
 *
 * Returns: how much of @data is whole entries, in bytes; nothing behind that is read
 */
gsize
aip_ledger_diary_parse (const guint8 *data, gsize size, AipLedgerDiaryFunc func, void *user_data)
{
  gsize whole = 0;

  g_return_val_if_fail ((data != NULL || size == 0) && func != NULL, 0);

  while (size - whole > sizeof (guint32))
    {
      const guint8 *entry = data + whole + sizeof (guint32);
      gsize left = size - whole - sizeof (guint32);
      guint32 length;
      char name[256];

      memcpy (&length, data + whole, sizeof length);
      length = GUINT32_FROM_LE (length);
      if (length > left || length < 2 || *entry == 0 || *entry > length - 1)
        break;
      memcpy (name, entry + 1, *entry);
      name[*entry] = '\0';
      func (name, entry + 1 + *entry, length - 1 - *entry, user_data);
      whole += sizeof length + length;
    }
  return whole;
}

static gsize
read_file (const char *path, AipLedgerDiaryFunc func, void *user_data)
{
  g_autofree char *data = NULL;
  gsize size;
  GStatBuf status;

  if (g_lstat (path, &status) != 0 || !S_ISREG (status.st_mode) || status.st_size > 2 * MAX_SIZE ||
      !g_file_get_contents (path, &data, &size, NULL))
    return 0;
  return aip_ledger_diary_parse ((const guint8 *) data, size, func, user_data);
}

/**
 * aip_ledger_diary_read:
 * @self: a diary in which nothing was noted yet
 * @func: called for each entry, the oldest one first
 * @user_data: for @func
 */
void
aip_ledger_diary_read (AipLedgerDiary *self, AipLedgerDiaryFunc func, void *user_data)
{
  g_return_if_fail (self != NULL && func != NULL);

  read_file (self->old_path, func, user_data);
  self->whole = read_file (self->path, func, user_data);
}
