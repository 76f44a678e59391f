/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-base-random"

#include "config/aip-config-edit.h"

#include "config/aip-config-schema.h"
#include "save-fixture.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define N_STEPS 700

/* What a change made with a base says, writes and gives is what one without a base does. */

static const char *const initial = "# mine\n" PROVIDER "models=m;n\n\n[provider q]\ndialect=anthropic\n\n"
                                   "[key a]\nprovider=p\nweight=2\n\n[key b]\nprovider=q\nsecret=env:B\n\n"
                                   "[mapping x]\ntarget=m\n\n[mapping x@q]\ntarget=y;z\n\n"
                                   "[mapping y@0]\ntarget=y\nprovider=p\n\n"
                                   "[jwt]\nsecret=env:JWT\nissuer=i\naudience=a\n\n"
                                   "[client c]\ntoken-sha256=" DIGEST "\n\n[client d]\ntenant=t\n\n"
                                   "[tenant t]\n\n[model m]\ncontext=9\n\n[routing]\nstrategy=random\n";

static const char *const groups[] = {
  "server",     "routing",     "timeouts",     "retry",    "circuit-breaker", "jwt",        "redis",
  "log",        "provider p",  "provider p",   "key a",    "key a",           "key b",      "key b",
  "mapping x",  "mapping x@q", "mapping x@q",  "client c", "client d",        "tenant t",   "model m",
  "provider q", "mapping y@0", "provider low", "key low",  "key new",         "client new", "mapping z@p",
};

/* Some are wrong everywhere, most somewhere. */
static const char *const values[] = {
  "p",       "q",
  "low",     "m",
  "t",       "0",
  "1",       "2",
  "3",       "7s",
  "9m",      "true",
  "false",   "random",
  "openai",  "a;b",
  "x@q",     "y;z@p",
  "env:B",   "env:C",
  "keyring", "https://other.example",
  "nobody",  "",
  "X-A: b",  "failover",
  DIGEST,
};

static const char *const lows[] = {
  "",
  "[provider low]\nbase-url=https://low.example\n[key low]\nprovider=low\n",
  "[key a]\nprovider=p\nrpm=77\n[timeouts]\nconnect=3s\n",
  "[jwt]\nsecret=env:LOW\nissuer=low\naudience=low\n",
};

static const char *const environment[] = { "AIPROXY_RETRY_MAX_ATTEMPTS=5", "AIPROXY_KEY_B_RPM=11", NULL };

static const char *
pick (GRand *random, const char *const *texts, gsize n)
{
  return texts[g_rand_int_range (random, 0, (gint32) n)];
}

static void
add_setting (AipConfigEdit *edit, GRand *random, const char *group)
{
  const AipSettingGroup *kind = aip_setting_group_find (group, NULL);
  const AipSetting *setting;
  guint n = 0;

  while (kind->settings[n].key != NULL)
    n++;
  setting = &kind->settings[g_rand_int_range (random, 0, (gint32) n)];
  if (g_rand_int_range (random, 0, 4) == 0)
    aip_config_edit_unset (edit, group, setting->key);
  else if (setting->choices != NULL && g_rand_boolean (random))
    aip_config_edit_set (edit, group, setting->key,
                         pick (random, setting->choices, g_strv_length ((char **) setting->choices)));
  else
    aip_config_edit_set (edit, group, setting->key, pick (random, values, G_N_ELEMENTS (values)));
}

/* Each setting alone would be warned of. */
static void
unset_all (AipConfigEdit *edit, const char *group)
{
  const AipSettingGroup *kind = aip_setting_group_find (group, NULL);

  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    aip_config_edit_unset (edit, group, setting->key);
}

static AipConfigEdit *
make_edit (GRand *random)
{
  AipConfigEdit *edit = aip_config_edit_new ();
  const char *group = pick (random, groups, G_N_ELEMENTS (groups));
  gint32 what = g_rand_int_range (random, 0, 40);

  if (what == 0)
    aip_config_edit_remove_group (edit, group);
  else if (what == 1)
    aip_config_edit_add_group (edit, group);
  else if (what == 2)
    unset_all (edit, g_rand_boolean (random) ? group : "jwt");
  for (gint32 i = g_rand_int_range (random, 0, 4); what > 2 && i < 4; i++)
    add_setting (edit, random,
                 g_rand_boolean (random) ? group : pick (random, groups, G_N_ELEMENTS (groups)));
  return edit;
}

