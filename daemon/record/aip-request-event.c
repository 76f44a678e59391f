/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-activity"

#include "record/aip-request-event.h"

#include <string.h>

/* What clients send may be of any length; this much of it tells requests apart. */
#define MAX_TEXT 256

/* Nine of the request itself, four of each candidate, and three of each try. */
#define MAX_TEXTS (9 + (4 + 3) * AIP_REQUEST_TRACE_MAX)

/* Every string of an event once: the names of providers and keys come again and again, at the same place. */
typedef struct
{
  struct
  {
    const char *from;
    gsize length;
    char *to;
  } texts[MAX_TEXTS];
  guint n;
  gsize size;
} Texts;

/* --- outcomes --- */

static const char *const outcomes[] = {
  [AIP_OUTCOME_KIND_NONE] = "none",
  [AIP_OUTCOME_KIND_SUCCEEDED] = "succeeded",
  [AIP_OUTCOME_KIND_REFUSED] = "refused",
  [AIP_OUTCOME_KIND_CLIENT_FAULT] = "client-fault",
  [AIP_OUTCOME_KIND_UPSTREAM_FAULT] = "upstream-fault",
  [AIP_OUTCOME_KIND_TRUNCATED] = "truncated",
  [AIP_OUTCOME_KIND_CANCELLED] = "cancelled",
};

/**
 * aip_outcome_kind_to_string:
 * @outcome: how a request has ended
 *
 * Returns: (transfer none): its name, such as "client-fault"; "none" while it is under way
 */
const char *
aip_outcome_kind_to_string (AipOutcomeKind outcome)
{
  g_return_val_if_fail ((guint) outcome < G_N_ELEMENTS (outcomes), NULL);

  return outcomes[outcome];
}

/**
 * aip_outcome_kind_from_string:
 * @name: what may be the name of how a request has ended
 *
 * Returns: the outcome; %AIP_OUTCOME_KIND_NONE: there is none of this name
 */
AipOutcomeKind
aip_outcome_kind_from_string (const char *name)
{
  g_return_val_if_fail (name != NULL, AIP_OUTCOME_KIND_NONE);

  for (guint i = AIP_OUTCOME_KIND_NONE + 1; i < G_N_ELEMENTS (outcomes); i++)
    if (g_str_equal (outcomes[i], name))
      return (AipOutcomeKind) i;
  return AIP_OUTCOME_KIND_NONE;
}

/* --- its strings --- */

static void
note (Texts *texts, const char *text)
{
  gsize length;

  if (text == NULL)
    return;
  for (guint i = 0; i < texts->n; i++)
    if (texts->texts[i].from == text)
      return;
  length = strnlen (text, MAX_TEXT);
  texts->texts[texts->n].from = text;
  texts->texts[texts->n].length = length;
  texts->n++;
  texts->size += length + 1;
}

static void
note_trace (Texts *texts, const AipRequestTrace *trace)
{
  guint n_candidates = aip_request_trace_count_candidates (trace);
  guint n_tries = aip_request_trace_count_tries (trace);

  for (guint i = 0; i < n_candidates; i++)
    {
      note (texts, trace->candidates[i].provider);
      note (texts, trace->candidates[i].key);
      note (texts, trace->candidates[i].model);
      note (texts, trace->candidates[i].reason);
    }
  for (guint i = 0; i < n_tries; i++)
    {
      note (texts, trace->tries[i].provider);
      note (texts, trace->tries[i].key);
      note (texts, trace->tries[i].model);
    }
}

static void
write_all (Texts *texts, char *at)
{
  for (guint i = 0; i < texts->n; i++)
    {
      gsize length = texts->texts[i].length;

      texts->texts[i].to = memcpy (at, texts->texts[i].from, length);
      at[length] = '\0';
      at += length + 1;
    }
}

static void
move (const Texts *texts, const char **text)
{
  guint i = 0;

  if (*text == NULL)
    return;
  while (texts->texts[i].from != *text)
    i++;
  *text = texts->texts[i].to;
}

/* --- events --- */

static gsize
measure_trace (const AipRequestTrace *trace)
{
  if (trace == NULL)
    return 0;
  return sizeof *trace + aip_request_trace_count_candidates (trace) * sizeof *trace->candidates +
         aip_request_trace_count_tries (trace) * sizeof *trace->tries;
}

static const AipRequestTrace *
copy_trace (const AipRequestTrace *trace, const Texts *texts, char *at)
{
  AipRequestTrace *copy = (AipRequestTrace *) (void *) at;
  guint n_candidates = aip_request_trace_count_candidates (trace);
  guint n_tries = aip_request_trace_count_tries (trace);

  *copy = *trace;
  copy->candidates = (AipTracedCandidate *) (copy + 1);
  copy->tries = (AipTracedTry *) (void *) (copy->candidates + n_candidates);
  for (guint i = 0; i < n_candidates; i++)
    {
      AipTracedCandidate *candidate = &copy->candidates[i];

      *candidate = trace->candidates[i];
      move (texts, &candidate->provider);
      move (texts, &candidate->key);
      move (texts, &candidate->model);
      move (texts, &candidate->reason);
    }
  for (guint i = 0; i < n_tries; i++)
    {
      AipTracedTry *one = &copy->tries[i];

      *one = trace->tries[i];
      move (texts, &one->provider);
      move (texts, &one->key);
      move (texts, &one->model);
    }
  return copy;
}

/**
 * aip_request_event_new:
 * @draft: what has happened; borrows its strings and its trace
 *
 * Returns: (transfer full): a copy that owns them; of long strings it has the first 256 bytes
 */
AipRequestEvent *
aip_request_event_new (const AipRequestEvent *draft)
{
  Texts texts;
  AipRequestEvent *self;
  char *at;
  gsize size;

  g_return_val_if_fail (draft != NULL && draft->id != NULL, NULL);

  const char *const of_it[] = { draft->id,          draft->client,         draft->method,
                                draft->path,        draft->model,          draft->key,
                                draft->upstream_id, draft->upstream_model, draft->provider };

  texts.n = 0;
  texts.size = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (of_it); i++)
    note (&texts, of_it[i]);
  if (draft->trace != NULL)
    note_trace (&texts, draft->trace);
  size = sizeof *self + measure_trace (draft->trace);
  self = g_malloc (size + texts.size);
  *self = *draft;
  at = (char *) self;
  write_all (&texts, at + size);
  if (draft->trace != NULL)
    self->trace = copy_trace (draft->trace, &texts, at + sizeof *self);
  move (&texts, &self->id);
  move (&texts, &self->client);
  move (&texts, &self->method);
  move (&texts, &self->path);
  move (&texts, &self->model);
  move (&texts, &self->upstream_id);
  move (&texts, &self->provider);
  move (&texts, &self->key);
  move (&texts, &self->upstream_model);
  g_atomic_ref_count_init (&self->refs);
  self->size = (guint) (size + texts.size);
  self->link = self->nameless_link = (GList){ .data = self };
  return self;
}

/**
 * aip_request_event_ref:
 * @self: an event that aip_request_event_new () has made
 *
 * From any thread.
 *
 * Returns: (transfer full): the same
 */
AipRequestEvent *
aip_request_event_ref (AipRequestEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_request_event_unref:
 * @self: (transfer full): an event
 *
 * From any thread.
 */
void
aip_request_event_unref (AipRequestEvent *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_ref_count_dec (&self->refs))
    g_free (self);
}
