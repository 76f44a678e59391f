/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-key-stores"

#include "aip-key-stores.h"

#include "keys/aip-keyring.h"

/* How long a start waits for the keyring, so that as a rule it is there from the first request on. A large or
 * slow one is waited for by those requests that need it. */
#define PATIENCE_MS 50

/* How long those who had the secrets read again wait for a keyring that does not answer. */
#define SETTLE_PATIENCE_MS 2000

/* As long as D-Bus itself waits for an answer. */
#define KEYRING_TIME_LIMIT_MS 25000

struct _AipKeyStores
{
  AipKeyStore *environment;
  AipKeyStore *credentials;
  AipKeyStore *main; /* where secret=keyring is looked up */
  gboolean automatic;
  AipKeyStoresFunc changed;
  void *user_data;
  guint serial;
  guint n_loads;         /* that are under way */
  GPtrArray *waits;      /* of Wait: for the end of them */
  AipKeyStoreState told; /* of the main one: what the log was told last; LOADING: nothing */
};

#define LOCKED "the keyring is locked: run `aiproxyctl unlock`"

/* --- choosing --- */

typedef struct
{
  gboolean done;
  gboolean found;
} Probe;

static void
probed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Probe *probe = user_data;

  probe->found = aip_keyring_probe_finish (result, NULL);
  probe->done = TRUE;
}

static gboolean
has_keyring (void)
{
  Probe probe = { FALSE, FALSE };

  aip_keyring_probe_async (NULL, probed_cb, &probe);
  while (!probe.done)
    g_main_context_iteration (NULL, TRUE);
  return probe.found;
}

static AipKeyStore *
choose (AipKeyStores *self, const char *choice, gboolean on_session_bus)
{
  if (g_str_equal (choice, "libsecret") || (self->automatic && on_session_bus && has_keyring ()))
    return aip_key_store_libsecret_new (KEYRING_TIME_LIMIT_MS);
  if (g_str_equal (choice, "memory"))
    return aip_key_store_memory_new ();
  if (g_str_equal (choice, "credentials") || (self->automatic && g_getenv ("CREDENTIALS_DIRECTORY") != NULL))
    return g_object_ref (self->credentials);
  return g_object_ref (self->environment);
}

/* --- loading --- */

/* Tells the log of the main store, each time that it is another state: not with each reload of a keyring that
 * stays locked. @why is NULL where all is well. */
static void
tell (AipKeyStores *self, AipKeyStoreState state, const char *why)
{
  const char *name = aip_key_store_get_name (self->main);

  if (state == self->told)
    return;
  if (why != NULL)
    g_warning ("%s: %s", name, why);
  else if (self->told != AIP_KEY_STORE_LOADING)
    g_message ("%s: the secrets can be read again", name);
  self->told = state;
}

typedef struct
{
  AipKeyStores *stores; /* (not owned) */
  AipKeyStoresFunc func;
  void *user_data;
  guint timer;
} Wait;

static void
wait_end (void *data)
{
  Wait *wait = data;

  g_source_remove (wait->timer);
  wait->func (wait->user_data);
  g_free (wait);
}

static gboolean
wait_timer_cb (gpointer user_data)
{
  Wait *wait = user_data;

  g_ptr_array_remove (wait->stores->waits, wait);
  return G_SOURCE_CONTINUE;
}

static void
clear (void *data)
{
  AipKeyStores *self = data;

  g_ptr_array_unref (self->waits);
  g_object_unref (self->main);
  g_object_unref (self->environment);
  g_object_unref (self->credentials);
}

/* Takes the reference of a load that has ended. */
static void
load_ended (AipKeyStores *self)
{
  if (--self->n_loads == 0)
    g_ptr_array_set_size (self->waits, 0);
  g_rc_box_release_full (self, clear);
}

static void
main_loaded_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  AipKeyStores *self = user_data;
  AipKeyStoreState state = AIP_KEY_STORE_READY;
  g_autoptr (GError) error = NULL;

  if (!aip_key_store_load_finish (AIP_KEY_STORE (object), result, &error))
    state = aip_key_store_get_state (AIP_KEY_STORE (object)) == AIP_KEY_STORE_LOCKED
                ? AIP_KEY_STORE_LOCKED
                : AIP_KEY_STORE_UNAVAILABLE;
  tell (self, state, error != NULL ? error->message : NULL);
  load_ended (self);
}

