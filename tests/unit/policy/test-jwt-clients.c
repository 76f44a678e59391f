/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "jwt-fixture.h"
#include "policy-config.h"
#include "policy/aip-clients.h"
#include "policy/aip-jwt-clients.h"
#include "policy/aip-rights.h"

#define NOW G_GINT64_CONSTANT (1800000000)
#define SECRET "a secret of more than thirty-two bytes"
#define JWT                                                                                                  \
  "[jwt]\nissuer=i\naudience=a\nsecret=env:S\n"                                                              \
  "[tenant red]\ndaily-requests=1\n[tenant blue]\ndaily-requests=1\n"

typedef struct
{
  AipConfig *config;
  AipLedger *ledger;
  AipClients *clients;
} Fixture;

static Fixture
fixture_new (const char *settings)
{
  g_autofree char *text = g_strconcat (JWT, settings, NULL);
  Fixture fixture = { parse_config (text), aip_ledger_new (NULL) };
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipSecret) secret = aip_secret_new (SECRET, -1);
  g_autoptr (AipJwt) jwt = aip_jwt_new (&fixture.config->jwt, secret, NULL);

  fixture.clients = aip_clients_new (fixture.config, concurrency, fixture.ledger, jwt);
  return fixture;
}

static void
fixture_clear (Fixture *fixture)
{
  aip_clients_unref (fixture->clients);
  aip_ledger_close (fixture->ledger);
  aip_ledger_unref (fixture->ledger);
  aip_config_unref (fixture->config);
}

static const AipClient *
authenticate (Fixture *fixture, const char *name, const char *tenant, GError **error)
{
  g_autofree char *org = tenant != NULL ? g_strdup_printf (",\"org\":\"%s\"", tenant) : g_strdup ("");
  g_autofree char *claims =
      g_strdup_printf ("{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"%s\",\"exp\":1800000100%s}", name, org);
  g_autofree char *token = jwt_sign ("HS256", SECRET, NULL, claims);

  return aip_clients_authenticate (fixture->clients, token, strlen (token), error);
}

