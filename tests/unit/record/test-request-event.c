/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "record/aip-request-event.h"

static AipRequestTrace *
make_trace (const char *provider)
{
  AipRequestTrace *trace = aip_request_trace_new ();

  aip_request_trace_begin_plan (trace, "failover");
  *aip_request_trace_add_candidate (trace) = (AipTracedCandidate){ provider, "k1", "m", NULL, 2.5 };
  *aip_request_trace_add_candidate (trace) = (AipTracedCandidate){ provider, NULL, NULL, "it is full", 1 };
  *aip_request_trace_add_try (trace) = (AipTracedTry){ .provider = provider,
                                                       .key = "k1",
                                                       .model = "m",
                                                       .status = 500,
                                                       .fault = "transient",
                                                       .reason = "why",
                                                       .begun_us = 3,
                                                       .duration_us = 4 };
  return trace;
}

/* It owns what the draft has borrowed. */
static void
test_copy (void)
{
  g_autofree char *id = g_strdup ("id");
  g_autofree char *provider = g_strdup ("provider");
  g_autoptr (AipRequestTrace) trace = make_trace (provider);
  g_autoptr (AipRequestEvent) event = NULL;
  AipRequestEvent draft = { .finished = TRUE,
                            .id = id,
                            .time_us = 7,
                            .model = "",
                            .upstream_id = "theirs",
                            .provider = provider,
                            .outcome = AIP_OUTCOME_KIND_SUCCEEDED,
                            .attempts = 2,
                            .usage = { .known = TRUE, .input_tokens = 5 },
                            .trace = trace };

  event = aip_request_event_new (&draft);
  memset (id, 'x', strlen (id));
  memset (provider, 'x', strlen (provider));
  trace->candidates[0] = (AipTracedCandidate){ 0 };
  trace->tries[0] = (AipTracedTry){ 0 };

  g_assert_cmpstr (event->id, ==, "id");
  g_assert_cmpint (event->time_us, ==, 7);
  g_assert_null (event->client);
  g_assert_cmpstr (event->model, ==, "");
  g_assert_cmpstr (event->upstream_id, ==, "theirs");
  g_assert_cmpstr (event->provider, ==, "provider");
  g_assert_cmpint (event->outcome, ==, AIP_OUTCOME_KIND_SUCCEEDED);
  g_assert_cmpuint (event->attempts, ==, 2);
  g_assert_cmpuint (event->usage.input_tokens, ==, 5);
  g_assert_cmpstr (event->trace->strategy, ==, "failover");
  g_assert_cmpuint (event->trace->n_candidates, ==, 2);
  g_assert_cmpstr (event->trace->candidates[0].provider, ==, "provider");
  g_assert_cmpstr (event->trace->candidates[0].key, ==, "k1");
  g_assert_cmpfloat (event->trace->candidates[0].score, ==, 2.5);
  g_assert_null (event->trace->candidates[0].reason);
  g_assert_null (event->trace->candidates[1].key);
  g_assert_cmpstr (event->trace->candidates[1].reason, ==, "it is full");
  g_assert_cmpuint (event->trace->n_tries, ==, 1);
  g_assert_cmpstr (event->trace->tries[0].provider, ==, "provider");
  g_assert_cmpstr (event->trace->tries[0].reason, ==, "why");
  g_assert_cmpuint (event->trace->tries[0].status, ==, 500);
  g_assert_cmpint (event->trace->tries[0].duration_us, ==, 4);
}

/* As many different strings as there can be, each of them too long, and more candidates and tries than are
 * kept. */
static void
test_bounded (void)
{
  enum
  {
    N_TEXTS = 8 + 7 * (AIP_REQUEST_TRACE_MAX + 2),
    LENGTH = 1000
  };
  char *texts[N_TEXTS];
  guint n = 8;
  g_autoptr (AipRequestTrace) trace = aip_request_trace_new ();
  g_autoptr (AipRequestEvent) event = NULL;

  for (guint i = 0; i < N_TEXTS; i++)
    texts[i] = g_strnfill (LENGTH, (char) ('!' + i));
  aip_request_trace_begin_plan (trace, "random");
  for (guint i = 0; i < AIP_REQUEST_TRACE_MAX + 2; i++)
    {
      AipTracedCandidate *candidate = aip_request_trace_add_candidate (trace);
      AipTracedTry *one = aip_request_trace_add_try (trace);

      if (candidate == NULL || one == NULL)
        continue;
      *candidate = (AipTracedCandidate){ texts[n], texts[n + 1], texts[n + 2], texts[n + 6], i };
      *one =
          (AipTracedTry){ .provider = texts[n + 3], .key = texts[n + 4], .model = texts[n + 5], .status = i };
      n += 7;
    }
  event = aip_request_event_new (&(AipRequestEvent){ .id = texts[0],
                                                     .client = texts[1],
                                                     .method = texts[2],
                                                     .path = texts[3],
                                                     .model = texts[4],
                                                     .provider = texts[5],
                                                     .key = texts[6],
                                                     .upstream_model = texts[7],
                                                     .trace = trace });
  for (guint i = 0; i < N_TEXTS; i++)
    g_free (texts[i]);
  g_assert_cmpuint (strlen (event->id), ==, 256);
  g_assert_cmpint (event->upstream_model[255], ==, '!' + 7);
  g_assert_cmpuint (event->trace->n_tries, ==, AIP_REQUEST_TRACE_MAX + 2);
  for (int i = 0; i < AIP_REQUEST_TRACE_MAX; i++)
    {
      g_assert_cmpint (event->trace->candidates[i].provider[255], ==, '!' + 8 + 7 * i);
      g_assert_cmpint (event->trace->candidates[i].reason[255], ==, '!' + 8 + 7 * i + 6);
      g_assert_cmpint (event->trace->tries[i].model[255], ==, '!' + 8 + 7 * i + 5);
      g_assert_cmpuint (event->trace->tries[i].status, ==, i);
    }
}

static void
test_outcomes (void)
{
  for (AipOutcomeKind i = AIP_OUTCOME_KIND_SUCCEEDED; i <= AIP_OUTCOME_KIND_CANCELLED; i++)
    g_assert_cmpint (aip_outcome_kind_from_string (aip_outcome_kind_to_string (i)), ==, i);
  g_assert_cmpint (aip_outcome_kind_from_string ("none"), ==, AIP_OUTCOME_KIND_NONE);
  g_assert_cmpint (aip_outcome_kind_from_string ("served"), ==, AIP_OUTCOME_KIND_NONE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/record/request-event/copy", test_copy);
  g_test_add_func ("/record/request-event/bounded", test_bounded);
  g_test_add_func ("/record/request-event/outcomes", test_outcomes);

  return g_test_run ();
}
