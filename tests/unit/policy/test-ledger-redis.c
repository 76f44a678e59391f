/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "base/aip-error.h"
#include "policy-config.h"
#include "policy-warnings.h"
#include "policy/aip-ledger.h"
#include "redis-server.h"

/* Two daemons' worth: each with its own ledger, and the same Redis. */
typedef struct
{
  RedisServer *redis;
  AipConfig *config;
  AipLedger *ledgers[2];
  AipQuota *quotas[2];
} Fixture;

typedef struct
{
  AipLedgerAnswer answer;
  AipReservation *reservation;
  guint *left;
} Ask;

static void
open_ledgers (Fixture *fixture, const char *redis, const char *limits, const char *password)
{
  g_autofree char *text =
      g_strdup_printf ("[redis]\nurl=unix:%s\n%s\n%s", fixture->redis->socket, redis, limits);
  g_autoptr (AipSecret) secret = password != NULL ? aip_secret_new (password, -1) : NULL;

  fixture->config = parse_config (text);
  for (guint i = 0; i < 2; i++)
    {
      fixture->ledgers[i] = aip_ledger_new (NULL);
      aip_ledger_set_config (fixture->ledgers[i], fixture->config, secret);
      fixture->quotas[i] = aip_ledger_get_client_quota (fixture->ledgers[i], fixture->config, "a",
                                                        aip_config_find_client (fixture->config, "a"), "t");
    }
}

