/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-clients.h"

#include <string.h>

#include "base/aip-error.h"
#include "policy/aip-rights.h"
#include "policy-config.h"

#define MAX_TOKEN_LENGTH 4096

static AipClients *
new_clients (AipConfig *config, AipConcurrency *concurrency)
{
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  AipClients *clients = aip_clients_new (config, concurrency, ledger, NULL);

  aip_ledger_close (ledger);
  return clients;
}

static void
append_client (GString *text, const char *name, const char *token, const char *more)
{
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);

  g_string_append_printf (text, "[client %s]\ntoken-sha256=%s\n%s", name, digest, more);
}

static AipClients *
make_clients (const char *server)
{
  g_autoptr (GString) text = g_string_new (server);

  append_client (text, "alice", "token-of-alice", "");
  append_client (text, "bob", "token-of-bob", "models=gpt-4o;claude-*\n");
  append_client (text, "carol", "token-of-carol", "enabled=false\n");
  append_client (text, "dave", "token-of-dave", "");

  g_autoptr (AipConfig) config = parse_config (text->str);

  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();

  return new_clients (config, concurrency);
}

typedef struct
{
  const char *token;
  gssize length;    /* -1: up to the NUL */
  const char *name; /* whose it is, or NULL */
  int code;
  const char *message; /* a part of it */
} Case;

