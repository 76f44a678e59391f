/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-import"

#include "aip-import.h"

#include <stdio.h>
#include <string.h>

#include "aip-key-stores.h"
#include "base/aip-error.h"

/*
 * A key in clear keeps the daemon from starting, so that it cannot be asked to move it. This does it without
 * one: STORE each key, then write the file; where that fails, UNDO. A key that the file names has its secret,
 * wherever it is cut off.
 */

typedef struct
{
  char *name;
  AipSecret *secret;
  AipSecret *old; /* (nullable): what the keyring had by that name */
  gboolean stored;
} Clear;

typedef struct
{
  gboolean done;
  gboolean ok;
  GError *error;
} Answer;

static void
clear_free (Clear *clear)
{
  g_free (clear->name);
  aip_secret_unref (clear->secret);
  g_clear_pointer (&clear->old, aip_secret_unref);
  g_free (clear);
}

static void
changed_cb (void *user_data)
{
}

static gboolean
wait_for (Answer *answer, GError **error)
{
  while (!answer->done)
    g_main_context_iteration (NULL, TRUE);
  if (answer->error != NULL)
    g_propagate_error (error, g_steal_pointer (&answer->error));
  return answer->ok;
}

static void
stored_cb (GObject *store, GAsyncResult *result, void *user_data)
{
  Answer *answer = user_data;

  answer->ok = aip_key_store_store_finish (AIP_KEY_STORE (store), result, &answer->error);
  answer->done = TRUE;
}

static void
removed_cb (GObject *store, GAsyncResult *result, void *user_data)
{
  Answer *answer = user_data;

  answer->ok = aip_key_store_remove_finish (AIP_KEY_STORE (store), result, &answer->error);
  answer->done = TRUE;
}

static void
unlocked_cb (GObject *store, GAsyncResult *result, void *user_data)
{
  Answer *answer = user_data;

  answer->ok = aip_key_store_unlock_finish (AIP_KEY_STORE (store), result, &answer->error);
  answer->done = TRUE;
}

/* The user may take any time to answer the keyring's prompt. */
static gboolean
open_store (AipKeyStore *store, GError **error)
{
  Answer answer = { 0 };

  if (!aip_key_store_is_writable (store) || !aip_key_store_is_persistent (store))
    {
      g_set_error (
          error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
          "there is no keyring to move keys into: run this within a desktop session, or keep them in "
          "the environment or a systemd credential and write secret=env:VARIABLE or "
          "secret=credential:NAME");
      return FALSE;
    }
  if (aip_key_store_get_state (store) != AIP_KEY_STORE_LOCKED)
    return TRUE;
  aip_key_store_unlock_async (store, NULL, unlocked_cb, &answer);
  return wait_for (&answer, error);
}

static const char *
get_path (const AipAssemblySources *sources)
{
  return sources->paths[g_strv_length (sources->paths) - 1];
}

/* Those that the checks of the file complain of. */
static gboolean
find_clear (const AipAssemblySources *sources, GPtrArray *found, GError **error)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autoptr (AipConfig) config G_GNUC_UNUSED = aip_assembly_read_config (sources, problems);

  for (guint i = 0; i < problems->len; i++)
    {
      const AipConfigProblem *problem = g_ptr_array_index (problems, i);
      g_autoptr (GError) reason = NULL;
      AipSecret *secret;
      Clear *clear;

      if (g_strcmp0 (problem->key, "secret") != 0 || !g_str_has_prefix (problem->group, "key ") ||
          g_strcmp0 (problem->file, get_path (sources)) != 0)
        continue;
      secret = aip_config_take_clear_secret (problem->file, problem->group + strlen ("key "), &reason);
      if (secret == NULL && !g_error_matches (reason, AIP_ERROR, AIP_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return FALSE;
        }
      if (secret == NULL)
        continue;
      clear = g_new0 (Clear, 1);
      clear->name = g_strdup (problem->group + strlen ("key "));
      clear->secret = secret;
      g_ptr_array_add (found, clear);
    }
  return TRUE;
}

static gboolean
store_all (AipKeyStore *store, GPtrArray *found, GError **error)
{
  for (guint i = 0; i < found->len; i++)
    {
      Clear *clear = g_ptr_array_index (found, i);
      Answer answer = { 0 };

      clear->old = aip_key_store_lookup (store, clear->name);
      aip_key_store_store_async (store, clear->name, clear->secret, NULL, stored_cb, &answer);
      if (!wait_for (&answer, error))
        return FALSE;
      clear->stored = TRUE;
    }
  return TRUE;
}

static void
undo (AipKeyStore *store, GPtrArray *found)
{
  for (guint i = 0; i < found->len; i++)
    {
      Clear *clear = g_ptr_array_index (found, i);
      g_autoptr (GError) error = NULL;
      Answer answer = { 0 };

      if (!clear->stored)
        continue;
      if (clear->old != NULL)
        aip_key_store_store_async (store, clear->name, clear->old, NULL, stored_cb, &answer);
      else
        aip_key_store_remove_async (store, clear->name, NULL, removed_cb, &answer);
      if (!wait_for (&answer, &error))
        g_warning ("the secret %s could not be put back as it was: %s", clear->name, error->message);
    }
}

static gboolean
write_file (const AipAssemblySources *sources, const GPtrArray *found, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (AipConfig) config = NULL;

  for (guint i = 0; i < found->len; i++)
    {
      g_autofree char *group = g_strconcat ("key ", ((Clear *) g_ptr_array_index (found, i))->name, NULL);

      aip_config_edit_set (edit, group, "secret", "keyring");
    }
  config = aip_config_edit_save (edit, (const char *const *) sources->paths,
                                 (const char *const *) environment, &sources->overrides, error);
  return config != NULL;
}

static gboolean
move (const AipAssemblySources *sources, GPtrArray *found, GError **error)
{
  g_autoptr (AipKeyStores) stores = aip_key_stores_new (
      sources->key_store != NULL ? sources->key_store : "auto", sources->on_session_bus, changed_cb, NULL);
  AipKeyStore *store = aip_key_stores_get_main (stores);

  while (aip_key_stores_is_loading (stores))
    g_main_context_iteration (NULL, TRUE);
  if (!open_store (store, error))
    return FALSE;
  if (store_all (store, found, error) && write_file (sources, found, error))
    return TRUE;
  undo (store, found);
  return FALSE;
}

/**
 * aip_import_keys:
 * @sources: where the configuration and the key store are
 * @error: return location for an AIP_ERROR: INVALID_CONFIG where something else is wrong with the file too,
 *   UNAVAILABLE where there is no keyring, or what the keyring says
 *
 * Moves every key that stands in clear in the last config file into the keyring, and says so on stdout; or
 * changes nothing.
 *
 * Returns: whether none stands there any more
 */
gboolean
aip_import_keys (const AipAssemblySources *sources, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) clear_free);

  if (!find_clear (sources, found, error) || (found->len > 0 && !move (sources, found, error)))
    return FALSE;
  for (guint i = 0; i < found->len; i++)
    printf ("key %s is in the keyring now\n", ((Clear *) g_ptr_array_index (found, i))->name);
  if (found->len == 0)
    printf ("no key stands in clear in %s\n", get_path (sources));
  return TRUE;
}
