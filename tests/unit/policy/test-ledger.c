/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-ledger.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "policy-config.h"
#include "policy-warnings.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define DAY (86400 * G_GINT64_CONSTANT (1000000))
#define NOON (20000 * DAY + DAY / 2)

static void
set_clock (gint64 after)
{
  aip_clock_set_fake (1000 * SECOND + after, NOON + after);
}

static AipQuota *
get_quota (AipLedger *ledger, const AipConfig *config, const char *name)
{
  const AipClientConfig *client = aip_config_find_client (config, name);

  return aip_ledger_get_client_quota (ledger, config, name, client, client != NULL ? client->tenant : NULL);
}

/* Returns what is held, or NULL where it was refused, with the error's message. */
static AipReservation *
ask (AipLedger *ledger, AipQuota *quota, guint64 tokens, char **message)
{
  AipReservation *reservation;
  g_autoptr (GError) error = NULL;

  g_clear_pointer (message, g_free);
  if (aip_ledger_reserve (ledger, quota, tokens, NULL, NULL, &reservation) == AIP_LEDGER_GRANTED)
    return reservation;
  aip_reservation_set_error (reservation, &error);
  g_assert_error (error, AIP_ERROR, AIP_ERROR_RATE_LIMITED);
  *message = g_strdup_printf ("%u %s", aip_reservation_get_retry_after (reservation), error->message);
  aip_reservation_free (reservation);
  return NULL;
}

static void
assert_granted (AipLedger *ledger, AipQuota *quota, guint64 tokens)
{
  g_autofree char *message = NULL;
  AipReservation *reservation = ask (ledger, quota, tokens, &message);

  g_assert_cmpstr (message, ==, NULL);
  aip_reservation_settle (reservation, AIP_TOKENS_UNKNOWN);
}

static void
assert_refused (AipLedger *ledger, AipQuota *quota, guint64 tokens, const char *expected)
{
  g_autofree char *message = NULL;

  g_assert_null (ask (ledger, quota, tokens, &message));
  g_assert_cmpstr (message, ==, expected);
}

static void
test_no_limit (void)
{
  g_autoptr (AipConfig) config = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  AipReservation *reservation;
  AipRate rate;

  g_assert_null (get_quota (ledger, config, "a"));
  g_assert_cmpint (aip_ledger_reserve (ledger, NULL, 5, NULL, NULL, &reservation), ==, AIP_LEDGER_GRANTED);
  g_assert_null (reservation);
  g_assert_false (aip_reservation_get_rate (NULL, AIP_RATE_REQUESTS, &rate));
  aip_reservation_settle (NULL, 7);
  aip_reservation_refund (NULL);
  aip_reservation_free (NULL);
  g_assert_cmpfloat (aip_quota_get_headroom (NULL), ==, 1);
  g_assert_cmpint (aip_quota_get_wait (NULL, 1), ==, 0);
  aip_ledger_close (ledger);
}

static void
test_fit (void)
{
  g_autoptr (AipConfig) config =
      parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\nrpm=3\ntpm=1000\ndaily-tokens=5000\n"
                    "[client b]\ntoken-sha256=" DIGEST_B "\nrpm=3\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) limited = get_quota (ledger, config, "a");
  g_autoptr (AipQuota) free = get_quota (ledger, config, "b");
  g_autofree char *message = NULL;
  AipReservation *reservation;

  g_assert_cmpuint (aip_quota_fit (limited, 10, 500), ==, 500);
  g_assert_cmpuint (aip_quota_fit (limited, 10, 4000), ==, 1000);
  g_assert_cmpuint (aip_quota_fit (limited, 1200, 4000), ==, 1200);
  g_assert_cmpuint (aip_quota_fit (free, 10, 4000), ==, 4000);

  /* While it runs it may take all that is reserved; when it is over, the rest is there for the next one. */
  reservation = ask (ledger, limited, 1000, &message);
  g_assert_cmpuint (aip_quota_fit (limited, 10, 4000), ==, 1000);
  g_assert_cmpint (aip_quota_get_wait (limited, 1000), >, 0);
  aip_reservation_settle (reservation, 300);
  g_assert_cmpuint (aip_quota_fit (limited, 10, 4000), ==, 700);
  aip_reservation_free (ask (ledger, limited, 700, &message));
  g_assert_cmpuint (aip_quota_fit (limited, 10, 4000), ==, 10);
  aip_ledger_close (ledger);
}