static void
check_cases (const AipClients *clients, const Case *cases, gsize n_cases)
{
  for (gsize i = 0; i < n_cases; i++)
    {
      g_autoptr (GError) error = NULL;
      const char *token = cases[i].token;
      gsize length = token == NULL ? 0 : cases[i].length < 0 ? strlen (token) : (gsize) cases[i].length;
      const AipClient *client = aip_clients_authenticate (clients, token, length, &error);

      g_test_message ("case %" G_GSIZE_FORMAT, i);
      g_assert_cmpstr (client == NULL ? NULL : client->name, ==, cases[i].name);
      if (client != NULL)
        {
          g_assert_no_error (error);
          continue;
        }
      g_assert_error (error, AIP_ERROR, cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_assert_null (strstr (error->message, "token-of"));
    }
}

static void
test_required (void)
{
  g_autoptr (AipClients) clients = make_clients ("[server]\nrequire-token=true\n");
  g_autofree char *long_token = g_strnfill (MAX_TOKEN_LENGTH + 1, 'x');
  const Case cases[] = {
    { "token-of-alice", -1, "alice" },
    { "token-of-bob", -1, "bob" },
    { "token-of-dave", -1, "dave" },
    { "token-of-carol", -1, NULL, AIP_ERROR_FORBIDDEN, "`carol` is disabled" },
    { NULL, 0, NULL, AIP_ERROR_UNAUTHENTICATED, "no token: send `Authorization: Bearer TOKEN`" },
    { "", 0, NULL, AIP_ERROR_UNAUTHENTICATED, "no token" },
    { "token-of-alicf", -1, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token" },
    { "token-of-alice", 13, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token" },
    { "token-of-alice", 15, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token" },
    { "TOKEN-OF-ALICE", -1, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token" },
    { "tok\0n", 5, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token" },
    { long_token, MAX_TOKEN_LENGTH, NULL, AIP_ERROR_UNAUTHENTICATED, "unknown token: it must be" },
    { long_token, MAX_TOKEN_LENGTH + 1, NULL, AIP_ERROR_UNAUTHENTICATED, "longer than 4096 bytes" },
  };

  g_assert_false (aip_clients_is_empty (clients));
  check_cases (clients, cases, G_N_ELEMENTS (cases));
}

/* The digest itself is no token. */
static void
test_digest_as_token (void)
{
  g_autoptr (AipClients) clients = make_clients ("");
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "token-of-alice", -1);

  g_assert_null (aip_clients_authenticate (clients, digest, strlen (digest), NULL));
}

static void
test_not_required (void)
{
  g_autoptr (AipClients) clients = make_clients ("[server]\nrequire-token=false\n");
  g_autofree char *long_token = g_strnfill (MAX_TOKEN_LENGTH + 1, 'x');
  const Case cases[] = {
    { "token-of-alice", -1, "alice" },
    { NULL, 0, "anonymous" },
    { "", 0, "anonymous" },
    { "sk-whatever", -1, "anonymous" },
    { long_token, -1, "anonymous" },
    { "token-of-carol", -1, NULL, AIP_ERROR_FORBIDDEN, "carol" },
  };

  check_cases (clients, cases, G_N_ELEMENTS (cases));
  g_assert_null (aip_clients_authenticate (clients, NULL, 0, NULL)->config);
}

static void
test_added_tokens (void)
{
  g_autoptr (AipConfig) config = parse_config ("");
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipClients) clients = new_clients (config, concurrency);

  g_assert_true (aip_clients_is_empty (clients));
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("client-%u", i);
      g_autofree char *token = g_strdup_printf ("token-%u", i);

      aip_clients_add_token (clients, name, token);
    }
  g_assert_false (aip_clients_is_empty (clients));

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("client-%u", i);
      g_autofree char *token = g_strdup_printf ("token-%u", i);
      const AipClient *client = aip_clients_authenticate (clients, token, strlen (token), NULL);

      g_assert_nonnull (client);
      g_assert_cmpstr (client->name, ==, name);
      g_assert_null (client->config);
      g_assert_true (aip_rights_allow_model (client, "anything", NULL));
    }
}

/* What is handed out stays where it is, and lives as long as the table. */
static void
test_references (void)
{
  AipClients *clients = make_clients ("");
  const AipClient *alice = aip_clients_authenticate (clients, "token-of-alice", 14, NULL);

  aip_clients_add_token (clients, "demo", "another");
  aip_clients_ref (clients);
  aip_clients_unref (clients);
  g_assert_true (aip_clients_authenticate (clients, "token-of-alice", 14, NULL) == alice);
  g_assert_cmpstr (alice->config->name, ==, "alice");
  aip_clients_unref (clients);
}

static void
test_models (void)
{
  g_autoptr (AipClients) clients = make_clients ("");
  const AipClient *alice = aip_clients_authenticate (clients, "token-of-alice", 14, NULL);
  const AipClient *bob = aip_clients_authenticate (clients, "token-of-bob", 12, NULL);

  g_assert_true (aip_rights_allow_model (alice, "gpt-4o", NULL));
  g_assert_true (aip_rights_allow_model (alice, "", NULL));
  g_assert_true (aip_rights_allow_model (bob, "gpt-4o", NULL));
  g_assert_true (aip_rights_allow_model (bob, "claude-sonnet", NULL));
  g_assert_false (aip_rights_allow_model (bob, "gpt-4o-mini", NULL));
  g_assert_false (aip_rights_allow_model (bob, "GPT-4o", NULL));
  g_assert_false (aip_rights_allow_model (bob, "", NULL));
  g_assert_false (aip_rights_allow_model (bob, "claude\377", NULL));
}

static void
check_limit (const AipClients *clients, const char *token, guint limit, const char *setting)
{
  const AipClient *client = aip_clients_authenticate (clients, token, strlen (token), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (client);
  for (guint i = 0; i < limit; i++)
    g_assert_true (aip_client_enter (client, NULL) == client->under_way);
  g_assert_null (aip_client_enter (client, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED);
  g_assert_nonnull (strstr (error->message, client->name));
  g_assert_nonnull (strstr (error->message, setting));
  for (guint i = 0; i < limit; i++)
    aip_concurrency_slot_leave (client->under_way);
  g_assert_cmpuint (aip_concurrency_slot_count (client->under_way), ==, 0);
}

static void
test_concurrency (void)
{
  g_autoptr (GString) text = g_string_new ("[server]\nrequire-token=false\nmax-client-requests=3\n");

  append_client (text, "alice", "token-of-alice", "");
  append_client (text, "bob", "token-of-bob", "max-concurrent=1\n");
  append_client (text, "demo", "token-of-demo", "max-concurrent=5\n");

  g_autoptr (AipConfig) config = parse_config (text->str);
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipClients) clients = new_clients (config, concurrency);

  aip_clients_add_token (clients, "demo", "another");
  check_limit (clients, "token-of-alice", 3, "`max-concurrent` in [client alice]");
  check_limit (clients, "token-of-bob", 1, "`max-concurrent` in [client bob]");
  check_limit (clients, "token-of-demo", 5, "`max-concurrent` in [client demo]");
  check_limit (clients, "another", 3, "`max-client-requests` in [server]");
  check_limit (clients, "unknown", 3, "`max-client-requests` in [server]");
}

/* What the old table's requests hold, the new table's clients have under way. */
static void
test_concurrency_outlives_the_table (void)
{
  g_autoptr (AipConfig) config = parse_config ("[server]\nmax-client-requests=2\n");
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  AipClients *old = new_clients (config, concurrency);
  AipConcurrencySlot *held;

  aip_clients_add_token (old, "default", "token");
  held = aip_client_enter (aip_clients_authenticate (old, "token", 5, NULL), NULL);
  g_assert_nonnull (held);
  aip_clients_unref (old);

  g_autoptr (AipClients) new = new_clients (config, concurrency);
  aip_clients_add_token (new, "default", "token");
  const AipClient *client = aip_clients_authenticate (new, "token", 5, NULL);

  g_assert_true (client->under_way == held);
  g_assert_true (aip_client_enter (client, NULL) == held);
  g_assert_null (aip_client_enter (client, NULL));
  aip_concurrency_slot_leave (held);
  g_assert_true (aip_client_enter (client, NULL) == held);
  aip_concurrency_slot_leave (held);
  aip_concurrency_slot_leave (held);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/policy/clients/required", test_required);
  g_test_add_func ("/policy/clients/digest-as-token", test_digest_as_token);
  g_test_add_func ("/policy/clients/not-required", test_not_required);
  g_test_add_func ("/policy/clients/added-tokens", test_added_tokens);
  g_test_add_func ("/policy/clients/references", test_references);
  g_test_add_func ("/policy/clients/models", test_models);
  g_test_add_func ("/policy/clients/concurrency", test_concurrency);
  g_test_add_func ("/policy/clients/concurrency-outlives-the-table", test_concurrency_outlives_the_table);

  return g_test_run ();
}
