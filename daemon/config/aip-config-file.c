/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "base/aip-secret.h"

/* As many as the kernel follows. */
#define MAX_LINKS 40

#define NANOSECONDS G_GINT64_CONSTANT (1000000000)

/**
 * aip_config_stamp_from_status:
 * @status: what stat () says
 *
 * Returns: the stamp
 */
AipConfigStamp
aip_config_stamp_from_status (const struct stat *status)
{
  g_return_val_if_fail (status != NULL, (AipConfigStamp){ 0 });

  return (AipConfigStamp){
    .device = status->st_dev,
    .inode = status->st_ino,
    .size = status->st_size,
    .modified_ns = status->st_mtim.tv_sec * NANOSECONDS + status->st_mtim.tv_nsec,
    .changed_ns = status->st_ctim.tv_sec * NANOSECONDS + status->st_ctim.tv_nsec,
  };
}

/**
 * aip_config_stamp_equal:
 * @a: a stamp
 * @b: another one
 *
 * Returns: whether they are of the same content
 */
gboolean
aip_config_stamp_equal (const AipConfigStamp *a, const AipConfigStamp *b)
{
  g_return_val_if_fail (a != NULL, FALSE);
  g_return_val_if_fail (b != NULL, FALSE);

  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* A text may hold a secret that does not belong there. */
static void
free_text (GString *text)
{
  aip_secret_wipe (text->str, text->allocated_len);
  g_string_free (text, TRUE);
}

/* Twice the room, and nothing left behind where the text was. */
static GString *
grow_text (GString *text)
{
  GString *larger = g_string_sized_new (2 * text->allocated_len);

  g_string_append_len (larger, text->str, (gssize) text->len);
  free_text (text);
  return larger;
}

/* Returns NULL with errno set. */
static GString *
read_all (int fd, gsize expected)
{
  GString *text = g_string_sized_new (expected + 2);
  gssize count;

  while ((count = read (fd, text->str + text->len, text->allocated_len - text->len - 1)) > 0 &&
         text->len + (gsize) count <= AIP_CONFIG_MAX_FILE_SIZE)
    {
      text->len += (gsize) count;
      if (text->len == text->allocated_len - 1)
        text = grow_text (text);
    }
  text->str[text->len] = '\0';
  if (count == 0)
    return text;
  errno = count > 0 ? EFBIG : errno;
  free_text (text);
  return NULL;
}

/* Returns NULL with errno set. */
static GString *
read_descriptor (int fd, struct stat *status)
{
  if (fstat (fd, status) != 0)
    return NULL;
  if (!S_ISREG (status->st_mode))
    errno = S_ISDIR (status->st_mode) ? EISDIR : EINVAL;
  else if (status->st_size > AIP_CONFIG_MAX_FILE_SIZE)
    errno = EFBIG;
  else
    return read_all (fd, (gsize) status->st_size);
  return NULL;
}

/**
 * aip_config_file_read_text:
 * @path: a file
 * @status: (out): what fstat () says of it
 *
 * Reads a regular file of at most AIP_CONFIG_MAX_FILE_SIZE bytes.
 *
 * Returns: (transfer full) (nullable): its content; NULL: errno says why not
 */
GString *
aip_config_file_read_text (const char *path, struct stat *status)
{
  GString *text;
  int saved_errno;
  int fd;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (status != NULL, NULL);

  /* A pipe in the file's place must not hold up the start. */
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  text = fd < 0 ? NULL : read_descriptor (fd, status);
  saved_errno = errno;
  if (fd >= 0)
    g_close (fd, NULL);
  errno = saved_errno;
  return text;
}

/* Follows links by hand, as the last one may lead to what is not there yet. Returns NULL with errno set. */
static char *
follow_links (const char *path)
{
  g_autofree char *place = g_strdup (path);

  for (guint i = 0; i < MAX_LINKS; i++)
    {
      g_autofree char *target = g_file_read_link (place, NULL);
      g_autofree char *folder = NULL;

      if (target == NULL)
        return g_steal_pointer (&place);
      folder = g_path_get_dirname (place);
      g_free (place);
      place =
          g_path_is_absolute (target) ? g_steal_pointer (&target) : g_build_filename (folder, target, NULL);
    }
  errno = ELOOP;
  return NULL;
}

/**
 * aip_config_file_open:
 * @path: a file, which need not exist
 * @error: return location for an AIP_ERROR_FAILED
 *
 * Reads a file that is to be changed.
 *
 * Returns: (transfer full) (nullable): the file as it is now
 */
AipConfigFile *
aip_config_file_open (const char *path, GError **error)
{
  g_autoptr (AipConfigFile) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = g_new0 (AipConfigFile, 1);
  self->asked = g_strdup (path);
  self->path = follow_links (path);
  self->text = self->path == NULL ? NULL : aip_config_file_read_text (self->path, &self->status);
  if (self->text == NULL && self->path != NULL && (errno == ENOENT || errno == ENOTDIR))
    {
      self->text = g_string_new (NULL);
      self->status = (struct stat){ 0 };
    }
  if (self->text != NULL)
    return g_steal_pointer (&self);

  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED,
               "%s cannot be read: %s; make it a file that this user may read", path, g_strerror (errno));
  return NULL;
}

/**
 * aip_config_file_free:
 * @self: (transfer full): a file
 */