/* Each kind of limit, and what its refusal says. */
static void
test_refusals (void)
{
  static const struct
  {
    const char *config;
    guint64 tokens;
    guint granted;
    const char *message;
  } cases[] = {
    { "[client a]\ntoken-sha256=" DIGEST_A "\nrpm=3\n", 0, 3,
      "60 client `a` has used up its 3 requests in a minute: wait 60 s, or raise `rpm` in [client a] of "
      "aiproxy.conf" },
    { "[client a]\ntoken-sha256=" DIGEST_A "\ntpm=1000\n", 300, 3,
      "60 client `a` has used up its 1000 tokens in a minute: wait 60 s, or raise `tpm` in [client a] of "
      "aiproxy.conf" },
    { "[client a]\ntoken-sha256=" DIGEST_A "\ntpm=1000\n", 1001, 0,
      "0 the request may take 1001 tokens, and client `a` has 1000 tokens in a minute: ask for less, or "
      "raise "
      "`tpm` in [client a] of aiproxy.conf" },
    { "[client a]\ntoken-sha256=" DIGEST_A "\ndaily-requests=2\n", 0, 2,
      "43200 client `a` has used up its 2 requests in a day (UTC): wait 43200 s, or raise `daily-requests` "
      "in "
      "[client a] of aiproxy.conf" },
    { "[client a]\ntoken-sha256=" DIGEST_A "\ndaily-tokens=5\n", 2, 2,
      "43200 client `a` has used up its 5 tokens in a day (UTC): wait 43200 s, or raise `daily-tokens` in "
      "[client a] of aiproxy.conf" },
    { "[rate-limit]\nenabled=true\nrequests=2\nwindow=10s\n[client a]\ntoken-sha256=" DIGEST_A "\n", 0, 2,
      "11 client `a` has used up its 2 requests in 10 seconds: wait 11 s, or raise `requests` in "
      "[rate-limit], "
      "or set `rpm` for this client, of aiproxy.conf" },
    { "[rate-limit]\nenabled=true\nrequests=2\nwindow=10s\n[client a]\nrpm=4\ntoken-sha256=" DIGEST_A "\n", 0,
      4,
      "60 client `a` has used up its 4 requests in a minute: wait 60 s, or raise `rpm` in [client a] of "
      "aiproxy.conf" },
    { "[client a]\ntoken-sha256=" DIGEST_A "\ntenant=t\n[tenant t]\ndaily-requests=1\n", 0, 1,
      "43200 tenant `t` has used up its 1 requests in a day (UTC): wait 43200 s, or raise `daily-requests` "
      "in "
      "[tenant t] of aiproxy.conf" },
    /* Of two limits without room, the one that takes longer. */
    { "[client a]\ntoken-sha256=" DIGEST_A "\ntenant=t\nrpm=1\n[tenant t]\ndaily-tokens=3\n", 2, 1,
      "43200 tenant `t` has used up its 3 tokens in a day (UTC): wait 43200 s, or raise `daily-tokens` in "
      "[tenant t] of aiproxy.conf" },
  };

  set_clock (0);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (AipConfig) config = parse_config (cases[i].config);
      g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
      g_autoptr (AipQuota) quota = get_quota (ledger, config, "a");

      g_test_message ("case %" G_GSIZE_FORMAT, i);
      for (guint n = 0; n < cases[i].granted; n++)
        assert_granted (ledger, quota, cases[i].tokens);
      assert_refused (ledger, quota, cases[i].tokens, cases[i].message);
      aip_ledger_close (ledger);
    }
}

