/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-base"

#include "config/aip-config-edit.h"

#include "config/aip-config-format.h"
#include "config/aip-config-schema.h"
#include "save-fixture.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const initial = "# mine\n" PROVIDER "models=m;n\n\n[provider q]\ndialect=anthropic\n\n"
                                   "[key a]\nprovider=p\nweight=2\n\n[key b]\nprovider=q\nsecret=env:B\n\n"
                                   "[mapping x]\ntarget=m\n\n[mapping x@q]\ntarget=y;z\n\n"
                                   "[client c]\ntoken-sha256=" DIGEST "\n\n[routing]\nstrategy=random\n";

typedef struct
{
  const char *group;
  const char *key;   /* NULL: add the group */
  const char *value; /* NULL: take it out */
} Step;

/* Each kind of group, one after another, with what is there and what is not, and what the base cannot do. */
static const Step steps[] = {
  { "key a", "weight", "3" },
  { "key a", "weight", "4" },
  { "key b", "rpm", "5" },
  { "key b", "rpm", "6" },
  { "key b", "secret", NULL },
  { "key a", "provider", "q" },
  { "mapping x", "target", "n;m" },
  { "mapping x@q", "target", "w" },
  { "mapping x", "strategy", "random" },
  { "mapping x@q", "strategy", "round_robin" },
  { "routing", "strategy", "round_robin" },
  { "timeouts", "connect", "9s" },
  { "timeouts", "connect", "8s" },
  { "provider p", "connect-timeout", "7s" },
  { "provider p", "base-url", "https://other.example/" },
  { "provider q", "dialect", "openai" },
  { "client c", "rpm", "8" },
  { "key d", NULL, NULL },
  { "key a", "priority", "1" },
};

static AipConfig *
save_step (Fixture *fixture, AipConfigBase *base, const Step *step, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();

  aip_config_edit_set_base (edit, base);
  if (step->key == NULL)
    {
      aip_config_edit_add_group (edit, step->group);
      aip_config_edit_set (edit, step->group, "provider", "p");
    }
  else if (step->value == NULL)
    aip_config_edit_unset (edit, step->group, step->key);
  else
    aip_config_edit_set (edit, step->group, step->key, step->value);
  return save_with (fixture, edit, NULL, NULL, error);
}

/* What was saved is what a start would read. */
static void
assert_as_read (Fixture *fixture, const AipConfig *config)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };
  g_autoptr (AipConfig) whole = aip_config_load (paths, NULL, NULL, NULL);
  g_autofree char *expected = NULL;
  g_autofree char *text = NULL;

  g_assert_nonnull (whole);
  expected = aip_config_format (whole, TRUE);
  text = aip_config_format (config, TRUE);
  g_assert_cmpstr (text, ==, expected);
}

static AipConfig *
save_and_compare (Fixture *fixture, AipConfigBase *base, const Step *step)
{
  g_autoptr (GError) error = NULL;
  AipConfig *config = save_step (fixture, base, step, &error);

  g_assert_no_error (error);
  assert_as_read (fixture, config);
  return config;
}

static void
test_as_read (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autoptr (AipConfig) first = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  write_file (fixture->high, initial);
  first = save_and_compare (fixture, base, &steps[0]);
  before = aip_config_format (first, TRUE);
  for (gsize i = 1; i < G_N_ELEMENTS (steps); i++)
    {
      G_GNUC_UNUSED g_autoptr (AipConfig) config = save_and_compare (fixture, base, &steps[i]);
    }
  /* Snapshots never change, whatever they share with later ones. */
  after = aip_config_format (first, TRUE);
  g_assert_cmpstr (after, ==, before);
}

static void
test_shares (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autoptr (AipConfig) first = NULL;
  g_autoptr (AipConfig) second = NULL;

  write_file (fixture->high, initial);
  first = save_and_compare (fixture, base, &steps[0]);
  second = save_and_compare (fixture, base, &steps[1]);
  g_assert_true (g_ptr_array_index (first->keys, 0) != g_ptr_array_index (second->keys, 0));
  g_assert_true (g_ptr_array_index (first->keys, 1) == g_ptr_array_index (second->keys, 1));
  g_assert_true (g_ptr_array_index (first->mappings, 1) == g_ptr_array_index (second->mappings, 1));
  /* They outlive each other. */
  g_clear_pointer (&first, aip_config_unref);
  assert_as_read (fixture, second);
}

static AipConfig *
load_into (Fixture *fixture, AipConfigBase *base)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();

  return aip_config_base_load (base, paths, NULL, NULL, problems);
}

