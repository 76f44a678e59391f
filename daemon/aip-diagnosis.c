/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-diagnosis"

#include "aip-diagnosis.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "base/aip-clock.h"
#include "bus/aip-unused-secrets.h"
#include "config/aip-config-url.h"
#include "server/aip-sockets.h"

/* 2026-01-01: the program is younger than that. */
#define OLDEST_SANE_TIME 1767225600
#define MAX_TOLD 10 /* secrets in one finding */
#define LITTLE_ROOM (16 * 1024 * 1024)

typedef struct
{
  GPtrArray *findings; /* of AipFinding */
  AipConfig *config;
  guint pending; /* providers that have not answered, and the start itself */
  AipFindingsFunc func;
  void *user_data;
} Diagnosis;

static void
finding_free (AipFinding *finding)
{
  g_free (finding->check);
  g_free (finding->text);
  g_free (finding->remedy);
  g_free (finding);
}

/* Takes @text and @remedy; NULL for the latter: nothing is to be done. */
static void
add (Diagnosis *self, const char *check, const char *status, char *text, char *remedy)
{
  AipFinding *finding = g_new0 (AipFinding, 1);

  finding->check = g_strdup (check);
  finding->status = status;
  finding->text = text;
  finding->remedy = remedy != NULL ? remedy : g_strdup ("");
  g_ptr_array_add (self->findings, finding);
}

/* --- the configuration --- */

/* Returns: (transfer full) (nullable): what the files say, where they can be used */
static AipConfig *
check_files_of_config (Diagnosis *self, const AipAssemblySources *sources)
{
  g_auto (GStrv) problems = NULL;
  AipConfig *config = aip_assembly_check (sources, &problems);

  for (gsize i = 0; problems[i] != NULL; i++)
    add (self, "config", config != NULL ? "warning" : "failed", g_strdup (problems[i]),
         g_strdup ("edit the file as the line says; it is read again by itself"));
  if (problems[0] == NULL)
    add (self, "config", "ok", g_strjoinv (" and ", sources->paths), NULL);
  return config;
}

static void
check_config (Diagnosis *self, const AipDiagnosisSubject *subject)
{
  g_autoptr (AipConfig) config = check_files_of_config (self, subject->sources);
  gboolean valid = TRUE;

  aip_assembly_get_problems (subject->assembly, &valid);
  if (!valid && config != NULL)
    add (self, "config", "warning", g_strdup ("the files are right again, but not in use yet"),
         g_strdup ("run `aiproxyctl reload`"));
}

static void
check_clients (Diagnosis *self)
{
  if (!self->config->server.require_token)
    add (self, "clients", "warning", g_strdup ("no token is asked for: every program here may use the keys"),
         g_strdup ("run `aiproxyctl config set server require-token=true`"));
  else if (self->config->clients->len == 0)
    add (self, "clients", "ok", g_strdup ("the client of the first start alone"), NULL);
  else
    add (self, "clients", "ok",
         g_strdup_printf ("%u, each with a token of its own", self->config->clients->len), NULL);
}

/* --- the way in --- */

static void
check_state (Diagnosis *self, const AipDiagnosisSubject *subject)
{
  if (subject->paused)
    add (self, "state", "failed", g_strdup ("the daemon is paused: every request is answered with 503"),
         g_strdup ("run `aiproxyctl resume`"));
}

static void
check_ports (Diagnosis *self, const AipDiagnosisSubject *subject)
{
  guint n = g_strv_length (subject->endpoints);

  for (guint i = 0; i < n; i++)
    add (self, "listen", "ok", g_strdup (subject->endpoints[i]), NULL);
  if (n == 0)
    add (self, "listen", "failed", g_strdup ("the daemon listens nowhere"),
         g_strdup ("see `listen` in [server], then start the daemon again"));
}

/* Whether a daemon could listen there. */
static void
check_addresses (Diagnosis *self, const AipConfig *config)
{
  for (gsize i = 0; config->server.listen[i] != NULL; i++)
    {
      const char *address = config->server.listen[i];

      if (aip_sockets_is_taken (address))
        add (self, "listen", "failed",
             g_strdup_printf ("%s is taken: by another program, by an aiproxyd that is not on this bus, or, "
                              "which is well, by systemd for aiproxy.socket",
                              address),
             g_strdup (
                 "see who has it with `ss -ltnp` and end that, or choose another address for `listen` in "
                 "[server]"));
      else
        add (self, "listen", "ok", g_strdup_printf ("%s is free", address), NULL);
    }
}

