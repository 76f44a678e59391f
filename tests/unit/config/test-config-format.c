/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-format"

#include "config/aip-config-format.h"

#include <string.h>

#include "config-problems.h"
#include "config/aip-config-schema.h"
#include "config/aip-config-types.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static AipConfig *
parse_valid (const char *text)
{
  g_autofree char *problems = NULL;
  AipConfig *config = parse (text, &problems);

  if (config == NULL)
    g_error ("%s\n%s", problems, text);
  return config;
}

static void
assert_format (const char *text, gboolean defaults, const char *expected)
{
  g_autoptr (AipConfig) config = parse_valid (text);
  g_autofree char *formatted = aip_config_format (config, defaults);

  g_assert_cmpstr (formatted, ==, expected);
}

static void
test_only_what_differs (void)
{
  assert_format ("", FALSE, "");
  assert_format ("[retry]\nmax-attempts=3\nenabled=on\n[server]\nlisten=127.0.0.1:8000;[::1]:8000;\n"
                 "max-body=65536KiB\n",
                 FALSE, "");
  assert_format ("[retry]\nmax-attempts=4\nbase-delay=0\n[server]\nmax-body=1MB\nlisten=127.0.0.1:1\n[log]\n"
                 "file=/a \\\\b\n",
                 FALSE,
                 "[server]\nlisten=127.0.0.1:1\nmax-body=1MB\n\n[retry]\nmax-attempts=4\nbase-delay=0ms\n\n"
                 "[log]\nfile=/a \\\\b\n");
}

static void
test_named_groups (void)
{
  assert_format ("[key k]\nprovider=b\nsecret=env:KEY\n[key l]\nprovider=a\n"
                 "[provider b]\ndialect=anthropic\nbase-url=https://api.anthropic.com/\n"
                 "[provider a]\nbase-url=http://127.0.0.1:1/v1\nmodels=x\\;y; z\nidle-timeout=60s\n"
                 "connect-timeout=11s\n"
                 "[mapping x]\ntarget=y\n[mapping x@a]\ntarget=z;w\n[mapping q]\nprovider=b\ntarget=r\n"
                 "[mapping a@b@a]\ntarget=y\n[mapping @a]\ntarget=y\n",
                 FALSE,
                 "[provider b]\ndialect=anthropic\n\n"
                 "[provider a]\nbase-url=http://127.0.0.1:1/v1\nmodels=x\\;y;z\nconnect-timeout=11s\n\n"
                 "[key k]\nprovider=b\nsecret=env:KEY\n\n[key l]\nprovider=a\n\n"
                 "[mapping x]\ntarget=y\n\n[mapping x@a]\ntarget=z;w\n\n[mapping q]\ntarget=r\nprovider=b\n\n"
                 "[mapping a@b@a]\ntarget=y\n\n[mapping @a]\ntarget=y\n");
}

static void
test_inherited (void)
{
  assert_format ("[timeouts]\nidle=5s\n[provider a]\nidle-timeout=60s\n[provider b]\nidle-timeout=5s\n",
                 FALSE, "[timeouts]\nidle=5s\n\n[provider a]\nidle-timeout=1m\n\n[provider b]\n");
}

static void
test_hidden (void)
{
  assert_format ("[provider a]\nheaders=X-Org: s3cret;X-Other: a\\;b\n"
                 "[provider z]\ndialect=azure\n"
                 "base-url=https://z.openai.azure.com?api-version=1&api-key=s3cret0123456789abcdef\n"
                 "[client c]\ntoken-sha256=" DIGEST "\n",
                 FALSE,
                 "[provider a]\nheaders=X-Org: (hidden);X-Other: (hidden)\n\n"
                 "[provider z]\ndialect=azure\nbase-url=(hidden)\n\n"
                 "[client c]\ntoken-sha256=" DIGEST "\n");
}

/* Every setting of every group is there. */
static void
test_defaults (void)
{
  g_autoptr (AipConfig) config = parse_valid (
      "[provider p]\n[key k]\nprovider=p\n[mapping m]\ntarget=t\n[client c]\ntoken-sha256=" DIGEST
      "\n[tenant t]\n[model m]\n");
  g_autofree char *text = aip_config_format (config, TRUE);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    {
      static const char *const names[][2] = {
        { "provider", "provider p" }, { "key", "key k" },       { "mapping", "mapping m" },
        { "client", "client c" },     { "tenant", "tenant t" }, { "model", "model m" },
      };
      const char *group = kind->name;

      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        if (g_str_equal (names[i][0], kind->name))
          group = names[i][1];
      for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
        {
          g_test_message ("[%s] %s", group, setting->key);
          g_assert_true (g_key_file_has_key (file, group, setting->key, NULL));
        }
    }
}