static void
wait_for (Fixture *fixture, guint index, const char *part)
{
  for (;;)
    {
      gboolean healthy;
      g_autofree char *text = aip_ledger_describe (fixture->ledgers[index], &healthy);

      if (strstr (text, part) != NULL)
        {
          g_assert_true (healthy == (strstr (text, "redis: connected") != NULL));
          return;
        }
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
wait_until_connected (Fixture *fixture)
{
  wait_for (fixture, 0, "redis: connected");
  wait_for (fixture, 1, "redis: connected");
}

static void
fixture_free (Fixture *fixture)
{
  for (guint i = 0; i < 2; i++)
    {
      aip_quota_unref (fixture->quotas[i]);
      aip_ledger_close (fixture->ledgers[i]);
    }
  /* What was posted is carried out, and lets go of the ledgers. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  for (guint i = 0; i < 2; i++)
    aip_ledger_unref (fixture->ledgers[i]);
  aip_config_unref (fixture->config);
  redis_server_free (fixture->redis);
  take_warning ();
}

static void
answered_cb (AipReservation *reservation, AipLedgerAnswer answer, void *user_data)
{
  Ask *ask = user_data;

  g_assert_true (reservation == ask->reservation);
  ask->answer = answer;
  (*ask->left)--;
}

/* Asks @n times at once, in turn of both, and gives how many were granted; the last refusal's error too. */
static guint
ask_many (Fixture *fixture, guint n, guint64 tokens, guint64 settle, GError **error)
{
  g_autofree Ask *asks = g_new0 (Ask, n);
  guint left = n;
  guint granted = 0;

  for (guint i = 0; i < n; i++)
    {
      asks[i].left = &left;
      asks[i].answer = aip_ledger_reserve (fixture->ledgers[i % 2], fixture->quotas[i % 2], tokens,
                                           answered_cb, &asks[i], &asks[i].reservation);
      if (asks[i].answer != AIP_LEDGER_PENDING)
        left--;
    }
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < n; i++)
    if (asks[i].answer == AIP_LEDGER_GRANTED)
      {
        granted++;
        aip_reservation_settle (asks[i].reservation, settle);
      }
    else
      {
        if (error != NULL && *error == NULL)
          aip_reservation_set_error (asks[i].reservation, error);
        aip_reservation_free (asks[i].reservation);
      }
  return granted;
}

#define CLIENT "[client a]\ntoken-sha256=" DIGEST_A "\n"

static void
test_shared (void)
{
  g_autoptr (GError) error = NULL;
  Fixture fixture = { redis_server_new (NULL) };
  AipReservation *reservation;
  AipRate rate;
  guint left = 1;
  Ask ask = { .left = &left };

  open_ledgers (&fixture, "timeout=20s",
                CLIENT "daily-requests=100\ntpm=1000000\n[tenant t]\ndaily-tokens=1000\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 60, 5, AIP_TOKENS_UNKNOWN, NULL), ==, 60);
  g_assert_cmpuint (ask_many (&fixture, 60, 5, AIP_TOKENS_UNKNOWN, &error), ==, 40);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED);
  g_assert_nonnull (strstr (error->message, "client `a` has used up its 100 requests in a day"));

  ask.answer =
      aip_ledger_reserve (fixture.ledgers[0], fixture.quotas[0], 5, answered_cb, &ask, &ask.reservation);
  reservation = ask.reservation;
  g_assert_cmpint (ask.answer, ==, AIP_LEDGER_PENDING);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (ask.answer, ==, AIP_LEDGER_REFUSED);
  g_assert_true (aip_reservation_get_rate (reservation, AIP_RATE_REQUESTS, &rate));
  g_assert_cmpuint (rate.limit, ==, 100);
  g_assert_cmpuint (rate.remaining, ==, 0);
  g_assert_true (aip_reservation_get_rate (reservation, AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.limit, ==, 1000);
  g_assert_cmpuint (rate.remaining, ==, 500);
  g_assert_cmpuint (aip_reservation_get_retry_after (reservation), >, 0);
  g_assert_cmpuint (aip_reservation_get_retry_after (reservation), <=, 86400);
  aip_reservation_free (reservation);
  fixture_free (&fixture);
}

/* What is settled, taken back or abandoned by one makes room for the other. */
static void
test_settle (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  AipReservation *reservation;

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-tokens=100\n[tenant t]\ndaily-requests=5\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 1, 90, 10, NULL), ==, 1);
  /* Of 100 tokens 10 are gone, of 5 requests 1. */
  g_assert_cmpuint (ask_many (&fixture, 2, 45, 50, NULL), ==, 2);
  /* 110 by now: what it took is charged, although it is too much. */
  g_assert_cmpuint (ask_many (&fixture, 1, 1, AIP_TOKENS_UNKNOWN, NULL), ==, 0);
  g_assert_cmpuint (ask_many (&fixture, 2, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 0);
  fixture_free (&fixture);

  fixture.redis = redis_server_new (NULL);
  open_ledgers (&fixture, "timeout=20s", CLIENT "[tenant t]\ndaily-requests=5\ndaily-tokens=100\n", NULL);
  wait_until_connected (&fixture);
  for (guint i = 0; i < 20; i++)
    {
      guint left = 1;
      Ask ask = { .left = &left };

      g_assert_cmpint (
          aip_ledger_reserve (fixture.ledgers[0], fixture.quotas[0], 30, answered_cb, &ask, &ask.reservation),
          ==, AIP_LEDGER_PENDING);
      while (left > 0)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (ask.answer, ==, AIP_LEDGER_GRANTED);
      aip_reservation_refund (ask.reservation);
      /* Abandoned while it is pending: the callback is never called. */
      g_assert_cmpint (
          aip_ledger_reserve (fixture.ledgers[1], fixture.quotas[1], 30, answered_cb, NULL, &reservation), ==,
          AIP_LEDGER_PENDING);
      aip_reservation_free (reservation);
    }
  /* The last correction may be under way still. */
  while (ask_many (&fixture, 1, 100, AIP_TOKENS_UNKNOWN, NULL) == 0)
    continue;
  g_assert_cmpuint (ask_many (&fixture, 10, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 4);
  fixture_free (&fixture);
}

/* A minute's windows slide there as they do here: what is told is when there is room. */
static void
test_window (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  g_autofree char *keys = NULL;
  guint granted = 0;

  open_ledgers (&fixture,
                "timeout=20s\nprefix=test:", "[rate-limit]\nenabled=true\nrequests=7\nwindow=1s\n" CLIENT,
                NULL);
  wait_until_connected (&fixture);
  granted = ask_many (&fixture, 20, 0, AIP_TOKENS_UNKNOWN, NULL);
  g_assert_cmpuint (granted, >=, 7);
  while (granted < 30)
    granted += ask_many (&fixture, 2, 0, AIP_TOKENS_UNKNOWN, NULL);
  /* It goes by itself when nobody asks any more: as soon as that, where this machine rests. */
  do
    {
      g_free (keys);
      ask_many (&fixture, 1, 0, AIP_TOKENS_UNKNOWN, NULL);
      keys = redis_server_command (fixture.redis, "PTTL test:requests:16667:client:a");
    }
  while (g_str_has_prefix (keys, ":-2"));
  g_assert_true (g_str_has_prefix (keys, ":") && keys[1] != '-');
  fixture_free (&fixture);
}

/* Killed in the middle: nobody waits for ever, local limits hold, and it is found again. */
static void
test_killed (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  guint left = 50;
  Ask asks[50];
  guint granted = 0;

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 10, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 10);
  for (guint i = 0; i < 50; i++)
    {
      asks[i].left = &left;
      asks[i].answer = aip_ledger_reserve (fixture.ledgers[0], fixture.quotas[0], 0, answered_cb, &asks[i],
                                           &asks[i].reservation);
      g_assert_cmpint (asks[i].answer, ==, AIP_LEDGER_PENDING);
    }
  redis_server_kill (fixture.redis);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 50; i++)
    {
      granted += asks[i].answer == AIP_LEDGER_GRANTED;
      aip_reservation_free (asks[i].reservation);
    }
  /* Of the ten before, the first had granted five itself. */
  g_assert_cmpuint (granted, ==, 25);
  wait_for (&fixture, 0, "local limits hold");
  wait_for (&fixture, 1, "local limits hold");
  g_assert_nonnull (strstr (take_warning (), "redis is gone"));
  /* The other one still has its own 25. */
  g_assert_cmpuint (ask_many (&fixture, 60, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 25);

  redis_server_start (fixture.redis);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 60, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 30);
  fixture_free (&fixture);
}

static void
test_closed (void)
{
  g_autoptr (GError) error = NULL;
  Fixture fixture = { redis_server_new (NULL) };

  open_ledgers (&fixture, "timeout=20s\non-failure=closed", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 2, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 2);
  redis_server_kill (fixture.redis);
  wait_for (&fixture, 0, "requests with limits are refused");
  wait_for (&fixture, 1, "requests with limits are refused");
  g_assert_cmpuint (ask_many (&fixture, 2, 0, AIP_TOKENS_UNKNOWN, &error), ==, 0);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "`on-failure=local` in [redis]"));
  redis_server_start (fixture.redis);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 2, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 2);
  fixture_free (&fixture);
}

