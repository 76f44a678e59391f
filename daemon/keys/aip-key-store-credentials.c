/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-store"

#include "keys/aip-key-store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "keys/aip-key-store-backend.h"

/*
 * AipKeyStoreCredentials: secrets that the service manager lays into a folder that this service alone
 * can read (systemd.exec(5), LoadCredential= and SetCredential=). The ref is the file's name.
 *
 * The folder also holds credentials that are no keys of ours, so each file is read by its first
 * lookup after a load and answered from locked memory from then on.
 */

#define MAX_LENGTH (64 * 1024)

#define AIP_TYPE_KEY_STORE_CREDENTIALS (aip_key_store_credentials_get_type ())
G_DECLARE_FINAL_TYPE (AipKeyStoreCredentials,
                      aip_key_store_credentials,
                      AIP,
                      KEY_STORE_CREDENTIALS,
                      AipKeyStore)

struct _AipKeyStoreCredentials
{
  AipKeyStore parent_instance;

  char *directory; /* (nullable): none was given */
  int fd;          /* of the directory; -1: not open */
  AipKeyStoreState state;
  GHashTable *secrets; /* ref -> AipSecret */
};

G_DEFINE_FINAL_TYPE (AipKeyStoreCredentials, aip_key_store_credentials, AIP_TYPE_KEY_STORE)

static void
close_directory (AipKeyStoreCredentials *self)
{
  if (self->fd != -1)
    close (self->fd);

  self->fd = -1;
}

static void
open_directory_cb (GTask *task, void *source, void *task_data, GCancellable *cancellable)
{
  const char *directory = task_data;
  int fd = open (directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd == -1)
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                             "cannot open the credentials folder %s: %s", directory, g_strerror (errno));
  else
    g_task_return_int (task, fd);
}

static void
aip_key_store_credentials_load_async (AipKeyStore *store,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      void *user_data)
{
  AipKeyStoreCredentials *self = AIP_KEY_STORE_CREDENTIALS (store);
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, user_data);

  g_task_set_source_tag (task, aip_key_store_credentials_load_async);
  /* A descriptor is in the result: a late cancel would leak it. */
  g_task_set_check_cancellable (task, FALSE);

  if (self->directory == NULL)
    {
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                               "there is no credentials folder: CREDENTIALS_DIRECTORY is not set");
      return;
    }

  g_task_set_task_data (task, g_strdup (self->directory), g_free);
  g_task_run_in_thread (task, open_directory_cb);
}

static gboolean
aip_key_store_credentials_load_finish (AipKeyStore *store, GAsyncResult *result, GError **error)
{
  AipKeyStoreCredentials *self = AIP_KEY_STORE_CREDENTIALS (store);
  g_autoptr (GError) problem = NULL;
  int fd = (int) g_task_propagate_int (G_TASK (result), &problem);

  g_hash_table_remove_all (self->secrets);
  close_directory (self);
  self->fd = problem == NULL ? fd : -1;
  self->state = problem == NULL ? AIP_KEY_STORE_READY : AIP_KEY_STORE_UNAVAILABLE;

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }

  return TRUE;
}

static AipKeyStoreState
aip_key_store_credentials_get_state (AipKeyStore *store)
{
  return AIP_KEY_STORE_CREDENTIALS (store)->state;
}

/* Returns the number of bytes, at most @size, or -1 with errno. */
static gssize
read_all (int fd, char *buffer, gsize size)
{
  gsize length = 0;

  while (length < size)
    {
      gssize n = read (fd, buffer + length, size - length);

      if (n == 0)
        break;
      if (n == -1 && errno == EINTR)
        continue;
      if (n == -1)
        return -1;
      length += (gsize) n;
    }

  return (gssize) length;
}