/* A client without a group of its own is held to [rate-limit], and is told so. */
static void
test_unknown_client (void)
{
  g_autoptr (AipConfig) config = parse_config ("[rate-limit]\nenabled=true\nrequests=1\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) quota = get_quota (ledger, config, "anonymous");

  set_clock (0);
  assert_granted (ledger, quota, 0);
  assert_refused (
      ledger, quota, 0,
      "60 client `anonymous` has used up its 1 requests in a minute: wait 60 s, or raise `requests` "
      "in [rate-limit] of aiproxy.conf");
  aip_ledger_close (ledger);
}

static void
test_settle (void)
{
  g_autoptr (AipConfig) config = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\nrpm=10\ntpm=100\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) quota = get_quota (ledger, config, "a");
  g_autofree char *message = NULL;
  AipReservation *reservation;
  AipRate rate;

  set_clock (0);
  reservation = ask (ledger, quota, 80, &message);
  g_assert_true (aip_reservation_get_rate (reservation, AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.limit, ==, 100);
  g_assert_cmpuint (rate.remaining, ==, 20);
  g_assert_cmpint (rate.reset, ==, 60 * SECOND);
  g_assert_cmpint (aip_quota_get_wait (quota, 30), ==, 60 * SECOND);
  aip_reservation_settle (reservation, 30);
  g_assert_cmpfloat_with_epsilon (aip_quota_get_headroom (quota), 0.7, 1e-9);

  /* What took more than it was thought to is charged, over the limit too. */
  reservation = ask (ledger, quota, 70, &message);
  aip_reservation_settle (reservation, 170);
  g_assert_true (aip_quota_get_rate (quota, AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.remaining, ==, 0);
  g_assert_cmpfloat (aip_quota_get_headroom (quota), ==, 0);
  set_clock (60 * SECOND);
  g_assert_cmpfloat (aip_quota_get_headroom (quota), ==, 1);

  /* Nothing was sent: the request goes back too. */
  reservation = ask (ledger, quota, 70, &message);
  aip_reservation_refund (reservation);
  g_assert_true (aip_quota_get_rate (quota, AIP_RATE_REQUESTS, &rate));
  g_assert_cmpuint (rate.remaining, ==, 10);
  g_assert_cmpint (rate.reset, ==, 0);

  /* Let go of without a word, it stays as it was asked for. */
  aip_reservation_free (ask (ledger, quota, 70, &message));
  g_assert_true (aip_quota_get_rate (quota, AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.remaining, ==, 30);
  aip_ledger_close (ledger);
}

/* One that is refused by its tenant is not charged to itself, and tenants are shared. */
static void
test_all_or_nothing (void)
{
  g_autoptr (AipConfig) config =
      parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\ntenant=t\nrpm=5\n"
                    "[client b]\ntoken-sha256=" DIGEST_B "\ntenant=t\n[tenant t]\ndaily-requests=2\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) a = get_quota (ledger, config, "a");
  g_autoptr (AipQuota) b = get_quota (ledger, config, "b");
  g_autofree char *message = NULL;

  set_clock (0);
  assert_granted (ledger, a, 0);
  assert_granted (ledger, b, 0);
  for (guint i = 0; i < 10; i++)
    g_assert_null (ask (ledger, a, 0, &message));
  g_assert_nonnull (strstr (message, "tenant `t`"));
  /* The next day there is room again, and of a's five only one is gone: had the ten been charged, none were.
   */
  set_clock (DAY / 2);
  assert_granted (ledger, a, 0);
  aip_ledger_close (ledger);
}

static void
test_days (void)
{
  g_autoptr (AipConfig) config = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\ndaily-requests=3\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) quota = get_quota (ledger, config, "a");
  g_autofree char *message = NULL;

  for (guint day = 0; day < 5; day++)
    for (guint hour = 0; hour < 8; hour++)
      {
        AipReservation *reservation;

        set_clock (day * DAY + hour * 3600 * SECOND);
        reservation = ask (ledger, quota, 0, &message);
        g_assert_true ((reservation != NULL) == (hour < 3));
        aip_reservation_settle (reservation, 0);
      }
  aip_ledger_close (ledger);
}

/* The counts belong to the name: they stay when limits change, go and come back. */
static void
test_reload (void)
{
  g_autoptr (AipConfig) config = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\nrpm=2\n");
  g_autoptr (AipConfig) raised = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\nrpm=3\n");
  g_autoptr (AipConfig) unlimited = parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\n");
  g_autoptr (AipConfig) shorter = parse_config (
      "[rate-limit]\nenabled=true\nrequests=3\nwindow=10s\n[client a]\ntoken-sha256=" DIGEST_A "\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  AipQuota *quota = get_quota (ledger, config, "a");
  g_autofree char *message = NULL;

  set_clock (0);
  assert_granted (ledger, quota, 0);
  assert_granted (ledger, quota, 0);
  g_assert_null (ask (ledger, quota, 0, &message));
  aip_quota_unref (quota);

  g_assert_null (get_quota (ledger, unlimited, "a"));
  quota = get_quota (ledger, raised, "a");
  assert_granted (ledger, quota, 0);
  g_assert_null (ask (ledger, quota, 0, &message));
  aip_quota_unref (quota);

  /* Another length of the window: what is used counts in it, as if it were of now. */
  quota = get_quota (ledger, shorter, "a");
  g_assert_null (ask (ledger, quota, 0, &message));
  set_clock (11 * SECOND);
  assert_granted (ledger, quota, 0);
  aip_quota_unref (quota);
  aip_ledger_close (ledger);
}

static void
test_key (void)
{
  g_autoptr (AipConfig) config = parse_config ("[provider p]\nbase-url=https://p.example/v1\n"
                                               "[key k]\nprovider=p\nrpm=1\n[key free]\nprovider=p\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) quota = aip_ledger_get_key_quota (ledger, g_ptr_array_index (config->keys, 0));

  set_clock (0);
  g_assert_null (aip_ledger_get_key_quota (ledger, g_ptr_array_index (config->keys, 1)));
  assert_granted (ledger, quota, 0);
  assert_refused (
      ledger, quota, 0,
      "60 key `k` has used up its 1 requests in a minute: wait 60 s, or raise `rpm` in [key k] of "
      "aiproxy.conf");
  aip_ledger_close (ledger);
}

/* --- over a restart --- */

#define LIMITED "[client a]\ntoken-sha256=" DIGEST_A "\nrpm=5\ntpm=1000\ndaily-requests=8\n"

static void
assert_used_after (const char *state_dir, gint64 after, guint64 requests_left, guint64 tokens_left)
{
  g_autoptr (AipConfig) config = parse_config (LIMITED);
  g_autoptr (AipLedger) ledger = NULL;
  g_autoptr (AipQuota) quota = NULL;
  AipRate rate;

  /* Another boot: the clock that does not jump begins anew. */
  aip_clock_set_fake (7 * SECOND, NOON + after);
  ledger = aip_ledger_new (state_dir);
  quota = get_quota (ledger, config, "a");
  g_assert_true (aip_quota_get_rate (quota, AIP_RATE_REQUESTS, &rate));
  g_assert_cmpuint (rate.remaining, ==, requests_left);
  g_assert_true (aip_quota_get_rate (quota, AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.remaining, ==, tokens_left);
  aip_ledger_close (ledger);
}

static void
test_restart (void)
{
  g_autofree char *state_dir = g_dir_make_tmp ("ledger-XXXXXX", NULL);
  g_autofree char *inner = g_build_filename (state_dir, "state", NULL);
  g_autofree char *path = g_build_filename (inner, "limits", NULL);
  g_autoptr (AipConfig) config = parse_config (LIMITED);
  AipLedger *ledger = aip_ledger_new (inner);
  AipQuota *quota = get_quota (ledger, config, "a");
  GStatBuf status;

  set_clock (0);
  assert_granted (ledger, quota, 100);
  set_clock (20 * SECOND);
  assert_granted (ledger, quota, 100);
  aip_quota_unref (quota);
  aip_ledger_close (ledger);
  aip_ledger_unref (ledger);
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);

  assert_used_after (inner, 20 * SECOND, 3, 800);
  assert_used_after (inner, 59 * SECOND, 3, 800);
  assert_used_after (inner, 62 * SECOND, 4, 900);
  /* Only the day's is left; of the minute's limits none. */
  assert_used_after (inner, 100 * SECOND, 5, 1000);
  /* The clock was set back: no time has gone by. */
  assert_used_after (inner, -1000 * SECOND, 3, 800);
  assert_used_after (inner, DAY, 5, 1000);

  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (inner), ==, 0);
  g_assert_cmpint (g_rmdir (state_dir), ==, 0);
}

/* What changed is written before long, without anybody asking for it: this is what kill -9 leaves. */
static void
test_written_in_time (void)
{
  g_autofree char *state_dir = g_dir_make_tmp ("ledger-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (state_dir, "limits", NULL);
  g_autoptr (AipConfig) config = parse_config (LIMITED);
  g_autoptr (AipLedger) ledger = aip_ledger_new (state_dir);
  g_autoptr (AipQuota) quota = get_quota (ledger, config, "a");

  aip_clock_set_fake (1000 * SECOND, NOON);
  assert_granted (ledger, quota, 100);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_main_context_iteration (NULL, TRUE);
  assert_used_after (state_dir, 0, 4, 900);
  aip_ledger_close (ledger);
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (state_dir), ==, 0);
}

static void
test_damaged_file (void)
{
  static const char *const contents[] = { "", "AIPL", "AIPL\2xxxxxxxxxxxxxxxxxxx", "nonsense" };
  g_autofree char *state_dir = g_dir_make_tmp ("ledger-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (state_dir, "limits", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_assert_true (g_file_set_contents (path, contents[i], -1, NULL));
      assert_used_after (state_dir, 0, 5, 1000);
      g_assert_nonnull (strstr (take_warning (), "limits is damaged"));
    }
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  assert_used_after (state_dir, 0, 5, 1000);
  g_assert_nonnull (strstr (take_warning (), "cannot be read"));
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_assert_cmpint (g_rmdir (state_dir), ==, 0);
}

/* --- many threads --- */

enum
{
  N_THREADS = 8,
  N_ASKS = 2000,
  LIMIT = 5000,
};

typedef struct
{
  AipLedger *ledger;
  AipQuota *quotas[2];
  int granted; /* atomic */
} Crowd;

static gpointer
crowd_thread (gpointer data)
{
  Crowd *crowd = data;

  for (guint i = 0; i < N_ASKS; i++)
    {
      AipReservation *reservation;

      if (aip_ledger_reserve (crowd->ledger, crowd->quotas[i % 2], 1, NULL, NULL, &reservation) !=
          AIP_LEDGER_GRANTED)
        {
          aip_reservation_free (reservation);
          continue;
        }
      /* Every tenth is taken back, which makes room for another. */
      if (i % 10 == 0)
        aip_reservation_refund (reservation);
      else
        {
          g_atomic_int_inc (&crowd->granted);
          aip_reservation_settle (reservation, 1);
        }
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipConfig) config =
      parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\ntenant=t\nrpm=1000000\n"
                    "[client b]\ntoken-sha256=" DIGEST_B "\ntenant=t\ntpm=1000000\n"
                    "[tenant t]\ndaily-requests=5000\ndaily-tokens=5000\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  Crowd crowd = { ledger, { get_quota (ledger, config, "a"), get_quota (ledger, config, "b") }, 0 };
  GThread *threads[N_THREADS];
  AipReservation *reservation;
  AipRate rate;

  set_clock (0);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("crowd", crowd_thread, &crowd);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  /* What was taken back at the end may be free still; all of the rest was granted, and no more. */
  g_assert_cmpint (crowd.granted, <=, LIMIT);
  g_assert_true (aip_quota_get_rate (crowd.quotas[0], AIP_RATE_TOKENS, &rate));
  g_assert_cmpuint (rate.remaining, ==, (guint64) (LIMIT - crowd.granted));
  while (aip_ledger_reserve (ledger, crowd.quotas[1], 1, NULL, NULL, &reservation) == AIP_LEDGER_GRANTED)
    {
      crowd.granted++;
      aip_reservation_settle (reservation, 1);
    }
  aip_reservation_free (reservation);
  g_assert_cmpint (crowd.granted, ==, LIMIT);
  aip_quota_unref (crowd.quotas[0]);
  aip_quota_unref (crowd.quotas[1]);
  aip_ledger_close (ledger);
}

static void
test_format_reset (void)
{
  static const struct
  {
    gint64 reset;
    const char *text;
  } cases[] = {
    { -5, "0s" },
    { 0, "0s" },
    { 1, "1ms" },
    { 12 * 1000, "12ms" },
    { 999001, "1s" },
    { SECOND, "1s" },
    { 8640 * 1000, "8.64s" },
    { 59999 * 1000, "59.999s" },
    { 60 * SECOND, "1m0s" },
    { 360 * SECOND, "6m0s" },
    { 3600 * SECOND + SECOND / 2, "1h0m0.5s" },
    { 86399 * SECOND, "23h59m59s" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = aip_rate_format_reset (cases[i].reset);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static const AipLimitUse *
find_use (const AipLimitUse *uses, guint n, const char *party, const char *limit)
{
  for (guint i = 0; i < n; i++)
    if (g_str_equal (uses[i].party, party) && g_str_equal (uses[i].limit, limit))
      return &uses[i];
  g_assert_not_reached ();
}

/* How far each limit is used, of the client and of its tenant, and of the tenant on its own. */
static void
test_uses (void)
{
  g_autoptr (AipConfig) config =
      parse_config ("[client a]\ntoken-sha256=" DIGEST_A "\ntenant=t\nrpm=3\ntpm=100\ndaily-requests=4\n"
                    "daily-tokens=200\n[tenant t]\ndaily-requests=5\ndaily-tokens=90\n");
  g_autoptr (AipLedger) ledger = aip_ledger_new (NULL);
  g_autoptr (AipQuota) quota =
      aip_ledger_get_client_quota (ledger, config, "a", aip_config_find_client (config, "a"), "t");
  g_autoptr (AipQuota) tenant = aip_ledger_get_tenant_quota (ledger, aip_config_find_tenant (config, "t"));
  AipLimitUse uses[AIP_MAX_LIMIT_USES];
  const AipLimitUse *use;
  g_autofree char *message = NULL;
  AipReservation *reservation;

  g_assert_cmpuint (aip_quota_get_uses (NULL, uses), ==, 0);
  set_clock (0);
  reservation = ask (ledger, quota, 80, &message);
  g_assert_cmpuint (aip_quota_get_uses (quota, uses), ==, 6);
  g_assert_cmpuint (find_use (uses, 6, "client", "tokens")->used, ==, 80);
  aip_reservation_settle (reservation, 120);

  g_assert_cmpuint (aip_quota_get_uses (quota, uses), ==, 6);
  use = find_use (uses, 6, "client", "tokens");
  g_assert_cmpstr (use->name, ==, "a");
  g_assert_cmpuint (use->size, ==, 100);
  g_assert_cmpuint (use->used, ==, 120);
  g_assert_cmpint (use->window, ==, 60 * SECOND);
  g_assert_cmpint (use->reset, ==, 60 * SECOND);
  g_assert_cmpuint (find_use (uses, 6, "client", "requests")->used, ==, 1);
  g_assert_cmpuint (find_use (uses, 6, "client", "daily-requests")->used, ==, 1);
  g_assert_cmpuint (find_use (uses, 6, "client", "daily-tokens")->used, ==, 120);
  g_assert_cmpuint (aip_quota_get_uses (tenant, uses), ==, 2);
  use = find_use (uses, 2, "tenant", "daily-tokens");
  g_assert_cmpstr (use->name, ==, "t");
  g_assert_cmpuint (use->size, ==, 90);
  g_assert_cmpuint (use->used, ==, 120);
  g_assert_cmpint (use->window, ==, 24 * 3600 * SECOND);

  set_clock (60 * SECOND);
  g_assert_cmpuint (aip_quota_get_uses (quota, uses), ==, 6);
  g_assert_cmpuint (find_use (uses, 6, "client", "tokens")->used, ==, 0);
  g_assert_cmpuint (find_use (uses, 6, "tenant", "daily-requests")->used, ==, 1);
  aip_ledger_close (ledger);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  catch_warnings ();
  g_test_add_func ("/ledger/no-limit", test_no_limit);
  g_test_add_func ("/ledger/fit", test_fit);
  g_test_add_func ("/ledger/refusals", test_refusals);
  g_test_add_func ("/ledger/unknown-client", test_unknown_client);
  g_test_add_func ("/ledger/settle", test_settle);
  g_test_add_func ("/ledger/all-or-nothing", test_all_or_nothing);
  g_test_add_func ("/ledger/days", test_days);
  g_test_add_func ("/ledger/reload", test_reload);
  g_test_add_func ("/ledger/key", test_key);
  g_test_add_func ("/ledger/restart", test_restart);
  g_test_add_func ("/ledger/written-in-time", test_written_in_time);
  g_test_add_func ("/ledger/damaged-file", test_damaged_file);
  g_test_add_func ("/ledger/threads", test_threads);
  g_test_add_func ("/ledger/format-reset", test_format_reset);
  g_test_add_func ("/ledger/uses", test_uses);
  return g_test_run ();
}
