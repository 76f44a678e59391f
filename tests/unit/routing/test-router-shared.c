/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <glib/gstdio.h>
#include <string.h>

#include "config/aip-config-edit.h"
#include "routing/aip-route-rules.h"
#include "wire/aip-models-json.h"

#define N_STEPS 500

/* A router that shares with the one before what an edit left alone plans, lists and explains what one does
 * that was made of the same without it. */

static const char initial[] =
    "[routing]\nstrategy=failover\n"
    "[provider p]\nbase-url=https://p.example/v1\nmodels=m;n;glob-*\n"
    "[provider q]\nbase-url=https://q.example/v1\npriority=1\n"
    "[provider r]\ndialect=anthropic\nmodels=n\n"
    "[provider s]\ndialect=builtin\n"
    "[key a]\nprovider=p\nsecret=env:A\n[key b]\nprovider=q\nsecret=env:B\n[key "
    "c]\nprovider=p\nsecret=env:C\n"
    "[key d]\nprovider=r\nsecret=env:D\n[key e]\nprovider=q\nsecret=env:E\nmodels=m;o\n"
    "[mapping x]\ntarget=m\n[mapping y]\ntarget=n;q/o\n[mapping x@q]\ntarget=o\n"
    "[model m]\ncontext=9\n";

typedef struct
{
  const char *group;
  const char *key;
  const char *values[6]; /* "": unset */
} Change;

static const Change changes[] = {
  { "routing", "strategy", { "failover", "round_robin", "weighted_score" } },
  { "routing", "default-provider", { "", "p", "q" } },
  { "routing", "validate-models", { "", "false" } },
  { "routing", "allow-unknown-models", { "", "false" } },
  { "routing", "on-exhausted", { "", "least-bad" } },
  { "circuit-breaker", "threshold", { "", "7" } },
  { "provider p", "priority", { "", "1", "2" } },
  { "provider p", "enabled", { "", "false" } },
  { "provider p", "models", { "", "m", "m;n;glob-*", "o" } },
  { "provider q", "weight", { "", "3" } },
  { "provider q", "models", { "", "o", "m;*" } },
  { "provider r", "priority", { "", "1" } },
  { "key a", "weight", { "", "2", "5" } },
  { "key a", "provider", { "p", "q" } },
  { "key b", "priority", { "", "1", "2" } },
  { "key b", "enabled", { "", "false" } },
  { "key c", "models", { "", "m", "n;o" } },
  { "key d", "weight", { "", "4" } },
  { "key e", "models", { "", "m;o", "z*" } },
  { "mapping x", "target", { "m", "n;m", "z", "alone" } },
  { "mapping x", "strategy", { "", "random" } },
  { "mapping y", "target", { "n;q/o", "r/n", "unknown" } },
  { "mapping x@q", "target", { "o", "m" } },
  { "model m", "context", { "", "9", "12" } },
};

/* In pairs. */
static const char *const optional_groups[] = {
  "key new", "key newer", "provider new", "provider newer", "mapping new", "mapping newer",
};

static const char *const names[] = {
  "m", "n", "o", "x", "y", "z", "new", "told", "glob-1", "q/o", "r/n", "unknown", "p/x", "alone", "builtin",
};

static const char *const told[][3] = { { NULL }, { "told" }, { "told", "o" }, { "o", "told" } };

typedef struct
{
  char *folder;
  char *path;
  GRand *random;
  AipConfigBase *base;
  AipConfig *config;
  GArray *secrets; /* of AipKeySecret */
  GPtrArray *discovered;
  AipDiscovered list;
  AipLiveKeys *shared_live;
  AipLiveKeys *fresh_live;
  AipRouter *router; /* (nullable): the one before */
} Fixture;

static void
secret_clear (AipKeySecret *secret)
{
  g_clear_pointer (&secret->secret, aip_secret_unref);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();

  fixture->folder = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->folder);
  fixture->path = g_build_filename (fixture->folder, "test.conf", NULL);
  g_assert_true (g_file_set_contents (fixture->path, initial, -1, NULL));
  fixture->random = g_rand_new_with_seed (g_test_rand_int ());
  fixture->base = aip_config_base_new ();
  fixture->config = aip_config_base_load (fixture->base, (const char *const[]){ fixture->path, NULL }, NULL,
                                          NULL, problems);
  g_assert_nonnull (fixture->config);
  fixture->secrets = g_array_new (FALSE, TRUE, sizeof (AipKeySecret));
  g_array_set_clear_func (fixture->secrets, (GDestroyNotify) secret_clear);
  fixture->discovered = g_ptr_array_new ();
  fixture->list.provider = g_strdup ("q");
  g_ptr_array_add (fixture->discovered, &fixture->list);
  fixture->shared_live = aip_live_keys_new ();
  fixture->fresh_live = aip_live_keys_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->router, aip_router_unref);
  aip_live_keys_unref (fixture->fresh_live);
  aip_live_keys_unref (fixture->shared_live);
  g_ptr_array_unref (fixture->discovered);
  g_free (fixture->list.provider);
  g_strfreev (fixture->list.models);
  g_array_unref (fixture->secrets);
  aip_config_unref (fixture->config);
  aip_config_base_free (fixture->base);
  g_rand_free (fixture->random);
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->path);
  g_free (fixture->folder);
}