static void
assert_forbidden (Fixture *fixture, const char *name, const char *tenant, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (authenticate (fixture, name, tenant, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_names (void)
{
  Fixture fixture = fixture_new ("[client alice]\nrpm=3\n[client carol]\nenabled=false\n"
                                 "[client dave]\ntoken-sha256=" DIGEST_A "\n");
  const AipClient *client = authenticate (&fixture, "alice", NULL, NULL);
  g_autoptr (GError) error = NULL;

  /* In the config: with its settings. */
  g_assert_nonnull (client);
  g_assert_cmpstr (client->config->name, ==, "alice");
  g_assert_nonnull (client->quota);
  g_assert_true (authenticate (&fixture, "dave", NULL, NULL)->config != NULL);
  assert_forbidden (&fixture, "carol", NULL, "`carol` is disabled");

  /* Not there: the same client each time, without settings. */
  client = authenticate (&fixture, "auth0|7", NULL, NULL);
  g_assert_cmpstr (client->name, ==, "auth0|7");
  g_assert_null (client->config);
  g_assert_null (client->quota);
  g_assert_true (client == authenticate (&fixture, "auth0|7", NULL, NULL));
  assert_forbidden (&fixture, "anonymous", NULL, "the daemon's own");
  assert_forbidden (&fixture, "default", NULL, "the daemon's own");

  /* A client that comes with a JWT alone has no token, not even an empty one. */
  g_assert_null (aip_clients_authenticate (fixture.clients, "", 0, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED);
  g_clear_error (&error);
  g_assert_null (aip_clients_authenticate (fixture.clients, "a.b.c", 5, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED);
  g_assert_nonnull (strstr (error->message, "unknown token"));
  fixture_clear (&fixture);
}

/* Without settings of its own it is held to what holds for all. */
static void
test_default_limit (void)
{
  Fixture fixture = fixture_new ("[rate-limit]\nenabled=true\nrequests=1\n");
  const AipClient *client = authenticate (&fixture, "eve", NULL, NULL);
  AipReservation *reservation;

  g_assert_null (client->tenant);
  g_assert_cmpint (aip_ledger_reserve (fixture.ledger, client->quota, 0, NULL, NULL, &reservation), ==,
                   AIP_LEDGER_GRANTED);
  aip_reservation_free (reservation);
  g_assert_cmpint (aip_ledger_reserve (fixture.ledger, client->quota, 0, NULL, NULL, &reservation), ==,
                   AIP_LEDGER_REFUSED);
  aip_reservation_free (reservation);
  fixture_clear (&fixture);
}

/* Tenants come from a claim where one is named for them. */
static void
test_tenant_claim (void)
{
  g_autofree char *text = g_strconcat ("[jwt]\nissuer=i\naudience=a\nsecret=env:S\nclaim-tenant=org\n"
                                       "[tenant red]\ndaily-requests=1\n[tenant blue]\n"
                                       "[client alice]\nmodels=gpt-*\n[client bob]\ntenant=red\n",
                                       NULL);
  Fixture fixture = { parse_config (text), aip_ledger_new (NULL) };
  g_autoptr (AipConcurrency) concurrency = aip_concurrency_new ();
  g_autoptr (AipSecret) secret = aip_secret_new (SECRET, -1);
  g_autoptr (AipJwt) jwt = aip_jwt_new (&fixture.config->jwt, secret, NULL);
  const AipClient *client;
  AipReservation *reservation;
  g_autoptr (GError) error = NULL;

  fixture.clients = aip_clients_new (fixture.config, concurrency, fixture.ledger, jwt);
  g_assert_null (authenticate (&fixture, "eve", NULL, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED);
  assert_forbidden (&fixture, "eve", "green", "make a [tenant NAME]");
  assert_forbidden (&fixture, "bob", "blue", "see `tenant` in [client bob]");
  g_assert_cmpstr (authenticate (&fixture, "bob", "red", NULL)->tenant, ==, "red");

  client = authenticate (&fixture, "alice", "red", NULL);
  g_assert_cmpstr (client->tenant, ==, "red");
  g_assert_false (aip_rights_allow_model (client, "claude", NULL));
  g_assert_true (client != authenticate (&fixture, "alice", "blue", NULL));
  g_assert_null (authenticate (&fixture, "alice", "blue", NULL)->quota);

  /* The tenant's limit is one for all of its clients. */
  g_assert_cmpint (aip_ledger_reserve (fixture.ledger, client->quota, 0, NULL, NULL, &reservation), ==,
                   AIP_LEDGER_GRANTED);
  aip_reservation_free (reservation);
  client = authenticate (&fixture, "eve", "red", NULL);
  g_assert_cmpint (aip_ledger_reserve (fixture.ledger, client->quota, 0, NULL, NULL, &reservation), ==,
                   AIP_LEDGER_REFUSED);
  aip_reservation_free (reservation);
  fixture_clear (&fixture);
}

/* However many names come, there are so many clients, and the others are one. */
static void
test_many (void)
{
  Fixture fixture = fixture_new ("");
  const AipClient *client = NULL;
  const AipClient *others;

  for (guint i = 0; i < AIP_JWT_MAX_CLIENTS; i++)
    {
      g_autofree char *name = g_strdup_printf ("user-%u", i);

      client = authenticate (&fixture, name, NULL, NULL);
      g_assert_cmpstr (client->name, ==, name);
    }
  others = authenticate (&fixture, "late", NULL, NULL);
  g_assert_cmpstr (others->name, ==, "(others)");
  g_assert_true (authenticate (&fixture, "later", NULL, NULL) == others);
  g_assert_true (authenticate (&fixture, client->name, NULL, NULL) == client);
  fixture_clear (&fixture);
}

static void
test_not_required (void)
{
  Fixture fixture = fixture_new ("[server]\nrequire-token=false\n");
  g_autofree char *expired =
      jwt_sign ("HS256", SECRET, NULL, "{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"eve\",\"exp\":1}");

  g_assert_cmpstr (authenticate (&fixture, "eve", NULL, NULL)->name, ==, "eve");
  g_assert_cmpstr (aip_clients_authenticate (fixture.clients, expired, strlen (expired), NULL)->name, ==,
                   "anonymous");
  fixture_clear (&fixture);
}

static void
test_rights (void)
{
  g_autoptr (AipConfig) config = parse_config (
      "[provider openai]\n[provider azure]\nbase-url=https://x.example/v1\n[key work]\nprovider=openai\n"
      "[client a]\ntoken-sha256=" DIGEST_A "\nmodels=gpt-4o;claude-*\nallowed-strategies=failover\n"
      "allowed-providers=open*\nallowed-keys=work\n[client b]\ntoken-sha256=" DIGEST_B "\n");
  AipClient a = { .name = "a", .config = aip_config_find_client (config, "a") };
  AipClient b = { .name = "b", .config = aip_config_find_client (config, "b") };
  AipClient c = { .name = "c" };
  struct
  {
    gboolean (*allow) (const AipClient *client, const char *value, GError **error);
    const char *allowed;
    const char *other;
    const char *message;
  } cases[] = {
    { aip_rights_allow_model, "claude-3", "gpt-4",
      "client `a` may not use the model `gpt-4`: see `models` in [client a] of aiproxy.conf" },
    { aip_rights_allow_strategy, "failover", "random",
      "client `a` may not use the strategy `random`: see `allowed-strategies` in [client a] of "
      "aiproxy.conf" },
    { aip_rights_allow_provider, "openai", "azure",
      "client `a` may not use the provider `azure`: see `allowed-providers` in [client a] of aiproxy.conf" },
    { aip_rights_allow_key, "work", "home",
      "client `a` may not use the key `home`: see `allowed-keys` in [client a] of aiproxy.conf" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (cases[i].allow (&a, cases[i].allowed, &error));
      g_assert_no_error (error);
      g_assert_false (cases[i].allow (&a, cases[i].other, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_FORBIDDEN);
      g_assert_cmpstr (error->message, ==, cases[i].message);
      g_assert_false (cases[i].allow (&a, cases[i].other, NULL));
      g_assert_true (cases[i].allow (&b, cases[i].other, NULL));
      g_assert_true (cases[i].allow (&c, cases[i].other, NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  aip_clock_set_fake (G_USEC_PER_SEC, NOW * G_USEC_PER_SEC);
  g_test_add_func ("/jwt-clients/names", test_names);
  g_test_add_func ("/jwt-clients/default-limit", test_default_limit);
  g_test_add_func ("/jwt-clients/tenant-claim", test_tenant_claim);
  g_test_add_func ("/jwt-clients/many", test_many);
  g_test_add_func ("/jwt-clients/not-required", test_not_required);
  g_test_add_func ("/jwt-clients/rights", test_rights);
  return g_test_run ();
}
