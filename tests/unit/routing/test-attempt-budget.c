/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routing/aip-attempt-budget.h"

#define MAX_ATTEMPTS 3

/* What an attempt may end with. */
typedef struct
{
  AipFaultClass fault_class;
  AipTransportFault transport;
  gint64 retry_after_us;
} End;

static const End failed = { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_OK, -1 };
static const End refused = { AIP_FAULT_CLASS_AUTH, AIP_TRANSPORT_OK, -1 };

static const End turned_away[] = {
  { AIP_FAULT_CLASS_AUTH, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_BILLING, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_BILLING, AIP_TRANSPORT_OK, G_USEC_PER_SEC },
  { AIP_FAULT_CLASS_RATE_LIMITED, AIP_TRANSPORT_OK, 1 },
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_CONNECT, -1 },
};

static const End counted[] = {
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_OK, G_USEC_PER_SEC },
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_TIMEOUT, -1 },
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_CUT, -1 },
  { AIP_FAULT_CLASS_TRANSIENT, AIP_TRANSPORT_PROTOCOL, -1 },
  { AIP_FAULT_CLASS_RATE_LIMITED, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_RATE_LIMITED, AIP_TRANSPORT_OK, 0 },
  { AIP_FAULT_CLASS_CONTEXT_LENGTH, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_MODEL_MISSING, AIP_TRANSPORT_OK, -1 },
  { AIP_FAULT_CLASS_CANCELLED, AIP_TRANSPORT_CANCELLED, -1 },
};

static gboolean
spend (AipAttemptBudget *budget, const End *end)
{
  AipFaultVerdict verdict = { .fault_class = end->fault_class,
                              .reason = "x",
                              .retry_after_us = end->retry_after_us };

  return aip_attempt_budget_spend (budget, &verdict, end->transport, MAX_ATTEMPTS);
}

static void
test_turned_away (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (turned_away); i++)
    {
      AipAttemptBudget budget = { 0 };

      for (guint k = 0; k < 1000; k++)
        g_assert_true (spend (&budget, &turned_away[i]));
      g_assert_cmpuint (budget.n_counted, ==, 0);
    }
}

static void
test_counted (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (counted); i++)
    {
      AipAttemptBudget budget = { 0 };

      g_assert_true (spend (&budget, &counted[i]));
      g_assert_true (spend (&budget, &counted[i]));
      g_assert_false (spend (&budget, &counted[i]));
    }
}

/* What was turned away changes nothing of what counts, wherever it comes. */
static void
test_mixed (void)
{
  AipAttemptBudget budget = { 0 };

  for (guint i = 0; i < MAX_ATTEMPTS; i++)
    {
      for (gsize k = 0; k < G_N_ELEMENTS (turned_away); k++)
        g_assert_true (spend (&budget, &turned_away[k]));
      g_assert_cmpint (spend (&budget, &failed), ==, i + 1 < MAX_ATTEMPTS);
    }
  g_assert_false (spend (&budget, &refused));
}

/* Nobody is asked for ever, not even by those who are turned away each time. */
static void
test_rounds (void)
{
  AipAttemptBudget budget = { 0 };
  guint n_rounds = 1;

  while (n_rounds < 100 && spend (&budget, &refused) &&
         aip_attempt_budget_begin_round (&budget, MAX_ATTEMPTS))
    n_rounds++;
  g_assert_cmpuint (n_rounds, ==, MAX_ATTEMPTS);

  budget = (AipAttemptBudget){ 0 };
  g_assert_true (spend (&budget, &failed));
  g_assert_true (spend (&budget, &refused));
  /* Its one attempt is all that it costs. */
  g_assert_true (aip_attempt_budget_begin_round (&budget, MAX_ATTEMPTS));
  g_assert_true (spend (&budget, &failed));
  g_assert_true (aip_attempt_budget_begin_round (&budget, MAX_ATTEMPTS));
  g_assert_false (spend (&budget, &failed));
}

/* Where others are quicker each time, waiting is all that it does. */
static void
test_round_without_anybody (void)
{
  AipAttemptBudget budget = { 0 };

  g_assert_true (spend (&budget, &failed));
  for (guint i = 0; i < 100; i++)
    g_assert_true (aip_attempt_budget_begin_round (&budget, MAX_ATTEMPTS));
  g_assert_true (spend (&budget, &failed));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/routing/attempt-budget/turned-away", test_turned_away);
  g_test_add_func ("/routing/attempt-budget/counted", test_counted);
  g_test_add_func ("/routing/attempt-budget/mixed", test_mixed);
  g_test_add_func ("/routing/attempt-budget/rounds", test_rounds);
  g_test_add_func ("/routing/attempt-budget/round-without-anybody", test_round_without_anybody);
  return g_test_run ();
}