/* Returns a descriptor, or -1 with errno. */
static int
open_file (int directory, const char *name)
{
  /* O_NONBLOCK: the open of a FIFO would wait for a writer. */
  int fd = openat (directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat st;

  if (fd != -1 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    return fd;

  int saved = fd == -1 ? errno : EINVAL;
  if (fd != -1)
    close (fd);
  errno = saved;

  return -1;
}

static AipSecret *
read_secret (AipKeyStoreCredentials *self, const char *ref)
{
  int fd = open_file (self->fd, ref);

  if (fd == -1)
    {
      if (errno != ENOENT)
        g_warning ("cannot open the credential %s: %s", ref, g_strerror (errno));
      return NULL;
    }

  /* One byte more than allowed, to tell a file of just that size from a larger one. */
  g_autofree char *buffer = g_malloc (MAX_LENGTH + 1);
  gssize length = read_all (fd, buffer, MAX_LENGTH + 1);
  AipSecret *secret = NULL;

  if (length == -1)
    g_warning ("cannot read the credential %s: %s", ref, g_strerror (errno));
  else if (length > MAX_LENGTH)
    g_warning ("the credential %s is longer than %d KiB: not used", ref, MAX_LENGTH / 1024);
  else
    {
      /* Text editors and echo end a file with a line break. */
      gsize end = length > 0 && buffer[length - 1] == '\n' ? (gsize) length - 1 : (gsize) length;

      secret = aip_key_store_check_secret (AIP_KEY_STORE (self), ref, buffer, end);
    }

  aip_secret_wipe (buffer, MAX_LENGTH + 1);
  close (fd);

  return secret;
}

static AipSecret *
aip_key_store_credentials_lookup (AipKeyStore *store, const char *ref)
{
  AipKeyStoreCredentials *self = AIP_KEY_STORE_CREDENTIALS (store);

  if (self->state != AIP_KEY_STORE_READY)
    return NULL;

  if (*ref == '\0' || *ref == '.' || strchr (ref, '/') != NULL)
    {
      g_warning ("%s cannot be a credential's name: it may hold no `/` and not start with `.`", ref);
      return NULL;
    }

  AipSecret *known = g_hash_table_lookup (self->secrets, ref);
  if (known != NULL)
    return aip_secret_ref (known);

  AipSecret *secret = read_secret (self, ref);
  if (secret != NULL)
    g_hash_table_insert (self->secrets, g_strdup (ref), aip_secret_ref (secret));

  return secret;
}

static void
aip_key_store_credentials_finalize (GObject *object)
{
  AipKeyStoreCredentials *self = AIP_KEY_STORE_CREDENTIALS (object);

  close_directory (self);
  g_clear_pointer (&self->secrets, g_hash_table_unref);
  g_clear_pointer (&self->directory, g_free);

  G_OBJECT_CLASS (aip_key_store_credentials_parent_class)->finalize (object);
}

static void
aip_key_store_credentials_class_init (AipKeyStoreCredentialsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  AipKeyStoreClass *store_class = AIP_KEY_STORE_CLASS (klass);

  object_class->finalize = aip_key_store_credentials_finalize;

  store_class->name = "credentials";
  store_class->load_async = aip_key_store_credentials_load_async;
  store_class->load_finish = aip_key_store_credentials_load_finish;
  store_class->get_state = aip_key_store_credentials_get_state;
  store_class->lookup = aip_key_store_credentials_lookup;
}

static void
aip_key_store_credentials_init (AipKeyStoreCredentials *self)
{
  self->fd = -1;
  self->state = AIP_KEY_STORE_LOADING;
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) aip_secret_unref);
}

/**
 * aip_key_store_credentials_new:
 * @directory: (nullable): the folder; %NULL: what the variable CREDENTIALS_DIRECTORY says, see
 *   systemd.exec(5). Where that is not set either, loading fails with %AIP_ERROR_UNAVAILABLE.
 *
 * Returns: (transfer full): a store whose refs are names of files in @directory
 */
AipKeyStore *
aip_key_store_credentials_new (const char *directory)
{
  AipKeyStoreCredentials *self = g_object_new (AIP_TYPE_KEY_STORE_CREDENTIALS, NULL);

  self->directory = g_strdup (directory != NULL ? directory : g_getenv ("CREDENTIALS_DIRECTORY"));

  return AIP_KEY_STORE (self);
}
