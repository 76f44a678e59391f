/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-live-keys.h"

#include <string.h>

#include "config/aip-config-loader.h"

#define SECOND G_TIME_SPAN_SECOND
#define START (600 * SECOND)
#define WALL G_GINT64_CONSTANT (1767225600000000)

static const AipBreakerPolicy policy = {
  .enabled = TRUE,
  .threshold = 3,
  .window_us = 30 * SECOND,
  .cooldown_us = 15 * SECOND,
  .max_cooldown_us = 60 * SECOND,
};

static AipLiveOutcome
make_outcome (AipFaultClass fault_class)
{
  return (AipLiveOutcome){
    .verdict = { .fault_class = fault_class, .reason = "timeout", .status = 504, .retry_after_us = -1 }
  };
}

static void
attempt (AipLiveKey *key, AipFaultClass fault_class, gint64 now_us)
{
  AipLiveOutcome outcome = make_outcome (fault_class);
  AipLiveAttempt attempt;

  g_assert_true (aip_live_key_begin (key, now_us, &attempt));
  aip_live_key_end (key, &attempt, &outcome, now_us, G_MAXUINT64 / 2);
}

/* A key with another secret is another key; what is under way with the old one does not count for it. */
static void
test_secret (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  g_autoptr (AipSecret) first = aip_secret_new ("sk-first", -1);
  g_autoptr (AipSecret) again = aip_secret_new ("sk-first", -1);
  g_autoptr (AipSecret) longer = aip_secret_new ("sk-first-2", -1);
  g_autoptr (AipSecret) second = aip_secret_new ("sk-other", -1);
  AipLiveOutcome outcome = make_outcome (AIP_FAULT_CLASS_AUTH);
  AipLiveAttempt late;

  /* After a restart, nobody knows whose fault it was. */
  attempt (key, AIP_FAULT_CLASS_AUTH, START);
  aip_live_key_set_secret (key, first);
  g_assert_cmpint (aip_live_key_get_state (key, START), ==, AIP_BREAKER_OPEN);
  aip_live_key_set_secret (key, first);
  aip_live_key_set_secret (key, again);
  g_assert_cmpint (aip_live_key_get_state (key, START), ==, AIP_BREAKER_OPEN);
  aip_live_key_set_secret (key, second);
  g_assert_cmpint (aip_live_key_get_state (key, START), ==, AIP_BREAKER_CLOSED);

  g_assert_true (aip_live_key_begin (key, START, &late));
  attempt (key, AIP_FAULT_CLASS_AUTH, START);
  aip_live_key_set_secret (key, longer);
  aip_live_key_end (key, &late, &outcome, START, 0);
  g_assert_cmpint (aip_live_key_get_state (key, START), ==, AIP_BREAKER_CLOSED);
}

static void
test_figures (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveOutcome outcome = { .tokens = 300, .output_tokens = 200, .streamed = TRUE };
  AipLiveKeyFigures figures;
  AipLiveAttempt one, two;

  aip_live_key_get_figures (key, START, &figures);
  g_assert_cmpfloat (figures.success, ==, 1);
  g_assert_cmpfloat (figures.headroom, ==, 1);
  g_assert_cmpfloat (figures.first_byte_us, ==, 0);

  g_assert_true (aip_live_key_begin (key, START, &one));
  g_assert_true (aip_live_key_begin (key, START, &two));
  aip_live_key_get_figures (key, START, &figures);
  g_assert_cmpuint (figures.in_flight, ==, 2);
  aip_live_key_answered (key, &one, TRUE, START + SECOND / 2);
  aip_live_key_answered (key, &one, TRUE, START + 9 * SECOND);
  aip_live_key_end (key, &one, &outcome, START + SECOND / 2 + 4 * SECOND, 0);
  outcome = make_outcome (AIP_FAULT_CLASS_TRANSIENT);
  aip_live_key_end (key, &two, &outcome, START + 5 * SECOND, 0);
  aip_live_key_get_figures (key, START + 5 * SECOND, &figures);
  g_assert_cmpuint (figures.in_flight, ==, 0);
  g_assert_cmpfloat_with_epsilon (figures.first_byte_us, 500000, 1);
  g_assert_cmpfloat_with_epsilon (figures.tokens_per_s, 50, 0.01);
  g_assert_cmpfloat_with_epsilon (figures.success, 0.9, 0.001);
  g_assert_cmpfloat_with_epsilon (figures.recent_tokens, 300, 0.01);
  /* Half of the next minute later, half of the last one still counts. */
  aip_live_key_get_figures (key, START + 90 * SECOND, &figures);
  g_assert_cmpfloat_with_epsilon (figures.recent_tokens, 150, 0.01);
  aip_live_key_get_figures (key, START + 120 * SECOND, &figures);
  g_assert_cmpfloat (figures.recent_tokens, ==, 0);
}

