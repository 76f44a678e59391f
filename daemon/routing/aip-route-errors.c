/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-errors.h"

#include <string.h>

#include "base/aip-error.h"
#include "routing/aip-near-names.h"
#include "wire/aip-models-json.h"

#define MAX_NAMES 20
#define MAX_NEAR 5
#define MAX_REASONS 5
#define MAX_SHOWN_LENGTH 100

static const char *const protocol_names[AIP_N_PROTOCOLS] = {
  [AIP_PROTOCOL_OPENAI] = "OpenAI",
  [AIP_PROTOCOL_ANTHROPIC] = "Anthropic",
  [AIP_PROTOCOL_GEMINI] = "Gemini",
  [AIP_PROTOCOL_OLLAMA] = "Ollama",
};

/* A client's text as a message may show it: short, one line, valid UTF-8. */
static char *
dup_shown (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, 4 * MAX_SHOWN_LENGTH));
  char *shown = g_utf8_substring (valid, 0, MIN (g_utf8_strlen (valid, -1), MAX_SHOWN_LENGTH));

  for (char *p = shown; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = '?';

  return shown;
}

static void
append_item (GString *list, const char *separator, const char *item)
{
  if (list->len > 0)
    g_string_append (list, separator);
  g_string_append (list, item);
}

static char *
dup_provider_names (const AipConfig *config)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < config->providers->len && i < MAX_NAMES; i++)
    append_item (names, ", ", ((const AipProviderConfig *) g_ptr_array_index (config->providers, i))->name);
  if (config->providers->len > MAX_NAMES)
    g_string_append (names, ", ...");

  return g_string_free (names, FALSE);
}

/**
 * aip_route_error_no_provider:
 * @config: a config of whose providers none is in use
 * @error: where to put %AIP_ERROR_UNAVAILABLE
 */
void
aip_route_error_no_provider (const AipConfig *config, GError **error)
{
  g_return_if_fail (config != NULL);

  if (config->providers->len == 0)
    {
      g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                           "no provider is configured: add one with `aiproxyctl provider add`, or as "
                           "[provider NAME] in aiproxy.conf, or start the daemon with --demo");
      return;
    }

  g_autofree char *names = dup_provider_names (config);
  g_set_error (
      error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
      "no provider is in use: set `enabled=true` and a supported `dialect` for one of %s in aiproxy.conf",
      names);
}

/**
 * aip_route_error_unknown_provider:
 * @config: the config
 * @name: the provider that the client asked for, and that is not in use
 * @error: where to put %AIP_ERROR_UNAVAILABLE (it is in @config) or %AIP_ERROR_INVALID_ARGUMENT
 */
void
aip_route_error_unknown_provider (const AipConfig *config, const char *name, GError **error)
{
  g_return_if_fail (config != NULL && name != NULL);

  const AipProviderConfig *provider = aip_config_find_provider (config, name);
  if (provider != NULL && !provider->enabled)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE, "provider `%s` is disabled", provider->name);
      return;
    }
  if (provider != NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                   "provider `%s` has the dialect `%s`, which is not supported", provider->name,
                   provider->dialect);
      return;
    }

  g_autofree char *shown = dup_shown (name);
  g_autofree char *names = dup_provider_names (config);
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "X-Proxy-Provider: there is no provider `%s`; there is: %s", shown, names);
}

/**
 * aip_route_error_protocol:
 * @protocol: what the client speaks
 * @only: (nullable): the only provider that counts
 * @error: where to put %AIP_ERROR_UNAVAILABLE: nobody speaks it
 */
void
aip_route_error_protocol (AipProtocol protocol, const AipRouteProvider *only, GError **error)
{
  g_return_if_fail ((guint) protocol < AIP_N_PROTOCOLS);

  if (only != NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                 "provider `%s` does not take requests in the %s protocol", only->config->name,
                 protocol_names[protocol]);
  else
    g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                 "no provider takes requests in the %s protocol: add one of that `dialect` to aiproxy.conf",
                 protocol_names[protocol]);
}

typedef struct
{
  GPtrArray *texts; /* of char *, owned */
  gboolean locked;
} Reasons;

static void
set_reasons (const Reasons *reasons, const AipRoutePlan *plan, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  AipError code = AIP_ERROR_UNAVAILABLE;

  /* Another thread may have brought it back since. */
  if (reasons->texts->len == 0)
    g_ptr_array_add (reasons->texts, g_strdup ("the last one has just come back: try again"));
  for (guint i = 0; i < reasons->texts->len && i < MAX_REASONS; i++)
    append_item (text, "; ", g_ptr_array_index (reasons->texts, i));
  if (reasons->texts->len > MAX_REASONS)
    g_string_append_printf (text, "; and %u more", reasons->texts->len - MAX_REASONS);

  if (plan->n_forbidden > 0 && plan->n_forbidden == reasons->texts->len)
    code = AIP_ERROR_FORBIDDEN;
  else if (reasons->locked && plan->wait_us < 0)
    code = AIP_ERROR_LOCKED;
  g_set_error (error, AIP_ERROR, code, "no usable key: %s", text->str);
}