/* The first change after a reading is as cheap as the second one. */
static void
test_loaded (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autofree char *by_hand = g_strconcat (initial, "\n[retry]\nmax-attempts=6\n", NULL);
  g_autoptr (AipConfig) loaded = NULL;
  g_autoptr (AipConfig) changed = NULL;

  write_file (fixture->high, initial);
  loaded = load_into (fixture, base);
  assert_as_read (fixture, loaded);
  changed = save_and_compare (fixture, base, &steps[0]);
  g_assert_true (g_ptr_array_index (changed->keys, 0) != g_ptr_array_index (loaded->keys, 0));
  g_assert_true (g_ptr_array_index (changed->keys, 1) == g_ptr_array_index (loaded->keys, 1));

  write_file (fixture->high, by_hand);
  g_clear_pointer (&loaded, aip_config_unref);
  g_clear_pointer (&changed, aip_config_unref);
  loaded = load_into (fixture, base);
  changed = save_and_compare (fixture, base, &steps[0]);
  g_assert_cmpuint (changed->retry.max_attempts, ==, 6);
  g_assert_true (g_ptr_array_index (changed->keys, 1) == g_ptr_array_index (loaded->keys, 1));
}

static void
test_loaded_and_overtaken (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autofree char *by_hand = g_strconcat (initial, "\n[retry]\nmax-attempts=6\n", NULL);
  g_autoptr (AipConfig) loaded = NULL;
  g_autoptr (AipConfig) changed = NULL;
  g_autoptr (AipConfig) again = NULL;

  write_file (fixture->high, initial);
  loaded = load_into (fixture, base);
  write_file (fixture->high, by_hand);
  changed = save_and_compare (fixture, base, &steps[0]);
  g_assert_cmpuint (changed->retry.max_attempts, ==, 6);
  g_clear_pointer (&loaded, aip_config_unref);
  loaded = load_into (fixture, base);
  write_file (fixture->low, "[key a]\nprovider=p\nrpm=77\n");
  again = save_and_compare (fixture, base, &steps[1]);
  g_assert_cmpuint (((AipKeyConfig *) g_ptr_array_index (again->keys, 0))->rpm, ==, 77);
}

/* What cannot be used, is warned of, or is not there, makes no base; the reading says the same. */
static void
test_loaded_in_vain (Fixture *fixture, gconstpointer data)
{
  static const char *const texts[] = { "[key a]\nprovider=nobody\n", "[key a]\nsecret=sk-1\n", "a\xff\n", "",
                                       "[provider p]\ndialect=builtin\nbase-url=http://127.0.0.1:1\n" };
  const char *paths[] = { fixture->low, fixture->high, NULL };

  for (gsize i = 0; i <= G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (AipConfigBase) base = aip_config_base_new ();
      g_autoptr (GPtrArray) expected = aip_config_problems_new ();
      g_autoptr (GPtrArray) problems = aip_config_problems_new ();
      g_autoptr (AipConfig) plain = NULL;
      g_autoptr (AipConfig) loaded = NULL;
      G_GNUC_UNUSED g_autoptr (AipConfig) changed = NULL;
      g_autofree char *told = NULL;
      g_autofree char *expected_told = NULL;

      if (i < G_N_ELEMENTS (texts))
        write_file (fixture->high, texts[i]);
      else
        g_assert_cmpint (g_remove (fixture->high), ==, 0);
      plain = aip_config_load (paths, NULL, NULL, expected);
      loaded = aip_config_base_load (base, paths, NULL, NULL, problems);
      g_assert_cmpint (plain == NULL, ==, loaded == NULL);
      told = problems_join (problems);
      expected_told = problems_join (expected);
      g_assert_cmpstr (told, ==, expected_told);
      write_file (fixture->high, initial);
      changed = save_and_compare (fixture, base, &steps[0]);
    }
}

/* What somebody else writes, to either file, is not overlooked. */
static void
test_others_write (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  g_autoptr (AipConfig) first = NULL;
  g_autoptr (AipConfig) second = NULL;
  g_autoptr (AipConfig) third = NULL;
  g_autofree char *text = g_strconcat (initial, "\n[retry]\nmax-attempts=6\n", NULL);

  write_file (fixture->high, initial);
  first = save_and_compare (fixture, base, &steps[0]);
  write_file (fixture->high, text);
  second = save_and_compare (fixture, base, &steps[0]);
  g_assert_cmpuint (second->retry.max_attempts, ==, 6);
  write_file (fixture->low, "[key a]\nprovider=p\nrpm=77\n");
  third = save_and_compare (fixture, base, &steps[1]);
  g_assert_cmpuint (((AipKeyConfig *) g_ptr_array_index (third->keys, 0))->rpm, ==, 77);
}

static gboolean
write_meanwhile (const AipConfig *config, GPtrArray *problems, void *user_data)
{
  write_file (user_data, "[key a]\nprovider=p\nrpm=77\n");
  return TRUE;
}