/* --- changing --- */

static gboolean
happens (Fixture *fixture, gint32 one_in)
{
  return g_rand_int_range (fixture->random, 0, one_in) == 0;
}

static void
change_setting (Fixture *fixture, AipConfigEdit *edit)
{
  const Change *change = &changes[g_rand_int_range (fixture->random, 0, G_N_ELEMENTS (changes))];
  guint n = g_strv_length ((char **) change->values);
  const char *value = change->values[g_rand_int_range (fixture->random, 0, (gint32) n)];

  if (*value == '\0')
    aip_config_edit_unset (edit, change->group, change->key);
  else
    aip_config_edit_set (edit, change->group, change->key, value);
}

static void
add_group (AipConfigEdit *edit, const char *group)
{
  aip_config_edit_add_group (edit, group);
  if (g_str_has_prefix (group, "key"))
    aip_config_edit_set (edit, group, "provider", "p");
  else if (g_str_has_prefix (group, "mapping"))
    aip_config_edit_set (edit, group, "target", "told");
  else
    aip_config_edit_set (edit, group, "base-url", "https://new.example/v1");
}

/* Where one comes as another one goes, there are as many as before. */
static void
change_group (Fixture *fixture, AipConfigEdit *edit)
{
  gint32 which = g_rand_int_range (fixture->random, 0, G_N_ELEMENTS (optional_groups));
  gint32 other = which ^ 1;
  gint32 what = g_rand_int_range (fixture->random, 0, 3);

  if (what != 0)
    aip_config_edit_remove_group (edit, optional_groups[which]);
  if (what != 1)
    add_group (edit, optional_groups[what == 0 ? which : other]);
}

/* An edit that is refused changes nothing, as in the daemon. */
static gboolean
change_config (Fixture *fixture)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  AipConfig *config;

  if (happens (fixture, 3))
    change_group (fixture, edit);
  else
    change_setting (fixture, edit);
  aip_config_edit_set_base (edit, fixture->base);
  config = aip_config_edit_save (edit, (const char *const[]){ fixture->path, NULL }, NULL, NULL, NULL);
  if (config == NULL)
    return FALSE;
  aip_config_unref (fixture->config);
  fixture->config = config;
  return TRUE;
}

static void
change_secret (Fixture *fixture, AipKeySecret *secret)
{
  gint32 what = g_rand_int_range (fixture->random, 0, 4);

  secret_clear (secret);
  *secret = (AipKeySecret){ 0 };
  if (what == 0)
    *secret = (AipKeySecret){ NULL, "the keyring is locked", TRUE };
  else if (what > 1)
    secret->secret = aip_secret_new ("sk-test", -1);
}

/* Where a key comes or goes, others get what was another one's: the router cannot know whose they were. */
static void
change_secrets (Fixture *fixture)
{
  guint before = fixture->secrets->len;

  g_array_set_size (fixture->secrets, fixture->config->keys->len);
  for (guint i = 0; i < fixture->secrets->len; i++)
    if (i >= before || happens (fixture, 30))
      change_secret (fixture, &g_array_index (fixture->secrets, AipKeySecret, i));
}

static void
change_discovered (Fixture *fixture)
{
  gint32 which = g_rand_int_range (fixture->random, -1, G_N_ELEMENTS (told));

  g_clear_pointer (&fixture->list.models, g_strfreev);
  if (which >= 0)
    fixture->list.models = g_strdupv ((char **) told[which]);
}

/* --- comparing --- */

static void
append_candidate (GString *text, const AipCandidate *candidate)
{
  g_string_append_printf (text, " %p %p %p %s %s %g %u %d", (const void *) candidate->provider,
                          (const void *) candidate->key, (const void *) candidate->secret, candidate->model,
                          aip_live_key_get_id (candidate->live), candidate->weight, candidate->index,
                          candidate->priority);
}

