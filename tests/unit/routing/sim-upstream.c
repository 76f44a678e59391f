/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "sim-upstream.h"

/**
 * sim_upstream_answer:
 * @self: an upstream
 * @serve: (nullable): its script; NULL: all is well
 * @at_us: when it is asked, from the run's start
 * @answer: (out): what becomes of it
 */
void
sim_upstream_answer (SimUpstream *self, SimServeFunc serve, gint64 at_us, SimAnswer *answer)
{
  *answer = (SimAnswer){
    .verdict = { .fault_class = AIP_FAULT_CLASS_NONE, .status = 200, .retry_after_us = -1 },
    .first_byte_us = self->first_byte_us,
    .took_us = MAX (self->took_us, self->first_byte_us),
    .tokens = self->tokens,
  };
  if (serve != NULL)
    serve (self, at_us, answer);
}

/**
 * sim_answer_fail:
 * @answer: (inout): an answer
 * @fault_class: what it is now
 * @status: HTTP status; 0: none came
 * @retry_after_us: what the provider asks for; -1: nothing
 *
 * Makes it one that comes at once, costs nothing, and no part of which any client has seen.
 */
void
sim_answer_fail (SimAnswer *answer, AipFaultClass fault_class, guint status, gint64 retry_after_us)
{
  answer->verdict = (AipFaultVerdict){ fault_class, "x", status, retry_after_us };
  answer->first_byte_us = -1;
  answer->took_us = 0;
  answer->tokens = 0;
}

/* SimServeFunc: fails all that it is asked. */
void
sim_serve_never (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  sim_answer_fail (answer, AIP_FAULT_CLASS_TRANSIENT, 500, -1);
}

/* SimServeFunc: does not know the key. */
void
sim_serve_refused (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  sim_answer_fail (answer, AIP_FAULT_CLASS_AUTH, 401, -1);
}

/* SimServeFunc: is away from the 30th to the 40th second. */
void
sim_serve_but_for_10_s (SimUpstream *self, gint64 at_us, SimAnswer *answer)
{
  if (at_us >= 30 * G_TIME_SPAN_SECOND && at_us < 40 * G_TIME_SPAN_SECOND)
    sim_serve_never (self, at_us, answer);
}