/* --- keys --- */

static void
check_key_store (Diagnosis *self, AipKeyStore *store)
{
  const char *name = aip_key_store_get_name (store);

  switch (aip_key_store_get_state (store))
    {
    case AIP_KEY_STORE_READY:
      add (self, "keyring", "ok", g_strdup_printf ("keys are kept in: %s", name), NULL);
      break;
    case AIP_KEY_STORE_LOCKED:
      add (self, "keyring", "failed", g_strdup ("it is locked"), g_strdup ("run `aiproxyctl unlock`"));
      break;
    case AIP_KEY_STORE_LOADING:
      add (self, "keyring", "warning", g_strdup ("it has not answered yet"),
           g_strdup ("wait; if it stays so, see whether a prompt of gnome-keyring-daemon is open"));
      break;
    case AIP_KEY_STORE_UNAVAILABLE:
    default:
      add (self, "keyring", aip_key_store_is_writable (store) ? "failed" : "warning",
           g_strdup_printf ("%s cannot be used now", name),
           g_strdup (
               aip_key_store_is_writable (store)
                   ? "install and start gnome-keyring (or another secret service) in this session"
                   : "start the daemon in a session with a keyring, or give keys as secret=env:VARIABLE"));
    }
}

/* They may well be another daemon's, with another configuration: nobody else can tell. */
static void
check_unused_secrets (Diagnosis *self, AipKeyStore *store)
{
  g_auto (GStrv) unused = aip_unused_secrets_list (self->config, store);
  guint n = g_strv_length (unused);
  g_autoptr (GString) names = g_string_new (NULL);

  if (n == 0)
    return;
  for (guint i = 0; i < MIN (n, MAX_TOLD); i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", unused[i]);
  if (n > MAX_TOLD)
    g_string_append_printf (names, " and %u more", n - MAX_TOLD);
  add (self, "secrets", "warning",
       g_strdup_printf ("the keyring has what no key or client of this configuration names: %s", names->str),
       g_strdup_printf (
           "where no daemon with another configuration uses %s, run `aiproxyctl secret remove %s`",
           n > 1 ? "one of them" : "it", n > 1 ? "NAME" : unused[0]));
}

static char *
dup_key_remedy (const AipKeyConfig *key, AipKeyStore *store)
{
  if (key->ref_kind != AIP_KEY_REF_KEYRING)
    return g_strdup_printf ("set %s %s for the daemon, or run `aiproxyctl key secret %s`",
                            key->ref_kind == AIP_KEY_REF_ENVIRONMENT ? "the variable" : "the credential",
                            key->ref, key->name);
  /* It may well be there, and then it need not be given again. */
  if (aip_key_store_is_writable (store) && aip_key_store_get_state (store) != AIP_KEY_STORE_READY)
    return g_strdup ("see to the keyring first, as said above");
  return g_strdup_printf ("run `aiproxyctl key secret %s`", key->name);
}

/* Tells of an open breaker; @key (nullable): the provider needs none. */
static gboolean
is_left_out (Diagnosis *self, AipAssembly *assembly, const char *provider, const char *key)
{
  g_autoptr (AipLiveKey) live = aip_live_keys_find (aip_assembly_get_live_keys (assembly), provider, key);
  const char *kind = key != NULL ? "key" : "provider";
  const char *name = key != NULL ? key : provider;
  gint64 now = aip_clock_now ();
  g_autofree char *cause = NULL;
  AipBreaker *breaker;

  if (live == NULL)
    return FALSE;
  breaker = aip_live_key_get_breaker (live);
  if (aip_breaker_get_state (breaker, now) != AIP_BREAKER_OPEN)
    return FALSE;
  cause = aip_live_key_dup_cause (live);
  add (self, key != NULL ? "keys" : "provider", "warning",
       g_strdup_printf ("%s %s is left out for %" G_GINT64_FORMAT " s more: %s", kind, name,
                        MAX ((aip_breaker_get_until (breaker) - now) / G_USEC_PER_SEC, 0) + 1,
                        cause != NULL ? cause : "it has failed too often"),
       g_strdup_printf (
           "see whether `aiproxyctl %s test %s` works; `aiproxyctl %s reset %s` then uses it at once", kind,
           name, kind, name));
  return TRUE;
}

static void
check_keyless (Diagnosis *self, AipAssembly *assembly)
{
  for (guint i = 0; i < self->config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (self->config->providers, i);

      if (provider->enabled)
        is_left_out (self, assembly, provider->name, NULL);
    }
}

static void
check_keys (Diagnosis *self, AipAssembly *assembly)
{
  guint n_usable = 0;

  for (guint i = 0; i < self->config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (self->config->keys, i);
      g_autoptr (AipSecret) secret = key->enabled ? aip_assembly_find_secret (assembly, key) : NULL;

      n_usable += secret != NULL && !is_left_out (self, assembly, key->provider, key->name);
      if (key->enabled && secret == NULL)
        add (self, "keys", "failed", g_strdup_printf ("key %s has no secret", key->name),
             dup_key_remedy (key, aip_assembly_get_key_store (assembly)));
    }
  if (n_usable > 0)
    add (self, "keys", "ok", g_strdup_printf ("%u of %u are usable", n_usable, self->config->keys->len),
         NULL);
  else if (self->config->keys->len == 0)
    add (self, "keys", "ok", g_strdup ("none"), NULL);
}

static gboolean
has_key (const AipConfig *config, const char *provider)
{
  for (guint i = 0; i < config->keys->len; i++)
    if (g_str_equal (((AipKeyConfig *) g_ptr_array_index (config->keys, i))->provider, provider))
      return TRUE;
  return FALSE;
}

static gboolean
has_headers (const AipProviderConfig *provider)
{
  return provider->headers != NULL && provider->headers[0].name != NULL;
}

/* Whether that is meant only who set it up can tell; but who is paid for what he serves wants a key, unless
 * `headers` have one. */
static void
tell_of_keyless (Diagnosis *self, const AipProviderConfig *provider)
{
  if (aip_config_url_is_public (provider->base_url) && !has_headers (provider))
    add (self, "keys", "warning",
         g_strdup_printf ("provider %s is on the Internet, has none, and is asked without one",
                          provider->name),
         g_strdup_printf ("give it one with `aiproxyctl key add NAME --provider %s`, if it wants one",
                          provider->name));
  else
    add (self, "keys", "ok",
         g_strdup_printf ("provider %s has none, and is asked without one", provider->name), NULL);
}

static void
tell_of_keyless_providers (Diagnosis *self)
{
  for (guint i = 0; i < self->config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (self->config->providers, i);

      if (provider->enabled && !has_key (self->config, provider->name))
        tell_of_keyless (self, provider);
    }
}

/* --- limits --- */

static void
check_ledger (Diagnosis *self, AipLedger *ledger)
{
  gboolean healthy = TRUE;
  g_autofree char *state = aip_ledger_describe (ledger, &healthy);

  if (self->config->redis.url == NULL)
    return;
  if (healthy)
    add (self, "limits", "ok", g_steal_pointer (&state), NULL);
  else
    add (self, "limits", g_str_equal (self->config->redis.on_failure, "closed") ? "failed" : "warning",
         g_steal_pointer (&state),
         g_strdup ("start Redis, or mend `url` and `password` in [redis]; `aiproxyctl config set redis url=` "
                   "does without it"));
}

/* --- files --- */

static void
check_mode (Diagnosis *self, const char *path, mode_t unwanted, const char *wanted)
{
  struct stat status;

  if (stat (path, &status) != 0)
    {
      if (errno != ENOENT)
        add (self, "files", "failed", g_strdup_printf ("%s: %s", path, g_strerror (errno)),
             g_strdup_printf ("let the daemon's user reach %s", path));
    }
  else if ((status.st_mode & unwanted) != 0)
    add (self, "files", "warning", g_strdup_printf ("others can read or change %s", path),
         g_strdup_printf ("run `chmod %s %s`", wanted, path));
  else
    add (self, "files", "ok", g_strdup (path), NULL);
}

static void
check_files (Diagnosis *self, const AipAssemblySources *sources)
{
  g_autoptr (GDir) dir = g_dir_open (sources->state_dir, 0, NULL);
  const char *name;

  /* Of config files nothing is secret, as a rule; but who can write one says where the keys go. */
  for (gsize i = 0; sources->paths[i] != NULL; i++)
    check_mode (self, sources->paths[i], S_IWGRP | S_IWOTH, "go-w");
  check_mode (self, sources->state_dir, S_IRWXG | S_IRWXO, "700");
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (sources->state_dir, name, NULL);

      check_mode (self, path, S_IRWXG | S_IRWXO, g_file_test (path, G_FILE_TEST_IS_DIR) ? "700" : "600");
    }
}