/* Nor is what is written while a change is made, be it with a full reading or without. */
static void
test_written_meanwhile (Fixture *fixture, gconstpointer data)
{
  for (guint n_before = 0; n_before < 2; n_before++)
    {
      g_autoptr (AipConfigBase) base = aip_config_base_new ();
      g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
      G_GNUC_UNUSED g_autoptr (AipConfig) first = NULL;
      g_autoptr (AipConfig) second = NULL;
      g_autoptr (AipConfig) third = NULL;
      g_autoptr (GError) error = NULL;

      write_file (fixture->low, "");
      write_file (fixture->high, initial);
      if (n_before > 0)
        first = save_and_compare (fixture, base, &steps[0]);
      aip_config_edit_set (edit, "key b", "rpm", "5");
      aip_config_edit_set_base (edit, base);
      aip_config_edit_set_check (edit, write_meanwhile, fixture->low);
      second = save_with (fixture, edit, NULL, NULL, &error);
      g_assert_no_error (error);
      third = save_and_compare (fixture, base, &steps[1]);
      g_assert_cmpuint (((AipKeyConfig *) g_ptr_array_index (third->keys, 0))->rpm, ==, 77);
    }
}

/* A value that is refused is told of as without a base, and the next change begins where it should. */
static void
test_refused (Fixture *fixture, gconstpointer data)
{
  static const Step wrong[] = {
    { "key a", "weight", "many" },
    { "key a", "provider", "nobody" },
    { "mapping x", "target", "" },
    { "key a", "wait", "3" },
  };

  write_file (fixture->high, initial);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (AipConfigBase) base = aip_config_base_new ();
      G_GNUC_UNUSED g_autoptr (AipConfig) first = save_and_compare (fixture, base, &steps[0]);
      g_autoptr (AipConfig) last = NULL;
      g_autoptr (GError) expected = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_null (save_step (fixture, NULL, &wrong[i], &expected));
      g_assert_null (save_step (fixture, base, &wrong[i], &error));
      g_assert_error (error, AIP_ERROR, expected->code);
      g_assert_cmpstr (error->message, ==, expected->message);
      last = save_and_compare (fixture, base, &steps[1]);
    }
}

/* Bytes that the base has never read are not taken for its text, however much of it stands before them. */
static void
test_wrong_bytes (Fixture *fixture, gconstpointer data)
{
  static const char *const rests[] = { "\0# rest\n", "# \xff\n", "# \xc3" };
  static const gsize lengths[] = { 8, 4, 3 };

  for (gsize i = 0; i < G_N_ELEMENTS (rests); i++)
    {
      g_autoptr (AipConfigBase) base = aip_config_base_new ();
      G_GNUC_UNUSED g_autoptr (AipConfig) first = NULL;
      g_autoptr (GError) expected = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *before = NULL;
      g_autofree char *after = NULL;
      gsize length = 0;
      g_autoptr (GString) text = NULL;

      write_file (fixture->high, initial);
      first = save_and_compare (fixture, base, &steps[0]);
      g_assert_true (g_file_get_contents (fixture->high, &before, &length, NULL));
      text = g_string_new_len (before, (gssize) length);
      g_string_append_len (text, rests[i], (gssize) lengths[i]);
      g_assert_true (g_file_set_contents (fixture->high, text->str, (gssize) text->len, NULL));
      g_assert_null (save_step (fixture, NULL, &steps[1], &expected));
      g_assert_null (save_step (fixture, base, &steps[1], &error));
      g_assert_cmpstr (error->message, ==, expected->message);
      g_assert_true (g_file_get_contents (fixture->high, &after, &length, NULL));
      g_assert_cmpmem (after, length, text->str, text->len);
    }
}

static AipConfig *
save_without_jwt (Fixture *fixture, AipConfigBase *base, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();

  aip_config_edit_set_base (edit, base);
  aip_config_edit_unset (edit, "jwt", "secret");
  aip_config_edit_unset (edit, "jwt", "issuer");
  aip_config_edit_unset (edit, "jwt", "audience");
  return save_with (fixture, edit, NULL, NULL, error);
}

/* Clients need no token of their own where others are let in without: until that ends. */
static void
test_spared (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text =
      g_strconcat (initial, "\n[jwt]\nsecret=env:JWT\nissuer=i\naudience=a\n\n[client d]\n", NULL);
  g_autoptr (AipConfigBase) base = aip_config_base_new ();
  G_GNUC_UNUSED g_autoptr (AipConfig) first = NULL;
  g_autoptr (GError) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;

  write_file (fixture->high, text);
  first = save_and_compare (fixture, base, &steps[0]);
  g_assert_true (g_file_get_contents (fixture->high, &before, NULL, NULL));
  g_assert_null (save_without_jwt (fixture, NULL, &expected));
  g_assert_null (save_without_jwt (fixture, base, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG);
  g_assert_cmpstr (error->message, ==, expected->message);
  assert_file (fixture->high, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("base/as-read", test_as_read);
  ADD ("base/shares", test_shares);
  ADD ("base/others-write", test_others_write);
  ADD ("base/written-meanwhile", test_written_meanwhile);
  ADD ("base/refused", test_refused);
  ADD ("base/wrong-bytes", test_wrong_bytes);
  ADD ("base/spared", test_spared);
  ADD ("base/loaded", test_loaded);
  ADD ("base/loaded-and-overtaken", test_loaded_and_overtaken);
  ADD ("base/loaded-in-vain", test_loaded_in_vain);
  return g_test_run ();
}
