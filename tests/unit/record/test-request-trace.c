/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "record/aip-request-trace.h"

static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7" };

static void
plan (AipRequestTrace *trace, const char *strategy, guint n)
{
  aip_request_trace_begin_plan (trace, strategy);
  for (guint i = 0; i < n; i++)
    {
      AipTracedCandidate *candidate = aip_request_trace_add_candidate (trace);

      if (candidate != NULL)
        *candidate = (AipTracedCandidate){ .provider = strategy, .key = names[i] };
    }
}

/* Of long lists the first ones are kept, and all are counted. */
static void
test_bounded (void)
{
  g_autoptr (AipRequestTrace) trace = aip_request_trace_new ();

  plan (trace, "a", AIP_REQUEST_TRACE_MAX + 3);
  g_assert_cmpuint (trace->n_candidates, ==, AIP_REQUEST_TRACE_MAX + 3);
  g_assert_cmpuint (aip_request_trace_count_candidates (trace), ==, AIP_REQUEST_TRACE_MAX);
  g_assert_cmpstr (trace->candidates[AIP_REQUEST_TRACE_MAX - 1].key, ==, "7");
  for (guint i = 0; i < AIP_REQUEST_TRACE_MAX; i++)
    {
      AipTracedTry *one = aip_request_trace_add_try (trace);

      g_assert_nonnull (one);
    }
  g_assert_null (aip_request_trace_add_try (trace));
  g_assert_cmpuint (trace->n_tries, ==, AIP_REQUEST_TRACE_MAX + 1);
  g_assert_cmpuint (aip_request_trace_count_tries (trace), ==, AIP_REQUEST_TRACE_MAX);
}

/* A plan of which nobody was tried counts for nothing; the next one of one that was comes behind it. */
static void
test_plans (void)
{
  g_autoptr (AipRequestTrace) trace = aip_request_trace_new ();

  plan (trace, "a", AIP_REQUEST_TRACE_MAX + 1);
  plan (trace, "b", 2);
  g_assert_cmpuint (trace->n_candidates, ==, 2);
  g_assert_cmpstr (trace->candidates[0].provider, ==, "b");
  g_assert_nonnull (aip_request_trace_add_try (trace));
  plan (trace, "c", 1);
  g_assert_cmpuint (trace->n_candidates, ==, 3);
  g_assert_cmpstr (trace->candidates[1].provider, ==, "b");
  g_assert_cmpstr (trace->candidates[2].provider, ==, "c");
  g_assert_cmpstr (trace->strategy, ==, "c");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/record/request-trace/bounded", test_bounded);
  g_test_add_func ("/record/request-trace/plans", test_plans);

  return g_test_run ();
}