/* Outside of a service there are no credentials, and nothing is wrong with that. */
static void
other_loaded_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!aip_key_store_load_finish (AIP_KEY_STORE (object), result, &error))
    g_debug ("%s: %s", aip_key_store_get_name (AIP_KEY_STORE (object)), error->message);
  load_ended (user_data);
}

/* It may end later than the stores' owner. */
static void
load_one (AipKeyStores *self, AipKeyStore *store, GAsyncReadyCallback ended)
{
  self->n_loads++;
  aip_key_store_load_async (store, NULL, ended, g_rc_box_acquire (self));
}

static void
load (AipKeyStores *self)
{
  AipKeyStore *others[] = { self->environment, self->credentials };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (others[i] != self->main)
      load_one (self, others[i], other_loaded_cb);
  load_one (self, self->main, main_loaded_cb);
}

static gboolean
impatient_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_CONTINUE;
}

/**
 * aip_key_stores_is_loading:
 * @self: the stores
 *
 * Returns: whether secrets are still to come
 */
gboolean
aip_key_stores_is_loading (AipKeyStores *self)
{
  return aip_key_store_get_state (self->environment) == AIP_KEY_STORE_LOADING ||
         aip_key_store_get_state (self->credentials) == AIP_KEY_STORE_LOADING ||
         aip_key_store_get_state (self->main) == AIP_KEY_STORE_LOADING;
}

static void
wait_for_all (AipKeyStores *self)
{
  gboolean impatient = FALSE;
  guint timer = g_timeout_add (PATIENCE_MS, impatient_cb, &impatient);

  while (aip_key_stores_is_loading (self) && !impatient)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
  if (impatient)
    g_message ("the keyring is still being read: requests wait for it");
}

static void
changed_cb (AipKeyStore *store, gpointer user_data)
{
  AipKeyStores *self = user_data;

  /* Why it is not there is told by whoever finds out. */
  if (store == self->main && aip_key_store_get_state (store) == AIP_KEY_STORE_READY)
    tell (self, AIP_KEY_STORE_READY, NULL);
  else if (store == self->main && aip_key_store_get_state (store) == AIP_KEY_STORE_LOCKED)
    tell (self, AIP_KEY_STORE_LOCKED, LOCKED);
  self->serial++;
  self->changed (self->user_data);
}

/**
 * aip_key_stores_new:
 * @choice: what --key-store says: "auto", "libsecret", "credentials", "environment" or "memory"
 * @on_session_bus: whether "auto" may look for a keyring
 * @changed: called when secrets or a state changed, but not before this call returns
 * @user_data: for @changed
 *
 * Chooses the store for secret=keyring and loads all of them, which takes at most a twentieth of a second:
 * what has not come by then comes later.
 *
 * Returns: (transfer full): the stores
 */
AipKeyStores *
aip_key_stores_new (const char *choice, gboolean on_session_bus, AipKeyStoresFunc changed, void *user_data)
{
  AipKeyStores *self = g_rc_box_new0 (AipKeyStores);

  self->automatic = g_str_equal (choice, "auto");
  self->changed = changed;
  self->user_data = user_data;
  self->waits = g_ptr_array_new_with_free_func (wait_end);
  self->environment = aip_key_store_environment_new ();
  self->credentials = aip_key_store_credentials_new (NULL);
  self->main = choose (self, choice, on_session_bus);
  load (self);
  wait_for_all (self);
  g_signal_connect (self->main, "changed", G_CALLBACK (changed_cb), self);
  /* A key may name a credential whichever store is the main one. Variables do not change while we run. */
  if (self->main != self->credentials && g_getenv ("CREDENTIALS_DIRECTORY") != NULL)
    g_signal_connect (self->credentials, "changed", G_CALLBACK (changed_cb), self);
  return self;
}

/**
 * aip_key_stores_free:
 * @self: (transfer full): the stores; those who wait for them are told
 */
void
aip_key_stores_free (AipKeyStores *self)
{
  aip_key_stores_end_waits (self);
  g_signal_handlers_disconnect_by_data (self->main, self);
  g_signal_handlers_disconnect_by_data (self->credentials, self);
  g_rc_box_release_full (self, clear);
}

/**
 * aip_key_stores_reload:
 * @self: the stores
 *
 * Reads all secrets again; what is known holds until then.
 */
