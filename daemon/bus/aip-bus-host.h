/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-edit.h"
#include "keys/aip-key-store.h"
#include "policy/aip-ledger.h"
#include "record/aip-activity.h"
#include "record/aip-counters.h"
#include "record/aip-records.h"
#include "routing/aip-router.h"

G_BEGIN_DECLS

/**
 * AipTestResult: what one cheap call to a provider showed.
 * @kind: static: "ok", "auth", "network", "timeout", "quota", "protocol", "missing-secret", "disabled"
 * @text: for people; holds no secret
 * @status: HTTP, 0: there was no answer
 * @n_models: how many models it lists
 */
typedef struct
{
  const char *kind;
  const char *text;
  guint status;
  guint n_models;
  guint duration_ms;
} AipTestResult;

/**
 * AipFinding: one line of a diagnosis. @remedy is empty where nothing is wrong.
 */
typedef struct
{
  char *check;
  const char *status; /* static: "ok", "warning", "failed" */
  char *text;
  char *remedy;
} AipFinding;

typedef void (*AipTestFunc) (const AipTestResult *result, void *user_data);
typedef void (*AipFindingsFunc) (GPtrArray *findings, void *user_data);
typedef void (*AipSettledFunc) (void *user_data);
typedef void (*AipCancelFunc) (gboolean found, void *user_data);

/**
 * AipBusHost: what the bus asks of the daemon; the composition root fills it in. All on the main thread;
 * callbacks are called once, and never from within the call.
 *
 * @get_config: (transfer none): what is in force
 * @get_router: (transfer none): what serves by it
 * @get_live_keys: (transfer none): what is going on with each key
 * @get_key_store: (transfer none): where secret=keyring is looked up
 * @find_secret: (transfer full) (nullable): the secret of a key, wherever it lies
 * @get_secrets_serial: another number as soon as a secret, or why there is none, may have changed
 * @dup_endpoints: (transfer full): URLs, and "unix:PATH"
 * @get_paths: (transfer none): config files, the last of which is written
 * @get_state: "running", "paused" or "draining"
 * @get_ledger: (transfer none): what of the limits is used
 * @dup_problems: (transfer full): what the last reading found, and whether it could be used
 * @apply: writes a change to the config file and takes it into use, or does neither
 * @settle_secrets: calls back when the secrets that @reload has begun to read are in force, or do not come
 * for a while; at the latest when the daemon ends
 * @settle: calls back when each request that begins does so by what is in force now
 * @check: (transfer full): reads the files as they are now and takes nothing into use
 * @get_first_token: (transfer full) (nullable): of the client that is in no config file
 * @drop_first_token: forgets it
 * @test: asks a provider for its models; @key (nullable): with this key alone, and for one token more
 */
typedef struct
{
  AipConfig *(*get_config) (void *data);
  AipRouter *(*get_router) (void *data);
  AipLiveKeys *(*get_live_keys) (void *data);
  AipKeyStore *(*get_key_store) (void *data);
  AipSecret *(*find_secret) (const AipKeyConfig *key, void *data);
  guint (*get_secrets_serial) (void *data);
  char **(*dup_endpoints) (void *data);
  const char *const *(*get_paths) (void *data);
  const char *(*get_state) (void *data);
  AipLedger *(*get_ledger) (void *data);
  char **(*dup_problems) (gboolean *valid, void *data);
  gboolean (*apply) (AipConfigEdit *edit, GError **error, void *data);
  gboolean (*reload) (GError **error, void *data);
  void (*settle_secrets) (AipSettledFunc func, void *user_data, void *data);
  void (*settle) (AipSettledFunc func, void *user_data, void *data);
  char **(*check) (gboolean *valid, void *data);
  AipSecret *(*get_first_token) (void *data);
  void (*drop_first_token) (void *data);
  void (*set_paused) (gboolean paused, void *data);
  void (*cancel) (const char *id, AipCancelFunc func, void *user_data, void *data);
  void (*test) (const char *provider, const char *key, AipTestFunc func, void *user_data, void *data);
  void (*diagnose) (gboolean network, AipFindingsFunc func, void *user_data, void *data);
  void (*read_counters) (AipCountersSnapshot *counters, guint64 *uptime_ms, void *data);
  AipActivity *(*get_activity) (void *data);
  AipRecords *(*get_records) (void *data);
} AipBusHost;

G_END_DECLS