static void
test_well_again (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveKeyFigures figures;

  attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  for (guint i = 0; i < 40; i++)
    attempt (key, AIP_FAULT_CLASS_NONE, START);
  aip_live_key_get_figures (key, START, &figures);
  g_assert_cmpfloat (figures.success, ==, 1);
}

static void
test_totals (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveKeyTotals totals;

  attempt (key, AIP_FAULT_CLASS_NONE, START);
  attempt (key, AIP_FAULT_CLASS_CLIENT, START + 1);
  attempt (key, AIP_FAULT_CLASS_TRANSIENT, START + 2);
  attempt (key, AIP_FAULT_CLASS_CANCELLED, START + 3);
  aip_live_key_get_totals (key, &totals);
  g_assert_cmpuint (totals.attempts, ==, 4);
  g_assert_cmpuint (totals.succeeded, ==, 1);
  g_assert_cmpuint (totals.faults[AIP_FAULT_CLASS_CLIENT], ==, 1);
  g_assert_cmpuint (totals.faults[AIP_FAULT_CLASS_TRANSIENT], ==, 1);
  g_assert_cmpuint (totals.faults[AIP_FAULT_CLASS_CANCELLED], ==, 1);
  g_assert_cmpint (totals.last_used_us, ==, START + 3);
  g_assert_cmpint (totals.last_success_us, ==, START);
  g_assert_cmpint (totals.last_fault_us, ==, START + 2);
}

static void
test_headroom (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipRateLimits limits;
  AipLiveKeyFigures figures;
  g_autofree char *reason = NULL;

  aip_rate_limits_init (&limits);
  limits.requests = (AipRateLimit){ 100, 10, 20 * SECOND };
  aip_live_key_set_headroom (key, &limits, START);
  aip_live_key_get_figures (key, START, &figures);
  g_assert_cmpfloat_with_epsilon (figures.headroom, 0.2, 0.0001);
  /* Each attempt uses one, until an answer tells better. */
  for (guint i = 0; i < 10; i++)
    attempt (key, AIP_FAULT_CLASS_NONE, START);
  aip_live_key_get_figures (key, START, &figures);
  g_assert_true (figures.spent);
  g_assert_cmpint (figures.spent_until_us, ==, START + 20 * SECOND);
  g_assert_cmpfloat (figures.headroom, ==, 0);
  reason = aip_live_key_dup_reason (key, START + SECOND);
  g_assert_cmpstr (reason, ==, "the provider's limit is used up for 19 s more");
  /* It is last, not out: a wrong header must not be the end. */
  attempt (key, AIP_FAULT_CLASS_NONE, START);
  aip_live_key_get_figures (key, START + 20 * SECOND, &figures);
  g_assert_false (figures.spent);
  g_assert_cmpfloat (figures.headroom, ==, 1);
}

static void
test_reasons (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  g_autofree char *open = NULL;
  g_autofree char *half_open = NULL;
  g_autofree char *refused = NULL;

  g_assert_null (aip_live_key_dup_reason (key, START));
  for (guint i = 0; i < 3; i++)
    attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  open = aip_live_key_dup_reason (key, START + 3 * SECOND);
  g_assert_cmpstr (open, ==, "breaker open for 12 s more: 3 faults in a row, the last: timeout (HTTP 504)");
  half_open = aip_live_key_dup_reason (key, START + 16 * SECOND);
  g_assert_cmpstr (
      half_open, ==,
      "breaker half-open, one attempt at a time: 3 faults in a row, the last: timeout (HTTP 504)");
  aip_live_key_reset (key);
  g_assert_null (aip_live_key_dup_reason (key, START));
  attempt (key, AIP_FAULT_CLASS_AUTH, START);
  refused = aip_live_key_dup_reason (key, START);
  g_assert_cmpstr (refused, ==, "breaker open for 1800 s more: timeout (HTTP 504)");
}