static void
append_reason (GPtrArray *texts, const AipCandidate *candidate, const char *reason)
{
  if (candidate->key == NULL)
    g_ptr_array_add (texts, g_strdup_printf ("provider `%s`: %s", candidate->provider->name, reason));
  else
    g_ptr_array_add (texts, g_strdup_printf ("key `%s` of provider `%s`: %s", candidate->key->name,
                                             candidate->provider->name, reason));
}

static void
add_reasons (Reasons *reasons,
             const AipRoutePlan *plan,
             const AipRouteProvider *provider,
             const char *model,
             const GArray *candidates)
{
  for (guint i = 0; i < candidates->len; i++)
    {
      const AipCandidate *candidate = &g_array_index (candidates, AipCandidate, i);
      g_autofree char *reason = aip_route_plan_dup_reason (plan, candidate);

      if (reason != NULL)
        append_reason (reasons->texts, candidate, reason);
    }
  reasons->locked |= aip_route_provider_append_reasons (provider, model, reasons->texts);
}

/**
 * aip_route_error_no_key:
 * @provider: a provider of which no key is usable
 * @plan: the plan that came out empty
 * @error: where to put %AIP_ERROR_LOCKED, %AIP_ERROR_FORBIDDEN or %AIP_ERROR_UNAVAILABLE with the reason for
 * each key
 */
void
aip_route_error_no_key (const AipRouteProvider *provider, const AipRoutePlan *plan, GError **error)
{
  g_return_if_fail (provider != NULL && plan != NULL);

  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  Reasons reasons = { .texts = texts };

  add_reasons (&reasons, plan, provider, NULL, provider->candidates);
  set_reasons (&reasons, plan, error);
}

static gboolean
set_key_reasons (const AipRoute *route, const AipRoutePlan *plan, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  Reasons reasons = { .texts = texts };

  for (guint i = 0; i < route->steps->len; i++)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, i);

      if ((step->protocols & (1u << plan->query->protocol)) != 0)
        add_reasons (&reasons, plan, step->provider, step->model, step->candidates);
    }

  if (texts->len == 0 && plan->n_out == 0)
    return FALSE;

  set_reasons (&reasons, plan, error);

  return TRUE;
}

static char *
dup_near (const GPtrArray *catalog, const char *model)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_sized_new (catalog->len);

  for (guint i = 0; i < catalog->len; i++)
    g_ptr_array_add (ids, (void *) ((const AipModelInfo *) g_ptr_array_index (catalog, i))->id);

  g_autoptr (GPtrArray) near = aip_near_names_find (ids, model, MAX_NEAR);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < near->len; i++)
    append_item (text, ", ", g_ptr_array_index (near, i));
  if (near->len > 0)
    {
      g_string_prepend (text, " Near: ");
      g_string_append_c (text, '.');
    }

  return g_string_free (text, FALSE);
}

static gboolean
is_spoken (const AipRouteRules *rules, AipProtocol protocol)
{
  return aip_route_rules_find_fixed_provider (rules, protocol) != NULL;
}

/**
 * aip_route_error_no_candidate:
 * @rules: who serves what
 * @catalog: (element-type AipModelInfo): the models there are
 * @plan: the plan that came out empty; its query names a model
 * @route: who would serve it
 * @error: where to put %AIP_ERROR_LOCKED, %AIP_ERROR_FORBIDDEN or %AIP_ERROR_UNAVAILABLE (no key is usable,
 * or the protocol is spoken by no one), or %AIP_ERROR_NOT_FOUND (there is no such model)
 *
 * Says why a route gave no candidate.
 */
void
aip_route_error_no_candidate (const AipRouteRules *rules,
                              const GPtrArray *catalog,
                              const AipRoutePlan *plan,
                              const AipRoute *route,
                              GError **error)
{
  g_return_if_fail (rules != NULL && catalog != NULL && plan != NULL && plan->query->model != NULL &&
                    route != NULL);

  const AipRouteQuery *query = plan->query;

  if (set_key_reasons (route, plan, error))
    return;

  if (!is_spoken (rules, query->protocol))
    {
      aip_route_error_protocol (query->protocol, NULL, error);
      return;
    }

  g_autofree char *shown = dup_shown (query->model);
  if (route->steps->len > 0)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, 0);

      g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND,
                   "The model `%s` is at provider `%s`, which does not take requests in the %s protocol.",
                   shown, step->provider->config->name, protocol_names[query->protocol]);
      return;
    }

  g_autofree char *near = dup_near (catalog, query->model);
  g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND,
               "The model `%s` does not exist %s%s.%s See GET /v1/models", shown,
               query->provider == NULL ? "here" : "at provider ",
               query->provider == NULL ? "" : query->provider, near);
}