static void
assert_double (double value, const char *expected)
{
  g_autofree char *text = aip_setting_price.format (&value);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_doubles (void)
{
  double tiny = 4.9406564584124654e-324;
  g_autofree char *text = aip_setting_price.format (&tiny);

  assert_double (-1, "");
  assert_double (0, "0");
  assert_double (0.5, "0.5");
  assert_double (0.1, "0.1");
  assert_double (1000000000, "1000000000");
  assert_double (0.15000000000000002, "0.15000000000000002");
  assert_double (1e-7, "0.0000001");
  g_assert_cmpuint (strlen (text), ==, 326);
  g_assert_true (g_ascii_strtod (text, NULL) == tiny);
}

/* --- what is written is what was read --- */

typedef struct
{
  const AipSettingType *type;
  const char *texts[6];
} Sample;

static const Sample samples[] = {
  { &aip_setting_boolean, { "true", "no", "0", "ON" } },
  { &aip_setting_int, { "-3", "0", "7" } },
  { &aip_setting_uint, { "1", "2", "20" } },
  { &aip_setting_uint64, { "0", "5", "9223372036854775807" } },
  { &aip_setting_double, { "0.123456789012345678", "1", "0.00001", "0" } },
  { &aip_setting_price, { "", "0", "0.075", "12.5" } },
  { &aip_setting_duration, { "1001ms", "90s", "1h", "3600 s" } },
  { &aip_setting_size, { "1MiB", "1000001", "20 mb", "1536KiB" } },
  { &aip_setting_list, { "", "a", "a;b;", "x\\;y;\\\\;z w", "ü*;#;=", "a\\\\n;[b]" } },
  { &aip_setting_hosts, { "", "ai.example;ai.example:8000", "[::2]" } },
  { &aip_setting_origins, { "", "https://a.example;app+x://b" } },
  { &aip_setting_retry_on, { "", "500;cut", "connect" } },
  { &aip_setting_listen, { "127.0.0.1:0", "[::1]:9;unix:/run/a\\;b c" } },
  { &aip_setting_proxy, { "", "none", "socks5h://127.0.0.1:9" } },
  { &aip_setting_secret, { "keyring", "env:KEY_1", "credential:a.b" } },
};

/* Returns NULL where the setting is better left out. */
static const char *
pick_value (GRand *rand, const AipSetting *setting)
{
  if (setting->choices != NULL)
    {
      guint n = g_strv_length ((char **) setting->choices);

      return setting->choices[g_rand_int_range (rand, 0, (gint32) n)];
    }
  for (guint i = 0; i < G_N_ELEMENTS (samples); i++)
    if (samples[i].type == setting->type)
      {
        guint n = 0;

        while (n < G_N_ELEMENTS (samples[i].texts) && samples[i].texts[n] != NULL)
          n++;
        return samples[i].texts[g_rand_int_range (rand, 0, (gint32) n)];
      }
  if (g_str_equal (setting->key, "file"))
    return "/var/log/a b\\\\c=d";
  if (g_str_equal (setting->key, "provider") || g_str_equal (setting->key, "default-provider"))
    return g_rand_boolean (rand) ? "p1" : "p2";
  if (g_str_equal (setting->key, "base-url"))
    return "https://x.example/v1/";
  if (g_str_equal (setting->key, "tenant"))
    return "t1";
  return NULL;
}

static void
append_random_group (GRand *rand, GString *text, const AipSettingGroup *kind, const char *name, guint number)
{
  g_string_append_printf (text, "[%s%s%s]\n", kind->name, name == NULL ? "" : " ", name == NULL ? "" : name);
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    {
      const char *value = pick_value (rand, setting);

      if (g_str_equal (setting->key, "token-sha256"))
        g_string_append_printf (text, "token-sha256=%064x\n", number + 1);
      else if (g_str_equal (setting->key, "target"))
        g_string_append (text, "target=a;b\\;c\n");
      else if (value != NULL && (setting->required || g_rand_boolean (rand)))
        g_string_append_printf (text, "%s=%s\n", setting->key, value);
    }
}

static char *
make_random_text (GRand *rand)
{
  GString *text = g_string_new (NULL);

  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    for (guint i = 1; i < 4; i++)
      {
        g_autofree char *name =
            g_strdup_printf (kind->loose_names && i == 3 ? "%c%u@p1" : "%c%u", *kind->name, i);

        if (kind->size > 0)
          append_random_group (rand, text, kind, name, i);
        else if (i == 1)
          append_random_group (rand, text, kind, NULL, i);
      }
  return g_string_free (text, FALSE);
}

static void
assert_equal_field (const AipSetting *setting, const void *a, const void *b)
{
  const AipSettingType *type = setting->type;

  if (type == &aip_setting_headers || type == &aip_setting_secret)
    g_assert_true (type != &aip_setting_secret || *(const AipKeyRefKind *) a == *(const AipKeyRefKind *) b);
  else if (type->format_items != NULL)
    g_assert_true (g_strv_equal (*(const char *const *const *) a, *(const char *const *const *) b));
  else if (type->clear != NULL)
    g_assert_cmpstr (*(const char *const *) a, ==, *(const char *const *) b);
  else if (type == &aip_setting_double || type == &aip_setting_price)
    g_assert_true (*(const double *) a == *(const double *) b);
  else if (type == &aip_setting_duration || type == &aip_setting_size || type == &aip_setting_uint64)
    g_assert_cmpuint (*(const guint64 *) a, ==, *(const guint64 *) b);
  else if (type == &aip_setting_digest)
    g_assert_cmpmem (a, 32, b, 32);
  else
    g_assert_cmpint (*(const int *) a, ==, *(const int *) b);
}

static void
assert_equal_section (const AipSettingGroup *kind, const void *a, const void *b)
{
  for (const AipSetting *setting = kind->settings; setting->key != NULL; setting++)
    assert_equal_field (setting, G_STRUCT_MEMBER_P (a, setting->offset),
                        G_STRUCT_MEMBER_P (b, setting->offset));
}

static void
assert_equal_config (const AipConfig *a, const AipConfig *b)
{
  for (const AipSettingGroup *kind = aip_setting_groups; kind->name != NULL; kind++)
    {
      const GPtrArray *left = G_STRUCT_MEMBER (GPtrArray *, a, kind->offset);
      const GPtrArray *right = G_STRUCT_MEMBER (GPtrArray *, b, kind->offset);

      if (kind->size == 0)
        {
          assert_equal_section (kind, G_STRUCT_MEMBER_P (a, kind->offset),
                                G_STRUCT_MEMBER_P (b, kind->offset));
          continue;
        }
      g_assert_cmpuint (left->len, ==, right->len);
      for (guint i = 0; i < left->len; i++)
        {
          g_assert_cmpstr (*(char **) left->pdata[i], ==, *(char **) right->pdata[i]);
          assert_equal_section (kind, left->pdata[i], right->pdata[i]);
        }
    }
  for (guint i = 0; i < a->keys->len; i++)
    g_assert_cmpstr (((AipKeyConfig *) a->keys->pdata[i])->ref, ==,
                     ((AipKeyConfig *) b->keys->pdata[i])->ref);
}

static void
test_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint valid = 0;

  for (guint i = 0; i < 400; i++)
    {
      g_autofree char *text = make_random_text (rand);
      g_autofree char *problems = NULL;
      g_autoptr (AipConfig) config = parse (text, &problems);

      /* Some contradict themselves. */
      if (config == NULL)
        continue;
      valid++;
      for (gboolean defaults = FALSE; defaults <= TRUE; defaults++)
        {
          g_autofree char *formatted = aip_config_format (config, defaults);
          g_autoptr (AipConfig) again = parse_valid (formatted);
          g_autofree char *once_more = aip_config_format (again, defaults);

          assert_equal_config (config, again);
          g_assert_cmpstr (formatted, ==, once_more);
        }
    }
  g_test_message ("%u of them valid", valid);
  g_assert_cmpuint (valid, >, 20);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/format/only-what-differs", test_only_what_differs);
  g_test_add_func ("/config/format/named-groups", test_named_groups);
  g_test_add_func ("/config/format/inherited", test_inherited);
  g_test_add_func ("/config/format/hidden", test_hidden);
  g_test_add_func ("/config/format/defaults", test_defaults);
  g_test_add_func ("/config/format/doubles", test_doubles);
  g_test_add_func ("/config/format/round-trip", test_round_trip);
  return g_test_run ();
}