/* The probe of a long stream lets the next one through as soon as there is content, but how it ends decides:
 * one that breaks off is no better than one that never began. */
static void
test_answered_probe (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveOutcome outcome = make_outcome (AIP_FAULT_CLASS_TRANSIENT);
  gint64 due = START + 16 * SECOND;
  AipLiveAttempt probe, next, other;
  AipBreakerView view;

  for (guint i = 0; i < 3; i++)
    attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  g_assert_true (aip_live_key_begin (key, due, &probe));
  g_assert_false (aip_live_key_begin (key, due, &other));
  aip_live_key_answered (key, &probe, TRUE, due + SECOND);
  g_assert_cmpint (aip_live_key_get_state (key, due + SECOND), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_true (aip_live_key_begin (key, due + SECOND, &next));
  g_assert_false (aip_live_key_begin (key, due + SECOND, &other));
  aip_live_key_end (key, &probe, &outcome, due + 2 * SECOND, G_MAXUINT64 / 2);
  aip_breaker_get_view (aip_live_key_get_breaker (key), due + 2 * SECOND, &view);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_OPEN);
  g_assert_cmpuint (view.streak, ==, 1);
  g_assert_false (view.probing);
  g_assert_cmpint (view.until_us, >=, due + 2 * SECOND + 30 * SECOND - 1);
  /* That it was open meanwhile is nothing that the next one could tell of. */
  outcome = make_outcome (AIP_FAULT_CLASS_NONE);
  aip_live_key_end (key, &next, &outcome, due + 3 * SECOND, 0);
  g_assert_cmpint (aip_live_key_get_state (key, due + 3 * SECOND), ==, AIP_BREAKER_OPEN);
}

/* Of two that find out, the one that is served first closes it, and does not take the other's place away. */
static void
test_first_probe_to_end (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveOutcome served = make_outcome (AIP_FAULT_CLASS_NONE);
  AipLiveOutcome left = make_outcome (AIP_FAULT_CLASS_CANCELLED);
  gint64 due = START + 16 * SECOND;
  AipLiveAttempt probe, next, other;

  for (guint i = 0; i < 3; i++)
    attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  g_assert_true (aip_live_key_begin (key, due, &probe));
  aip_live_key_answered (key, &probe, TRUE, due);
  g_assert_true (aip_live_key_begin (key, due, &next));
  /* Its client has had enough of it, which says nothing of the key. */
  aip_live_key_end (key, &probe, &left, due + SECOND, 0);
  g_assert_cmpint (aip_live_key_get_state (key, due + SECOND), ==, AIP_BREAKER_HALF_OPEN);
  g_assert_false (aip_live_key_begin (key, due + SECOND, &other));
  aip_live_key_end (key, &next, &served, due + 2 * SECOND, 0);
  g_assert_cmpint (aip_live_key_get_state (key, due + 2 * SECOND), ==, AIP_BREAKER_CLOSED);
}

/* What is held back until it was judged tells nothing before. */
static void
test_held_probe (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveOutcome outcome = make_outcome (AIP_FAULT_CLASS_TRANSIENT);
  gint64 due = START + 16 * SECOND;
  AipLiveAttempt probe, other;
  AipBreakerView view;

  for (guint i = 0; i < 3; i++)
    attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  g_assert_true (aip_live_key_begin (key, due, &probe));
  aip_live_key_answered (key, &probe, FALSE, due + SECOND);
  g_assert_false (aip_live_key_begin (key, due + SECOND, &other));
  aip_live_key_end (key, &probe, &outcome, due + 2 * SECOND, 0);
  aip_breaker_get_view (aip_live_key_get_breaker (key), due + 2 * SECOND, &view);
  g_assert_cmpint (view.state, ==, AIP_BREAKER_OPEN);
  g_assert_cmpuint (view.streak, ==, 1);
}