void
aip_config_file_free (AipConfigFile *self)
{
  g_return_if_fail (self != NULL);

  if (self->text != NULL)
    free_text (self->text);
  g_free (self->asked);
  g_free (self->path);
  g_free (self);
}

static gboolean
fail_to_write (const char *path, int number, GError **error)
{
  const char *advice = "";

  switch (number)
    {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      advice = "; make room on the disk";
      break;

    case EROFS:
    case EACCES:
    case EPERM:
    case ENOTDIR:
      advice = "; let this user write to its folder, or change the file by hand and reload";
      break;

    case EBUSY:
      advice = "; it cannot be replaced where it is mounted by itself, so mount its folder";
      break;

    default:
      break;
    }
  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "%s cannot be written: %s%s. Nothing was changed", path,
               g_strerror (number), advice);
  return FALSE;
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize count = write (fd, text, length);

      if (count < 0 && errno != EINTR)
        return FALSE;
      text += MAX (count, 0);
      length -= (gsize) MAX (count, 0);
    }
  return TRUE;
}

/* A new file has the owner and the mode of the one that it replaces, or is for its owner alone. */
static gboolean
keep_owner (const AipConfigFile *self, int fd, GError **error)
{
  struct stat status;

  if (self->status.st_ino == 0)
    return TRUE;
  if (fstat (fd, &status) != 0)
    return fail_to_write (self->path, errno, error);
  if ((status.st_uid != self->status.st_uid || status.st_gid != self->status.st_gid) &&
      fchown (fd, self->status.st_uid, self->status.st_gid) != 0)
    {
      g_set_error (
          error, AIP_ERROR, AIP_ERROR_FAILED,
          "%s belongs to another user or group, and would no longer if it was written: %s; change it "
          "as that user and reload, or give it to this user. Nothing was changed",
          self->path, g_strerror (errno));
      return FALSE;
    }
  return fchmod (fd, self->status.st_mode & 07777) == 0 || fail_to_write (self->path, errno, error);
}

static gboolean
is_unchanged (const AipConfigFile *self)
{
  AipConfigStamp then = aip_config_stamp_from_status (&self->status);
  g_autofree char *path = follow_links (self->asked);
  struct stat status = { 0 };
  AipConfigStamp now;
  GString *text;
  gboolean unchanged;

  if (g_strcmp0 (path, self->path) != 0)
    return FALSE;
  text = aip_config_file_read_text (path, &status);
  if (text == NULL)
    return self->status.st_ino == 0 && (errno == ENOENT || errno == ENOTDIR);

  /* The clock of files is coarse: what is written within the same tick shows in the content alone. */
  now = aip_config_stamp_from_status (&status);
  unchanged = aip_config_stamp_equal (&then, &now) && text->len == self->text->len &&
              memcmp (text->str, self->text->str, text->len) == 0;
  free_text (text);
  return unchanged;
}

/* The name is safe on the disk only when the folder is. */
static void
sync_folder (const char *folder)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0 || fsync (fd) != 0)
    g_warning ("%s could not be written to the disk at once: %s", folder, g_strerror (errno));
  if (fd >= 0)
    g_close (fd, NULL);
}

/* Fills the temporary file, and puts it in the file's place unless that has changed. */
static gboolean
fill_and_rename (const AipConfigFile *self,
                 int fd,
                 const char *temporary,
                 const char *text,
                 gboolean *overtaken,
                 GError **error)
{
  if (!write_all (fd, text, strlen (text)))
    return fail_to_write (self->path, errno, error);
  if (!keep_owner (self, fd, error))
    return FALSE;
  if (fsync (fd) != 0)
    return fail_to_write (self->path, errno, error);

  *overtaken = !is_unchanged (self);
  if (*overtaken)
    return FALSE;
  return g_rename (temporary, self->path) == 0 || fail_to_write (self->path, errno, error);
}

/**
 * aip_config_file_replace:
 * @self: a file
 * @text: its new content
 * @overtaken: (out): whether somebody else changed the file since it was read
 * @written: (out): the stamp of the new file
 * @error: return location for an AIP_ERROR_FAILED, left alone where @overtaken is set
 *
 * Puts a new file in the place of the old one, or of none, in one step; whoever reads sees the one or the
 * other. What fails changes nothing. The folder is made where it is missing.
 *
 * Returns: whether that was done
 */
gboolean
aip_config_file_replace (AipConfigFile *self,
                         const char *text,
                         gboolean *overtaken,
                         AipConfigStamp *written,
                         GError **error)
{
  g_autofree char *folder = NULL;
  g_autofree char *name = NULL;
  g_autofree char *temporary = NULL;
  struct stat status;
  gboolean done;
  int fd;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (overtaken != NULL, FALSE);
  g_return_val_if_fail (written != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  *overtaken = FALSE;
  folder = g_path_get_dirname (self->path);
  name = g_path_get_basename (self->path);
  temporary = g_strdup_printf ("%s/.%s.XXXXXX", folder, name);
  if (g_mkdir_with_parents (folder, 0700) != 0)
    return fail_to_write (self->path, errno, error);
  fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail_to_write (self->path, errno, error);

  done = fill_and_rename (self, fd, temporary, text, overtaken, error);
  if (done && fstat (fd, &status) == 0)
    *written = aip_config_stamp_from_status (&status);
  if (done)
    sync_folder (folder);
  else
    g_unlink (temporary);
  g_close (fd, NULL);
  return done;
}