/* Where the nearest folder that is there lies: what is not there yet will lie in it. */
static gboolean
get_room (const char *path, struct statvfs *room)
{
  g_autofree char *folder = g_strdup (path);

  while (statvfs (folder, room) != 0)
    {
      char *parent = errno == ENOENT ? g_path_get_dirname (folder) : NULL;
      gboolean is_last = parent == NULL || g_str_equal (parent, folder);

      g_free (folder);
      folder = parent;
      if (is_last)
        return FALSE;
    }
  return TRUE;
}

/* Returns whether there is enough, as far as is known. */
static gboolean
check_room (Diagnosis *self, const char *path, const char *consequence)
{
  struct statvfs room;
  guint64 bytes;

  if (!get_room (path, &room))
    return TRUE;
  bytes = (guint64) room.f_bavail * room.f_frsize;
  /* Some file systems do not count files, and say that there are none. */
  if (bytes >= LITTLE_ROOM && (room.f_files == 0 || room.f_favail > 0))
    return TRUE;
  add (self, "disk", "warning",
       bytes >= LITTLE_ROOM
           ? g_strdup_printf ("no more files can be made where %s lies: %s", path, consequence)
           : g_strdup_printf ("%" G_GUINT64_FORMAT " KiB are left where %s lies: %s", bytes / 1024, path,
                              consequence),
       g_strdup_printf ("make room there; `df -h %s` shows how full it is", path));
  return FALSE;
}