static void
test_check_counts_for_the_breaker_alone (void)
{
  g_autoptr (AipLiveKey) key = aip_live_key_new ("p/k", &policy);
  AipLiveOutcome outcome = make_outcome (AIP_FAULT_CLASS_NONE);
  AipLiveKeyTotals totals;
  AipLiveAttempt check;

  for (guint i = 0; i < 3; i++)
    attempt (key, AIP_FAULT_CLASS_TRANSIENT, START);
  g_assert_true (aip_live_key_begin_check (key, START + SECOND, &check));
  aip_live_key_answered (key, &check, TRUE, START + SECOND);
  aip_live_key_end (key, &check, &outcome, START + SECOND, 0);
  g_assert_cmpint (aip_live_key_get_state (key, START + SECOND), ==, AIP_BREAKER_HALF_OPEN);
  aip_live_key_get_totals (key, &totals);
  g_assert_cmpuint (totals.attempts, ==, 3);
  g_assert_cmpuint (totals.succeeded, ==, 0);
}

static AipConfig *
parse (const char *text)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  AipConfig *config = aip_config_parse (text, strlen (text), "test.conf", problems);

  g_assert_nonnull (config);
  return config;
}

#define PROVIDER "[provider p]\ndialect=openai\nbase-url=https://p.example/v1\n"
#define KEY_A "[key a]\nprovider=p\nsecret=env:A\n"
#define KEY_B "[key b]\nprovider=p\nsecret=env:B\n"

static void
test_keys_outlive_configurations (void)
{
  g_autoptr (AipConfig) both = parse (PROVIDER KEY_A KEY_B);
  g_autoptr (AipConfig) one = parse (PROVIDER KEY_B);
  g_autoptr (AipLiveKeys) keys = aip_live_keys_new ();
  g_autoptr (AipLiveKey) a = NULL;
  g_autoptr (AipLiveKey) b = NULL;
  g_autoptr (AipLiveKey) again = NULL;
  guint64 serial;

  g_ptr_array_unref (aip_live_keys_set_config (keys, both));
  a = aip_live_keys_find (keys, "p", "a");
  b = aip_live_keys_find (keys, "p", "b");
  g_assert_nonnull (a);
  g_assert_cmpstr (aip_live_key_get_id (b), ==, "p/b");
  serial = aip_live_keys_get_serial (keys);
  attempt (b, AIP_FAULT_CLASS_AUTH, START);
  g_assert_cmpuint (aip_live_keys_get_serial (keys), !=, serial);

  g_ptr_array_unref (aip_live_keys_set_config (keys, one));
  g_assert_null (aip_live_keys_find (keys, "p", "a"));
  again = aip_live_keys_find (keys, "p", "b");
  g_assert_true (again == b);
  g_assert_cmpint (aip_live_key_get_state (again, START), ==, AIP_BREAKER_OPEN);
  /* Who still has it may go on. */
  attempt (a, AIP_FAULT_CLASS_NONE, START);

  g_ptr_array_unref (aip_live_keys_set_config (keys, both));
  g_clear_pointer (&again, aip_live_key_unref);
  again = aip_live_keys_find (keys, "p", "a");
  g_assert_true (again != a);
}