static void
append_plan (GString *text, AipRouter *router, const AipRouteQuery *query)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) plan = aip_router_plan (router, query, NULL, &error);

  for (guint i = 0; plan != NULL && i < plan->len; i++)
    append_candidate (text, &g_array_index (plan, AipCandidate, i));
  if (plan == NULL)
    g_string_append (text, error->message);
  g_string_append_c (text, '\n');
}

static void
append_explanations (GString *text, AipRouter *router, const AipRouteQuery *query)
{
  g_autoptr (GPtrArray) all = aip_router_explain (router, query, 0, NULL);

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      const AipRouteExplanation *one = g_ptr_array_index (all, i);

      g_string_append_printf (text, "%s/%s/%s/%s/%s/%u\n", one->provider, one->key, one->model, one->reason,
                              one->note, one->context);
    }
}

static void
append_name (GString *text, AipRouter *router, const char *name)
{
  for (AipProtocol protocol = 0; protocol < AIP_N_PROTOCOLS; protocol++)
    {
      AipRouteQuery query = { .protocol = protocol, .model = name, .random = 5 };

      append_plan (text, router, &query);
      query.provider = "q";
      append_plan (text, router, &query);
      append_explanations (text, router, &query);
    }
}

static char *
describe (AipRouter *router)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GPtrArray) models = aip_router_list_models (router);

  for (guint i = 0; i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);

      g_string_append_printf (text, "%s@%s\n", model->id, model->owner);
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      append_name (text, router, names[i]);
      g_string_append_printf (text, "%u\n", aip_router_get_context (router, names[i]));
    }
  append_plan (text, router, &(AipRouteQuery){ .protocol = AIP_PROTOCOL_OPENAI });
  return g_string_free (text, FALSE);
}

static void
check_step (Fixture *fixture)
{
  const AipKeySecret *secrets = (const AipKeySecret *) (const void *) fixture->secrets->data;
  g_autoptr (AipRouter) fresh =
      aip_router_new (fixture->config, secrets, fixture->discovered, fixture->fresh_live, NULL);
  AipRouter *shared =
      aip_router_new (fixture->config, secrets, fixture->discovered, fixture->shared_live, fixture->router);
  g_autofree char *expected = describe (fresh);
  g_autofree char *text = NULL;

  /* It must not need the one before any more. */
  g_clear_pointer (&fixture->router, aip_router_unref);
  fixture->router = shared;
  text = describe (shared);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_random (Fixture *fixture, gconstpointer data)
{
  guint n_saved = 0;

  for (guint i = 0; i < N_STEPS; i++)
    {
      n_saved += change_config (fixture) ? 1 : 0;
      if (happens (fixture, 10))
        change_discovered (fixture);
      change_secrets (fixture);
      check_step (fixture);
    }
  g_test_message ("%u of %u were saved", n_saved, N_STEPS);
  g_assert_cmpuint (n_saved, >, N_STEPS / 2);
}

/* --- what is shared --- */

static AipRouteRules *
make_rules (Fixture *fixture, const AipRouteRules *old)
{
  g_autoptr (GPtrArray) live = aip_live_keys_set_config (fixture->shared_live, fixture->config);
  AipRouteInput input = { fixture->config, (const AipKeySecret *) (const void *) fixture->secrets->data, NULL,
                          live };

  return aip_route_rules_new (&input, old);
}

static void
test_shared (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (AipConfig) old_config G_GNUC_UNUSED = aip_config_ref (fixture->config);
  g_autoptr (AipRouteRules) old = NULL;
  g_autoptr (AipRouteRules) new = NULL;

  g_array_set_size (fixture->secrets, fixture->config->keys->len);
  old = make_rules (fixture, NULL);
  aip_config_edit_set (edit, "key a", "weight", "7");
  aip_config_edit_set_base (edit, fixture->base);
  aip_config_unref (fixture->config);
  fixture->config =
      aip_config_edit_save (edit, (const char *const[]){ fixture->path, NULL }, NULL, NULL, NULL);
  g_assert_nonnull (fixture->config);
  new = make_rules (fixture, old);

  g_assert_true (new->live == old->live);
  g_assert_true (new->aliases == old->aliases);
  g_assert_true (new->own_keys == old->own_keys);
  g_assert_cmpuint (new->providers->len, ==, 4);
  for (guint i = 0; i < new->providers->len; i++)
    {
      const AipRouteProvider *provider = aip_route_rules_get_provider (new, i);
      const AipRouteProvider *before = aip_route_rules_get_provider (old, i);

      g_assert_true ((provider == before) == !g_str_equal (provider->config->name, "p"));
      g_assert_true (provider->names == before->names);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/router-shared/random", Fixture, NULL, set_up, test_random, tear_down);
  g_test_add ("/router-shared/shared", Fixture, NULL, set_up, test_shared, tear_down);
  return g_test_run ();
}