/* One that does not answer is let go of after `timeout`, and what it was asked is decided here. */
static void
test_slow (void)
{
  Fixture fixture = { redis_server_new (NULL) };

  open_ledgers (&fixture, "timeout=100ms", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  redis_server_freeze (fixture.redis);
  g_assert_cmpuint (ask_many (&fixture, 100, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 60);
  wait_for (&fixture, 0, "it did not answer within 100 ms");
  redis_server_thaw (fixture.redis);
  wait_until_connected (&fixture);
  fixture_free (&fixture);
}

static void
test_password (void)
{
  Fixture fixture = { redis_server_new ("a-password-of-redis") };
  const char *told;

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-requests=30\n", "not-that-one");
  wait_for (&fixture, 0, "it refuses AUTH");
  told = take_warning ();
  g_assert_nonnull (strstr (told, "it refuses AUTH"));
  g_assert_null (strstr (told, "not-that-one"));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (AipSecret) right = aip_secret_new ("a-password-of-redis", -1);

      aip_ledger_set_config (fixture.ledgers[i], fixture.config, right);
    }
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 40, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 30);
  fixture_free (&fixture);

  fixture.redis = redis_server_new ("a-password-of-redis");
  open_ledgers (&fixture, "", CLIENT "daily-requests=30\n", NULL);
  wait_for (&fixture, 0, "NOAUTH");
  fixture_free (&fixture);
}

/* It says "unknown command `AUTH`, with args beginning with: ..." then. */
static void
test_password_repeated (void)
{
  Fixture fixture = { redis_server_new_without_auth () };
  const char *told;

  open_ledgers (&fixture, "", CLIENT "daily-requests=30\n", "a-password-of-redis");
  wait_for (&fixture, 0, "it refuses AUTH");
  told = take_warning ();
  g_assert_nonnull (strstr (told, "it refuses AUTH"));
  g_assert_null (strstr (told, "a-password"));
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *text = aip_ledger_describe (fixture.ledgers[i], NULL);

      g_assert_null (strstr (text, "a-password"));
    }
  fixture_free (&fixture);
}