/* What is the same again is not looked at one by one, and what differs is, however little it is. */
static void
test_next_configuration (void)
{
  g_autoptr (AipConfig) one = parse (PROVIDER KEY_A);
  g_autoptr (AipConfig) same = parse ("[routing]\nstrategy=random\n" PROVIDER KEY_A "weight=2\n");
  g_autoptr (AipConfig) off = parse ("[circuit-breaker]\nenabled=false\n" PROVIDER KEY_A);
  g_autoptr (AipConfig) other = parse (PROVIDER KEY_B);
  g_autoptr (AipConfig) elsewhere =
      parse ("[provider q]\nbase-url=https://q.example/v1\n[key b]\nprovider=q\nsecret=env:B\n");
  g_autoptr (AipLiveKeys) keys = aip_live_keys_new ();
  g_autoptr (GPtrArray) known = aip_live_keys_set_config (keys, one);
  g_autoptr (GPtrArray) again = aip_live_keys_set_config (keys, same);
  AipLiveKey *a = g_ptr_array_index (known, 0);

  g_assert_true (again == known);
  attempt (a, AIP_FAULT_CLASS_AUTH, START);
  g_assert_cmpint (aip_live_key_get_state (a, START), ==, AIP_BREAKER_OPEN);
  g_ptr_array_unref (aip_live_keys_set_config (keys, off));
  g_assert_cmpint (aip_live_key_get_state (a, START), ==, AIP_BREAKER_CLOSED);

  g_ptr_array_unref (aip_live_keys_set_config (keys, one));
  g_ptr_array_unref (aip_live_keys_set_config (keys, other));
  g_assert_null (aip_live_keys_find (keys, "p", "a"));
  g_clear_pointer (&again, g_ptr_array_unref);
  again = aip_live_keys_set_config (keys, elsewhere);
  g_assert_cmpstr (aip_live_key_get_id (g_ptr_array_index (again, 0)), ==, "q/b");
  g_assert_cmpstr (aip_live_key_get_id (g_ptr_array_index (again, 1)), ==, "q/");
  g_assert_null (aip_live_keys_find (keys, "p", "b"));
}

static void
test_restart (void)
{
  g_autoptr (AipConfig) both = parse (PROVIDER KEY_A KEY_B);
  g_autoptr (AipConfig) one = parse (PROVIDER KEY_A);
  g_autoptr (AipLiveKeys) before = aip_live_keys_new ();
  g_autoptr (AipLiveKeys) after = aip_live_keys_new ();
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GVariant) saved = NULL;
  g_autoptr (GVariant) nonsense = g_variant_ref_sink (g_variant_new_string ("x"));
  g_autofree char *text = NULL;

  g_ptr_array_unref (aip_live_keys_set_config (before, both));
  list = aip_live_keys_list (before);
  g_assert_cmpuint (list->len, ==, 3);
  for (guint i = 0; i < list->len; i++)
    if (g_str_equal (aip_live_key_get_id (g_ptr_array_index (list, i)), "p/a"))
      attempt (g_ptr_array_index (list, i), AIP_FAULT_CLASS_BILLING, START);
  saved = g_variant_ref_sink (aip_live_keys_save (before, START, WALL));
  text = g_variant_print (saved, FALSE);
  g_assert_nonnull (strstr (text, "p/a"));
  g_assert_null (strstr (text, "p/b"));

  g_assert_false (aip_live_keys_restore (after, nonsense, SECOND, WALL));
  g_assert_true (aip_live_keys_restore (after, saved, SECOND, WALL + 60 * SECOND));
  g_ptr_array_unref (aip_live_keys_set_config (after, one));
  g_autoptr (AipLiveKey) key = aip_live_keys_find (after, "p", "a");
  g_autofree char *reason = aip_live_key_dup_reason (key, SECOND);
  g_assert_cmpstr (reason, ==,
                   "breaker open for 1740 s more: the account has no credit or quota left (HTTP 504)");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing/live-key/secret", test_secret);
  g_test_add_func ("/routing/live-key/figures", test_figures);
  g_test_add_func ("/routing/live-key/well-again", test_well_again);
  g_test_add_func ("/routing/live-key/totals", test_totals);
  g_test_add_func ("/routing/live-key/headroom", test_headroom);
  g_test_add_func ("/routing/live-key/reasons", test_reasons);
  g_test_add_func ("/routing/live-key/answered-probe", test_answered_probe);
  g_test_add_func ("/routing/live-key/first-probe-to-end", test_first_probe_to_end);
  g_test_add_func ("/routing/live-key/held-probe", test_held_probe);
  g_test_add_func ("/routing/live-key/next-configuration", test_next_configuration);
  g_test_add_func ("/routing/live-key/check", test_check_counts_for_the_breaker_alone);
  g_test_add_func ("/routing/live-keys/outlive-configurations", test_keys_outlive_configurations);
  g_test_add_func ("/routing/live-keys/restart", test_restart);

  return g_test_run ();
}