static void
check_disks (Diagnosis *self, const AipAssemblySources *sources)
{
  guint n = g_strv_length (sources->paths);
  gboolean enough = check_room (self, sources->state_dir, "limits and breakers may not outlive a restart");

  if (n > 0)
    enough = check_room (self, sources->paths[n - 1], "changes of settings may not be saved") && enough;
  if (enough)
    add (self, "disk", "ok", g_strdup ("there is room for settings and state"), NULL);
}

/* --- the clock --- */

/* The clock is the host's then, and so is what keeps it in step. */
static gboolean
is_in_container (void)
{
  static const char *const signs[] = { "/run/systemd/container", "/run/.containerenv", "/.dockerenv" };

  for (gsize i = 0; i < G_N_ELEMENTS (signs); i++)
    if (g_file_test (signs[i], G_FILE_TEST_EXISTS))
      return TRUE;
  return FALSE;
}

static void
check_clock (Diagnosis *self)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  struct timex state = { .modes = 0 };
  /* A sandbox may not let us ask. */
  gboolean known = adjtimex (&state) >= 0;
  gboolean drifts = known && (state.status & STA_UNSYNC) != 0;

  if (g_date_time_to_unix (now) < OLDEST_SANE_TIME)
    add (
        self, "clock", "failed", g_date_time_format (now, "it says %F %T UTC, which is long ago"),
        g_strdup ("set it, as with `timedatectl set-ntp true`: certificates are not valid yet at that time"));
  else if (drifts && !is_in_container ())
    add (self, "clock", "warning", g_date_time_format (now, "%F %T UTC; no time service keeps it in step"),
         g_strdup ("compare it with a good one, or run `timedatectl set-ntp true`"));
  else if (drifts)
    add (self, "clock", "ok", g_date_time_format (now, "%F %T UTC; the host does not keep it in step"), NULL);
  else
    add (self, "clock", "ok", g_date_time_format (now, "%F %T UTC"), NULL);
}

/* --- providers --- */

static void
diagnosis_free (Diagnosis *self)
{
  g_ptr_array_unref (self->findings);
  aip_config_unref (self->config);
  g_free (self);
}

static void
finish_one (Diagnosis *self)
{
  if (--self->pending > 0)
    return;
  self->func (self->findings, self->user_data);
  diagnosis_free (self);
}

typedef struct
{
  Diagnosis *diagnosis;
  char *provider;
} Asked;

static void
asked_free (Asked *asked)
{
  g_free (asked->provider);
  g_free (asked);
}