static void
assert_same_setting (const AipSetting *setting, const void *a, const void *b)
{
  const void *x = G_STRUCT_MEMBER_P (a, setting->offset);
  const void *y = G_STRUCT_MEMBER_P (b, setting->offset);

  if (setting->type->format_items != NULL)
    {
      g_auto (GStrv) left = setting->type->format_items (x);
      g_auto (GStrv) right = setting->type->format_items (y);

      g_assert_cmpstrv (left, right);
      return;
    }
  g_autofree char *left = setting->type->format (x);
  g_autofree char *right = setting->type->format (y);

  g_assert_cmpstr (left, ==, right);
}

static void
assert_same_section (const AipSettingGroup *kind, const void *a, const void *b)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    assert_same_setting (setting, a, b);
}

static void
assert_same_sections (const AipSettingGroup *kind, const GPtrArray *a, const GPtrArray *b)
{
  g_assert_cmpuint (a->len, ==, b->len);
  for (guint i = 0; i < a->len; i++)
    {
      const void *x = g_ptr_array_index (a, i);
      const void *y = g_ptr_array_index (b, i);

      /* Every struct of a named group begins with its name. */
      g_assert_cmpstr (*(char *const *) x, ==, *(char *const *) y);
      assert_same_section (kind, x, y);
      if (g_str_equal (kind->name, "mapping"))
        g_assert_cmpint (((const AipMappingConfig *) x)->at_provider, ==,
                         ((const AipMappingConfig *) y)->at_provider);
    }
}

static void
assert_same (const AipConfig *a, const AipConfig *b)
{
  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    if (kind->size > 0)
      assert_same_sections (kind, G_STRUCT_MEMBER (GPtrArray *, a, kind->offset),
                            G_STRUCT_MEMBER (GPtrArray *, b, kind->offset));
    else
      assert_same_section (kind, G_STRUCT_MEMBER_P (a, kind->offset), G_STRUCT_MEMBER_P (b, kind->offset));
  g_assert_cmpint (a->server.listen_is_default, ==, b->server.listen_is_default);
}

/* Returns whether it was saved. */
static gboolean
save_both (Fixture *fixture, AipConfigBase *base, AipConfigEdit *edit)
{
  static const AipConfigOverrides overrides = { .demo = TRUE };
  g_autofree char *before = NULL;
  g_autofree char *written = NULL;
  g_autoptr (GError) expected_error = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (AipConfig) expected = NULL;
  g_autoptr (AipConfig) config = NULL;

  g_assert_true (g_file_get_contents (fixture->high, &before, NULL, NULL));
  expected = save_with (fixture, edit, environment, &overrides, &expected_error);
  g_assert_true (g_file_get_contents (fixture->high, &written, NULL, NULL));
  write_file (fixture->high, before);

  aip_config_edit_set_base (edit, base);
  config = save_with (fixture, edit, environment, &overrides, &error);
  assert_file (fixture->high, written);
  g_assert_cmpint (config == NULL, ==, expected == NULL);
  if (config == NULL)
    g_assert_cmpstr (error->message, ==, expected_error->message);
  else
    assert_same (config, expected);
  return config != NULL;
}

static void
test_random (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  guint n_saved = 0;

  for (guint i = 0; i < N_STEPS; i++)
    {
      g_autoptr (AipConfigEdit) edit = make_edit (random);

      /* Edits that remove things leave less and less to edit. */
      if (i % 50 == 0)
        write_file (fixture->high, initial);
      if (i % 30 == 0)
        write_file (fixture->low, pick (random, lows, G_N_ELEMENTS (lows)));
      n_saved += save_both (fixture, base, edit) ? 1 : 0;
    }
  g_test_message ("%u of %u were saved", n_saved, N_STEPS);
  g_assert_cmpuint (n_saved, >, N_STEPS / 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("base/random", test_random);
  return g_test_run ();
}
