/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include <string.h>

#include "base/aip-error.h"
#include "config/aip-config-loader.h"
#include "wire/aip-models-json.h"

static AipConfig *
parse (const char *text)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  AipConfig *config = aip_config_parse (text, strlen (text), "test.conf", problems);

  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *problem = aip_config_problem_to_string (g_ptr_array_index (problems, i));

      g_test_message ("%s", problem);
    }
  g_assert_nonnull (config);

  return config;
}

static void
clear_secret (AipKeySecret *secret)
{
  g_clear_pointer (&secret->secret, aip_secret_unref);
}

/* A key whose name begins with "missing" or "locked" has no secret. */
static GArray *
make_secrets (const AipConfig *config)
{
  GArray *secrets = g_array_new (FALSE, TRUE, sizeof (AipKeySecret));

  g_array_set_clear_func (secrets, (GDestroyNotify) clear_secret);
  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);
      g_autofree char *text = g_strconcat ("sk-", key->name, NULL);
      AipKeySecret secret = { 0 };

      if (g_str_has_prefix (key->name, "locked"))
        secret = (AipKeySecret){ NULL, "the keyring is locked", TRUE };
      else if (!g_str_has_prefix (key->name, "missing"))
        secret.secret = aip_secret_new (text, -1);
      g_array_append_val (secrets, secret);
    }

  return secrets;
}

static void
discovered_free (AipDiscovered *discovered)
{
  g_free (discovered->provider);
  g_strfreev (discovered->models);
  g_free (discovered);
}

/* "provider=model model;provider=" */
static GPtrArray *
parse_discovered (const char *text)
{
  GPtrArray *lists = g_ptr_array_new_with_free_func ((GDestroyNotify) discovered_free);
  g_auto (GStrv) parts = g_strsplit (text, ";", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_auto (GStrv) sides = g_strsplit (parts[i], "=", 2);
      AipDiscovered *list = g_new0 (AipDiscovered, 1);

      list->provider = g_strdup (sides[0]);
      list->models = g_strsplit (sides[1], " ", -1);
      g_ptr_array_add (lists, list);
    }

  return lists;
}

/**
 * routes_make:
 * @config: the config's text
 * @discovered: (nullable): "provider=model model;provider=model"
 *
 * Returns: (transfer full): a router that has no reference to anything of the caller's
 */
AipRouter *
routes_make (const char *config, const char *discovered)
{
  return routes_make_live (config, discovered, NULL);
}

/**
 * routes_make_live:
 * @config: as for routes_make ()
 * @discovered: (nullable): as for routes_make ()
 * @live: (nullable): the live keys
 *
 * Returns: (transfer full): a router that goes by @live
 */
AipRouter *
routes_make_live (const char *config, const char *discovered, AipLiveKeys *live)
{
  g_autoptr (AipConfig) parsed = parse (config);
  g_autoptr (GArray) secrets = make_secrets (parsed);
  g_autoptr (GPtrArray) lists = discovered == NULL ? NULL : parse_discovered (discovered);

  return aip_router_new (parsed, (const AipKeySecret *) (const void *) secrets->data, lists, live, NULL);
}

static void
append_candidate (GString *text, const AipCandidate *candidate)
{
  const char *key = candidate->key == NULL ? "-" : candidate->key->name;
  g_autofree char *secret = g_strconcat ("sk-", key, NULL);

  g_assert_cmpstr (candidate->dialect->name, ==, candidate->provider->dialect);
  if (candidate->key == NULL)
    g_assert_null (candidate->secret);
  else
    g_assert_cmpstr (aip_secret_peek (candidate->secret, NULL), ==, secret);

  g_string_append_printf (text, "%s%s:%s:%s", text->len == 0 ? "" : " ", candidate->provider->name, key,
                          candidate->model == NULL ? "-" : candidate->model);
}

/**
 * routes_plan:
 * @router: a router
 * @query: what is asked for
 *
 * Returns: (transfer full): "provider:key:model provider:key:model", or "error CODE: message"
 */
char *
routes_plan (AipRouter *router, const AipRouteQuery *query)
{
  static const char *const codes[AIP_N_ERRORS] = {
    [AIP_ERROR_INVALID_ARGUMENT] = "invalid", [AIP_ERROR_NOT_FOUND] = "not-found",
    [AIP_ERROR_FORBIDDEN] = "forbidden",      [AIP_ERROR_LOCKED] = "locked",
    [AIP_ERROR_UNAVAILABLE] = "unavailable",
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) plan = aip_router_plan (router, query, NULL, &error);

  if (plan == NULL)
    {
      g_assert_true (error->domain == AIP_ERROR);
      return g_strdup_printf ("error %s: %s", codes[error->code], error->message);
    }

  GString *text = g_string_new (NULL);

  g_assert_no_error (error);
  g_assert_cmpuint (plan->len, >, 0);
  for (guint i = 0; i < plan->len; i++)
    append_candidate (text, &g_array_index (plan, AipCandidate, i));

  return g_string_free (text, FALSE);
}

/**
 * routes_list:
 * @router: a router
 *
 * Returns: (transfer full): "model@owner model@owner"
 */
char *
routes_list (AipRouter *router)
{
  g_autoptr (GPtrArray) models = aip_router_list_models (router);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);

      g_string_append_printf (text, "%s%s@%s", i == 0 ? "" : " ", model->id, model->owner);
    }

  return g_string_free (text, FALSE);
}