void
aip_key_stores_reload (AipKeyStores *self)
{
  load (self);
}

/**
 * aip_key_stores_settle:
 * @self: the stores
 * @func: called once, never from within this call; at the latest when @self is freed
 * @user_data: for @func
 *
 * Waits until all that was begun to be read has been read, and those who are told of changes were told; for
 * a keyring that does not answer, two seconds.
 */
void
aip_key_stores_settle (AipKeyStores *self, AipKeyStoresFunc func, void *user_data)
{
  Wait *wait = g_new0 (Wait, 1);

  *wait = (Wait){ .stores = self, .func = func, .user_data = user_data };
  wait->timer = g_timeout_add (self->n_loads > 0 ? SETTLE_PATIENCE_MS : 0, wait_timer_cb, wait);
  g_ptr_array_add (self->waits, wait);
}

/**
 * aip_key_stores_end_waits:
 * @self: the stores
 *
 * Tells those who wait in aip_key_stores_settle () now.
 */
void
aip_key_stores_end_waits (AipKeyStores *self)
{
  g_ptr_array_set_size (self->waits, 0);
}

/**
 * aip_key_stores_get_serial:
 * @self: the stores
 *
 * Returns: a number that is another one as soon as a secret or a state may have changed
 */
guint
aip_key_stores_get_serial (AipKeyStores *self)
{
  return self->serial;
}

/**
 * aip_key_stores_get_main:
 * @self: the stores
 *
 * Returns: (transfer none): where secret=keyring is looked up
 */
AipKeyStore *
aip_key_stores_get_main (AipKeyStores *self)
{
  return self->main;
}

/* --- finding --- */

/* [key openai-1] -> OPENAI_1_API_KEY */
static char *
dup_variable_name (const char *key)
{
  g_autofree char *name = g_ascii_strup (key, -1);

  for (char *p = name; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p))
      *p = '_';
  return g_strconcat (name, "_API_KEY", NULL);
}

static AipSecret *
find_in_main (AipKeyStores *self, const char *key)
{
  g_autofree char *variable = NULL;
  AipSecret *secret = NULL;

  if (self->main != self->environment)
    secret = aip_key_store_lookup (self->main, key);
  if (secret != NULL ||
      (self->main != self->environment && !(self->automatic && self->main == self->credentials)))
    return secret;
  variable = dup_variable_name (key);
  return aip_key_store_lookup (self->environment, variable);
}

/**
 * aip_key_stores_find:
 * @self: the stores
 * @key: a key
 *
 * Returns: (transfer full) (nullable): its secret
 */
AipSecret *
aip_key_stores_find (AipKeyStores *self, const AipKeyConfig *key)
{
  switch (key->ref_kind)
    {
    case AIP_KEY_REF_ENVIRONMENT:
      return aip_key_store_lookup (self->environment, key->ref);
    case AIP_KEY_REF_CREDENTIAL:
      return aip_key_store_lookup (self->credentials, key->ref);
    case AIP_KEY_REF_KEYRING:
    default:
      return find_in_main (self, key->name);
    }
}

/**
 * aip_key_stores_explain:
 * @self: the stores
 * @key: a key that has no secret
 * @locked: (out): whether unlocking the keyring may help
 *
 * Returns: (nullable): why, static text; NULL: what the reference says alone
 */
const char *
aip_key_stores_explain (AipKeyStores *self, const AipKeyConfig *key, gboolean *locked)
{
  *locked = FALSE;
  if (key->ref_kind != AIP_KEY_REF_KEYRING)
    return NULL;
  if (!aip_key_store_is_writable (self->main))
    return "there is no keyring, and neither a systemd credential of the key's name nor a variable "
           "NAME_API_KEY; use secret=env:VARIABLE or secret=credential:NAME";
  switch (aip_key_store_get_state (self->main))
    {
    case AIP_KEY_STORE_LOADING:
      return "the keyring has not answered yet: try again in a moment";
    case AIP_KEY_STORE_LOCKED:
      *locked = TRUE;
      return LOCKED;
    case AIP_KEY_STORE_UNAVAILABLE:
      return "there is no keyring now: start gnome-keyring or another secret service, see `aiproxyctl "
             "doctor`";
    case AIP_KEY_STORE_READY:
    default:
      return NULL;
    }
}