static char *
dup_remedy (const AipConfig *config, const char *kind, const char *provider)
{
  if (g_str_equal (kind, "auth") && !has_key (config, provider))
    return g_strdup_printf ("give it a key: `aiproxyctl key add NAME --provider %s`", provider);
  if (g_str_equal (kind, "auth"))
    return g_strdup_printf ("give it a valid key: `aiproxyctl key list`, `aiproxyctl key secret NAME`");
  if (g_str_equal (kind, "network") || g_str_equal (kind, "timeout"))
    return g_strdup_printf ("check the network, and base-url and proxy in `aiproxyctl provider show %s`",
                            provider);
  if (g_str_equal (kind, "quota"))
    return g_strdup ("see the account's limits and billing at the provider");
  if (g_str_equal (kind, "missing-secret"))
    return g_strdup ("do what that says, or see `keys` and `keyring` above");
  return g_strdup_printf ("check dialect and base-url in `aiproxyctl provider show %s`", provider);
}

static void
tested_cb (const AipTestResult *result, void *user_data)
{
  Asked *asked = user_data;
  gboolean ok = g_str_equal (result->kind, "ok");

  add (asked->diagnosis, "provider", ok ? "ok" : "failed",
       g_strdup_printf ("%s: %s", asked->provider, result->text),
       ok ? NULL : dup_remedy (asked->diagnosis->config, result->kind, asked->provider));
  finish_one (asked->diagnosis);
  asked_free (asked);
}

/* The daemon ends, and nobody waits for the findings any more. */
static void
dropped_cb (gpointer user_data)
{
  Asked *asked = user_data;

  if (--asked->diagnosis->pending == 0)
    diagnosis_free (asked->diagnosis);
  asked_free (asked);
}

static void
ask_providers (Diagnosis *self, AipProbe *probe)
{
  if (self->config->providers->len == 0)
    add (self, "provider", "failed", g_strdup ("there is none"),
         g_strdup ("run `aiproxyctl provider add NAME --dialect openai --base-url URL`"));
  for (guint i = 0; i < self->config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (self->config->providers, i);
      Asked *asked;

      if (!provider->enabled)
        continue;
      asked = g_new0 (Asked, 1);
      *asked = (Asked){ self, g_strdup (provider->name) };
      self->pending++;
      aip_probe_start (probe, self->config, provider->name, NULL, tested_cb, asked, dropped_cb);
    }
}

static gboolean
started_cb (gpointer user_data)
{
  finish_one (user_data);
  return G_SOURCE_REMOVE;
}

/**
 * aip_diagnosis_run:
 * @subject: what to look at
 * @network: also ask each enabled provider
 * @func: called with the findings, (element-type AipFinding), never from within this call
 * @user_data: for @func
 *
 * Looks for whatever may keep requests from being served, and says how to mend it.
 */
void
aip_diagnosis_run (const AipDiagnosisSubject *subject,
                   gboolean network,
                   AipFindingsFunc func,
                   void *user_data)
{
  Diagnosis *self = g_new0 (Diagnosis, 1);

  self->findings = g_ptr_array_new_with_free_func ((GDestroyNotify) finding_free);
  self->config = aip_config_ref (aip_assembly_get_snapshot (subject->assembly)->config);
  self->pending = 1;
  self->func = func;
  self->user_data = user_data;
  check_config (self, subject);
  check_clients (self);
  check_state (self, subject);
  check_ports (self, subject);
  check_key_store (self, aip_assembly_get_key_store (subject->assembly));
  check_unused_secrets (self, aip_assembly_get_key_store (subject->assembly));
  check_keys (self, subject->assembly);
  tell_of_keyless_providers (self);
  check_keyless (self, subject->assembly);
  check_ledger (self, aip_assembly_get_snapshot (subject->assembly)->ledger);
  check_files (self, subject->sources);
  check_disks (self, subject->sources);
  check_clock (self);
  if (network)
    ask_providers (self, subject->probe);
  g_idle_add (started_cb, self);
}

/**
 * aip_diagnosis_run_offline:
 * @sources: where all comes from
 *
 * Looks for what may keep a daemon from starting, without one.
 *
 * Returns: (transfer full) (element-type AipFinding): the findings
 */
GPtrArray *
aip_diagnosis_run_offline (const AipAssemblySources *sources)
{
  Diagnosis self = { .findings = g_ptr_array_new_with_free_func ((GDestroyNotify) finding_free) };
  g_autoptr (AipConfig) config = check_files_of_config (&self, sources);

  if (config != NULL)
    check_addresses (&self, config);
  check_files (&self, sources);
  check_disks (&self, sources);
  check_clock (&self);
  return self.findings;
}