/* What holds the main thread up is no fault of Redis'. */
static void
test_busy (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  guint left = 1;
  Ask ask = { .left = &left };

  open_ledgers (&fixture, "timeout=500ms", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  take_warning ();
  ask.answer =
      aip_ledger_reserve (fixture.ledgers[0], fixture.quotas[0], 0, answered_cb, &ask, &ask.reservation);
  g_assert_cmpint (ask.answer, ==, AIP_LEDGER_PENDING);
  g_main_context_iteration (NULL, FALSE);
  g_usleep (1500 * 1000);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (ask.answer, ==, AIP_LEDGER_GRANTED);
  g_assert_cmpstr (take_warning (), ==, "");
  aip_reservation_free (ask.reservation);
  fixture_free (&fixture);
}

static void
test_script_flush (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  g_autofree char *said = NULL;

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 10, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 10);
  said = redis_server_command (fixture.redis, "SCRIPT FLUSH");
  g_assert_true (g_str_has_prefix (said, "+OK"));
  g_assert_cmpuint (ask_many (&fixture, 40, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 20);
  fixture_free (&fixture);
}

/* A key of ours that somebody made something else of: told, and decided here. */
static void
test_wrong_type (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  G_GNUC_UNUSED g_autofree char *said =
      redis_server_command (fixture.redis, "SET aiproxy:requests:86400000000:client:a x");

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-requests=30\n", NULL);
  wait_until_connected (&fixture);
  g_assert_cmpuint (ask_many (&fixture, 10, 0, AIP_TOKENS_UNKNOWN, NULL), ==, 10);
  g_assert_nonnull (strstr (take_warning (), "redis refuses to keep limits: "));
  fixture_free (&fixture);
}

/* --- from workers --- */

enum
{
  N_THREADS = 4,
  N_ASKS = 200,
};

typedef struct
{
  Fixture *fixture;
  guint index;
  int *granted;  /* atomic */
  int *finished; /* atomic */
} Worker;

static gpointer
worker_thread (gpointer data)
{
  Worker *worker = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < N_ASKS; i++)
    {
      guint left = 1;
      Ask ask = { .left = &left };

      ask.answer = aip_ledger_reserve (worker->fixture->ledgers[worker->index % 2],
                                       worker->fixture->quotas[worker->index % 2], 1, answered_cb, &ask,
                                       &ask.reservation);
      while (ask.answer == AIP_LEDGER_PENDING)
        g_main_context_iteration (context, TRUE);
      if (ask.answer == AIP_LEDGER_GRANTED)
        g_atomic_int_inc (worker->granted);
      aip_reservation_settle (ask.reservation, 1);
    }
  g_main_context_pop_thread_default (context);
  g_atomic_int_inc (worker->finished);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
test_workers (void)
{
  Fixture fixture = { redis_server_new (NULL) };
  Worker workers[N_THREADS];
  GThread *threads[N_THREADS];
  int granted = 0;
  int finished = 0;

  open_ledgers (&fixture, "timeout=20s", CLIENT "daily-requests=300\n", NULL);
  wait_until_connected (&fixture);
  for (guint i = 0; i < N_THREADS; i++)
    {
      workers[i] = (Worker){ &fixture, i, &granted, &finished };
      threads[i] = g_thread_new ("worker", worker_thread, &workers[i]);
    }
  while (g_atomic_int_get (&finished) < N_THREADS)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (granted, ==, 300);
  fixture_free (&fixture);
}

int
main (int argc, char **argv)
{
  g_autofree char *program = g_find_program_in_path ("redis-server");

  g_test_init (&argc, &argv, NULL);
  catch_warnings ();
  if (program == NULL)
    {
      g_print ("1..0 # SKIP redis-server is missing: data/dev/install-deps --test\n");
      return 0;
    }
  g_test_add_func ("/ledger-redis/shared", test_shared);
  g_test_add_func ("/ledger-redis/settle", test_settle);
  g_test_add_func ("/ledger-redis/window", test_window);
  g_test_add_func ("/ledger-redis/killed", test_killed);
  g_test_add_func ("/ledger-redis/closed", test_closed);
  g_test_add_func ("/ledger-redis/slow", test_slow);
  g_test_add_func ("/ledger-redis/password", test_password);
  g_test_add_func ("/ledger-redis/password-repeated", test_password_repeated);
  g_test_add_func ("/ledger-redis/busy", test_busy);
  g_test_add_func ("/ledger-redis/script-flush", test_script_flush);
  g_test_add_func ("/ledger-redis/wrong-type", test_wrong_type);
  g_test_add_func ("/ledger-redis/workers", test_workers);
  return g_test_run ();
}
