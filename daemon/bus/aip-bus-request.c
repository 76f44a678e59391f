/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-request.h"

#include "base/aip-error.h"
#include "base/aip-log.h"

/* How many records a search finds that does not say. */
#define DEFAULT_LIMIT 100

/* What clients and upstreams send may be anything. */
static void
insert_text (GVariantDict *dict, const char *name, const char *text)
{
  g_autofree char *valid = NULL;

  if (text != NULL && !g_utf8_validate (text, -1, NULL))
    text = valid = g_utf8_make_valid (text, -1);
  g_variant_dict_insert (dict, name, "s", text != NULL ? text : "");
}

/* Whoever mixes up his settings sends a key where the model's name belongs, or the request's id. */
static void
insert_masked (GVariantDict *dict, const char *name, const char *text)
{
  g_autofree char *masked = text != NULL ? aip_log_mask (text) : NULL;

  insert_text (dict, name, masked);
}

static GVariant *
make_candidates (const AipRequestTrace *trace)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < aip_request_trace_count_candidates (trace); i++)
    {
      const AipTracedCandidate *candidate = &trace->candidates[i];
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      insert_text (&dict, "provider", candidate->provider);
      insert_text (&dict, "key", candidate->key);
      insert_masked (&dict, "model", candidate->model);
      if (candidate->reason != NULL)
        insert_text (&dict, "reason", candidate->reason);
      g_variant_dict_insert (&dict, "score", "d", candidate->score);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
make_tries (const AipRequestTrace *trace)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < aip_request_trace_count_tries (trace); i++)
    {
      const AipTracedTry *one = &trace->tries[i];
      g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

      insert_text (&dict, "provider", one->provider);
      insert_text (&dict, "key", one->key);
      insert_masked (&dict, "model", one->model);
      g_variant_dict_insert (&dict, "status", "u", one->status);
      insert_text (&dict, "fault", one->fault);
      insert_text (&dict, "reason", one->reason);
      g_variant_dict_insert (&dict, "begun-us", "x", one->begun_us);
      g_variant_dict_insert (&dict, "duration-us", "x", one->duration_us);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

static void
insert_trace (GVariantDict *dict, const AipRequestTrace *trace)
{
  g_variant_dict_insert (dict, "n-candidates", "u", trace->n_candidates);
  g_variant_dict_insert_value (dict, "candidates", make_candidates (trace));
  g_variant_dict_insert (dict, "n-tries", "u", trace->n_tries);
  g_variant_dict_insert_value (dict, "tries", make_tries (trace));
}

static void
insert_end (GVariantDict *dict, const AipRequestEvent *event, gboolean decision)
{
  g_variant_dict_insert (dict, "outcome", "s", aip_outcome_kind_to_string (event->outcome));
  g_variant_dict_insert (dict, "status", "u", event->status);
  if (event->upstream_id != NULL)
    insert_masked (dict, "upstream-id", event->upstream_id);
  insert_text (dict, "provider", event->provider);
  insert_text (dict, "key", event->key);
  insert_masked (dict, "upstream-model", event->upstream_model);
  g_variant_dict_insert (dict, "attempts", "u", event->attempts);
  if (event->first_byte_us >= 0)
    g_variant_dict_insert (dict, "first-byte-us", "x", event->first_byte_us);
  g_variant_dict_insert (dict, "duration-us", "x", event->duration_us);
  g_variant_dict_insert (dict, "bytes-in", "t", event->bytes_in);
  g_variant_dict_insert (dict, "bytes-out", "t", event->bytes_out);
  if (event->usage.known)
    {
      g_variant_dict_insert (dict, "input-tokens", "t", (guint64) event->usage.input_tokens);
      g_variant_dict_insert (dict, "output-tokens", "t", (guint64) event->usage.output_tokens);
    }
  if (event->trace != NULL)
    insert_text (dict, "strategy", event->trace->strategy);
  if (event->trace != NULL && decision)
    insert_trace (dict, event->trace);
}

/**
 * aip_bus_request_make:
 * @event: a request
 * @decision: also all candidates and tries
 *
 * Returns: (transfer floating): it as a{sv}: see Activity.RequestFinished
 */
GVariant *
aip_bus_request_make (const AipRequestEvent *event, gboolean decision)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_return_val_if_fail (event != NULL, NULL);

  insert_masked (&dict, "id", event->id);
  g_variant_dict_insert (&dict, "time-us", "x", event->time_us);
  insert_text (&dict, "client", event->client);
  insert_text (&dict, "method", event->method);
  insert_masked (&dict, "path", event->path);
  insert_masked (&dict, "model", event->model);
  g_variant_dict_insert (&dict, "stream", "b", event->stream);
  if (event->finished)
    insert_end (&dict, event, decision);
  return g_variant_dict_end (&dict);
}

/* --- filters --- */

static gboolean
take_text (GVariant *value, const char *name, const char **text, GError **error)
{
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "the filter \"%s\" has to be a string",
                   name);
      return FALSE;
    }
  *text = g_variant_get_string (value, NULL);
  return TRUE;
}

static gboolean
take_outcome (GVariant *value, AipRecordFilter *wanted, GError **error)
{
  const char *name;

  if (!take_text (value, "outcome", &name, error))
    return FALSE;
  wanted->outcome = aip_outcome_kind_from_string (name);
  if (wanted->outcome == AIP_OUTCOME_KIND_NONE)
    g_set_error (
        error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
        "there is no outcome \"%s\", but succeeded, refused, client-fault, upstream-fault, truncated "
        "and cancelled",
        name);
  return wanted->outcome != AIP_OUTCOME_KIND_NONE;
}

static gboolean
take_limit (GVariant *value, AipRecordFilter *wanted, GError **error)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    wanted->limit = g_variant_get_uint32 (value);
  if (wanted->limit > 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    return TRUE;
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                       "the filter \"limit\" has to be a number (u) above 0");
  return FALSE;
}

static gboolean
take_filter (const char *name, GVariant *value, AipRecordFilter *wanted, GError **error)
{
  if (g_str_equal (name, "client"))
    return take_text (value, name, &wanted->client, error);
  if (g_str_equal (name, "provider"))
    return take_text (value, name, &wanted->provider, error);
  if (g_str_equal (name, "key"))
    return take_text (value, name, &wanted->key, error);
  if (g_str_equal (name, "model"))
    return take_text (value, name, &wanted->model, error);
  if (g_str_equal (name, "outcome"))
    return take_outcome (value, wanted, error);
  if (g_str_equal (name, "limit"))
    return take_limit (value, wanted, error);
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "there is no filter \"%s\", but client, provider, key, model, outcome and limit", name);
  return FALSE;
}

/**
 * aip_bus_request_parse_filter:
 * @filter: an a{sv} of filters
 * @wanted: (out): the same; borrows from @filter
 * @error: where to put what is wrong with it
 *
 * Returns: whether it can be used
 */
gboolean
aip_bus_request_parse_filter (GVariant *filter, AipRecordFilter *wanted, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_return_val_if_fail (filter != NULL && wanted != NULL, FALSE);

  *wanted = (AipRecordFilter){ .limit = DEFAULT_LIMIT };
  g_variant_iter_init (&iter, filter);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      /* The texts stay where they are: in @filter. */
      g_autoptr (GVariant) borrowed = value;

      if (!take_filter (name, borrowed, wanted, error))
        return FALSE;
    }
  return TRUE;
}
