/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-config-edit"

#include "config/aip-config-edit.h"

#include <string.h>

#include "base/aip-error.h"
#include "config-problems.h"

/* One change: "+group", "-group", "group|key=value" or "group|-key". */
static void
add (AipConfigEdit *edit, const char *change)
{
  g_auto (GStrv) parts = g_strsplit (change, "|", 2);
  char *equals;

  if (*change == '+')
    aip_config_edit_add_group (edit, change + 1);
  else if (*change == '-')
    aip_config_edit_remove_group (edit, change + 1);
  else if (parts[1][0] == '-')
    aip_config_edit_unset (edit, parts[0], parts[1] + 1);
  else
    {
      equals = strchr (parts[1], '=');
      g_assert_nonnull (equals);
      *equals = '\0';
      aip_config_edit_set (edit, parts[0], parts[1], equals + 1);
    }
}

static char *
apply (const char *text, const char *const *changes, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();

  for (; *changes != NULL; changes++)
    add (edit, *changes);
  return aip_config_edit_apply (edit, text, error);
}

typedef struct
{
  const char *text;
  const char *changes[4];
  const char *result;
} Case;

static void
check_cases (const Case *cases, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *result = apply (cases[i].text, cases[i].changes, &error);

      g_test_message ("%s on <%s>", cases[i].changes[0], cases[i].text);
      g_assert_no_error (error);
      g_assert_cmpstr (result, ==, cases[i].result);
    }
}

static void
test_set (void)
{
  static const Case cases[] = {
    /* Only the value changes. */
    { "[retry]\nmax-attempts=3\n", { "retry|max-attempts=5" }, "[retry]\nmax-attempts=5\n" },
    { "[retry]\n\t max-attempts \t=  3  \nenabled=true\n",
      { "retry|max-attempts=5" },
      "[retry]\n\t max-attempts \t=  5  \nenabled=true\n" },
    { "[retry]\r\nmax-attempts = 3\r\n", { "retry|max-attempts=5" }, "[retry]\r\nmax-attempts = 5\r\n" },
    { "[retry]\nmax-attempts=3", { "retry|max-attempts=5" }, "[retry]\nmax-attempts=5" },
    { "[retry]\nmax-attempts=", { "retry|max-attempts=5" }, "[retry]\nmax-attempts=5" },

    /* What only looks like its header is none; of two, the first one counts. */
    { "# [retry]\n[log]\nlevel=[retry]\n;[retry]\n[[retry]]\n[retry]x\n[retry] # y\n  "
      "[retry]\t\n\nmax-attempts=3\n"
      "[log]\n[retry]\nmax-attempts=4\n",
      { "retry|max-attempts=5" },
      "# [retry]\n[log]\nlevel=[retry]\n;[retry]\n[[retry]]\n[retry]x\n[retry] # y\n  "
      "[retry]\t\n\nmax-attempts=5\n"
      "[log]\n[retry]\nmax-attempts=4\n" },
    { "[retry]\nmax-attempts=5\n", { "retry|max-attempts=5" }, "[retry]\nmax-attempts=5\n" },
    { "[log]\nfile=a=b\n", { "log|file=c=d" }, "[log]\nfile=c=d\n" },
    { "[log]\nfile=/x\n", { "log|file=" }, "[log]\nfile=\n" },
    /* Nor does another group's. */
    { "[key a]\nweight=1\n[key b]\nweight=1\n",
      { "key b|weight=2" },
      "[key a]\nweight=1\n[key b]\nweight=2\n" },
    /* A new setting goes behind the last one, before what belongs to the next group. */
    { "[retry]\nenabled=true\n\n# the log\n[log]\n",
      { "retry|max-attempts=5" },
      "[retry]\nenabled=true\nmax-attempts=5\n\n# the log\n[log]\n" },
    { "[retry]\nenabled=true\n# the log\n[log]\n",
      { "retry|max-attempts=5" },
      "[retry]\nenabled=true\nmax-attempts=5\n# the log\n[log]\n" },
    { "[retry]", { "retry|max-attempts=5" }, "[retry]\nmax-attempts=5\n" },
    { "[retry]\n# none yet\n\n[log]\n",
      { "retry|max-attempts=5" },
      "[retry]\nmax-attempts=5\n# none yet\n\n[log]\n" },
    { "[retry]\r\nenabled=true",
      { "retry|max-attempts=5" },
      "[retry]\r\nenabled=true\r\nmax-attempts=5\r\n" },
    /* In the style of that one. */
    { "[retry]\n  enabled = true\n",
      { "retry|max-attempts=5" },
      "[retry]\n  enabled = true\n  max-attempts = 5\n" },
    { "[retry]\n  enabled =\n", { "retry|max-attempts=5" }, "[retry]\n  enabled =\n  max-attempts =5\n" },
    /* Below its example, but not below one of a group that is an example itself. */
    { "[retry]\n\n# attempts\n#max-attempts=3\n\n# more\n#backoff=none\n",
      { "retry|max-attempts=5" },
      "[retry]\n\n# attempts\n#max-attempts=3\nmax-attempts=5\n\n# more\n#backoff=none\n" },
    { "[retry]\nbackoff=none\n\n# [cache]\n# enabled=true\n",
      { "retry|enabled=true" },
      "[retry]\nbackoff=none\nenabled=true\n\n# [cache]\n# enabled=true\n" },
    /* Of two lines the loader takes the first. */
    { "[log]\nfile=a\nfile=b\n[log]\nfile=c\n", { "log|file=d" }, "[log]\nfile=d\nfile=b\n[log]\nfile=c\n" },
    /* What is wrong elsewhere is not ours. */
    { "bogus\n[x y]\n=\n[log]\nfil=a\n", { "log|file=d" }, "bogus\n[x y]\n=\n[log]\nfil=a\nfile=d\n" },
  };

  check_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_unset (void)
{
  static const Case cases[] = {
    { "[retry]\n# many\n#max-attempts=3\nmax-attempts=5\nenabled=true\n",
      { "retry|-max-attempts" },
      "[retry]\n# many\n#max-attempts=3\nenabled=true\n" },
    { "[retry]\nenabled=true", { "retry|-enabled" }, "[retry]\n" },
    { "[retry]\nenabled=true\n enabled = false\n", { "retry|-enabled" }, "[retry]\n" },
    { "[retry]\n", { "retry|-enabled" }, "[retry]\n" },
    { "", { "retry|-enabled" }, "" },
  };

  check_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_add_group (void)
{
  static const Case cases[] = {
    { "", { "+key a" }, "[key a]\n" },
    { "", { "log|level=info" }, "[log]\nlevel=info\n" },
    { "# mine\n", { "log|level=info" }, "# mine\n\n[log]\nlevel=info\n" },
    { "[log]\nfile=x", { "+retry" }, "[log]\nfile=x\n\n[retry]\n" },
    { "[log]\n\n", { "+retry" }, "[log]\n\n[retry]\n" },
    { "[log]\n  ", { "+retry" }, "[log]\n  \n[retry]\n" },
    { "[log]\r\n", { "retry|enabled=no" }, "[log]\r\n\r\n[retry]\r\nenabled=no\r\n" },
    { "[log]\n# last words", { "retry|enabled=no" }, "[log]\n# last words\n\n[retry]\nenabled=no\n" },
    /* Groups of one kind stay together. */
    { "[key a]\nprovider=p\n\n# general\n[log]\nfile=x\n",
      { "key b|provider=p", "key b|weight=2" },
      "[key a]\nprovider=p\n\n[key b]\nprovider=p\nweight=2\n\n# general\n[log]\nfile=x\n" },
    { "[key a]\nprovider=p\n# the log\n[log]\n",
      { "key b|provider=p" },
      "[key a]\nprovider=p\n\n[key b]\nprovider=p\n\n# the log\n[log]\n" },
    { "[key a]\nprovider=p\n#weight=2\n\n[log]\n",
      { "key b|provider=p" },
      "[key a]\nprovider=p\n#weight=2\n\n[key b]\nprovider=p\n\n[log]\n" },
    { "[key a]\n[log]\n", { "+key b", "+key c" }, "[key a]\n\n[key b]\n\n[key c]\n\n[log]\n" },
    { "[mapping x]\ntarget=y\n\n[key a]\nprovider=p\n",
      { "mapping z@p|target=y" },
      "[mapping x]\ntarget=y\n\n[mapping z@p]\ntarget=y\n\n[key a]\nprovider=p\n" },
  };

  check_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_remove_group (void)
{
  static const Case cases[] = {
    { "[key a]\nprovider=p\n", { "-key a" }, "" },
    { "[key a]\nprovider=p\n\n[key b]\nprovider=p\n\n[key c]\n",
      { "-key b" },
      "[key a]\nprovider=p\n\n[key c]\n" },
    { "[key a]\nprovider=p\n\n[key b]\nprovider=p", { "-key b" }, "[key a]\nprovider=p\n" },
    { "[key a]\nprovider=p\n\n[key b]\nprovider=p\n", { "-key a" }, "[key b]\nprovider=p\n" },
    { "[a]\n[key b]\n[c]\n", { "-key b" }, "[a]\n[c]\n" },
    /* Its own comments go, others stay. */
    { "# file\n\n# general\n\n# of b\n# of b too\n[key b]\n# on p\nprovider=p\n#weight=2\n\n# of c\n[key "
      "c]\n",
      { "-key b" },
      "# file\n\n# general\n\n# of c\n[key c]\n" },
    { "[key a]\n\n[key b]\nprovider=p\n\n# alone\n\nweight=2\n# of c\n[key c]\n",
      { "-key b" },
      "[key a]\n\n# alone\n\n# of c\n[key c]\n" },
    { "[key b]\nprovider=p\n\n# the end\n", { "-key b" }, "# the end\n" },
    { "[log]\n\n[key b]\nprovider=p\nbogus\n", { "-key b" }, "[log]\n\nbogus\n" },
    /* Both of two go, or the loader would still find one. */
    { "[key b]\nweight=1\n[log]\n[key b]\nweight=2\n[key b]\n", { "-key b" }, "[log]\n" },
    /* Nothing is left of what was added. */
    { "[log]\nfile=x\n", { "+key a", "key a|provider=p", "-key a" }, "[log]\nfile=x\n" },
    { "[key a]\n\n[key b]\n\n[log]\n", { "-key b", "+key c" }, "[key a]\n\n[key c]\n\n[log]\n" },
    { "[key a]\n\n[log]\n", { "-key a", "+key c" }, "[log]\n\n[key c]\n" },
  };

  check_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_refused (void)
{
  static const struct
  {
    const char *change;
    AipError code;
    const char *message;
  } cases[] = {
    { "+provder x", AIP_ERROR_INVALID_ARGUMENT,
      "[provder x]: there is no such group; did you mean provider?" },
    { "+s3cret==", AIP_ERROR_INVALID_ARGUMENT,
      "there is no such group; there are: server, routing, timeouts, retry, circuit-breaker, health-check, "
      "rate-limit, redis, jwt, log, cache, metrics, provider, key, mapping, client, tenant, model" },
    { "+log x", AIP_ERROR_INVALID_ARGUMENT, "[log]: has no name; write [log]" },
    { "+key", AIP_ERROR_INVALID_ARGUMENT,
      "[key]: needs a name; write [key NAME] with letters, digits, \"-\", \"_\", \".\"" },
    { "+key a]\n[key b", AIP_ERROR_INVALID_ARGUMENT,
      "[key]: needs a name; write [key NAME] with letters, digits, \"-\", \"_\", \".\"" },
    { "key a|wieght=1", AIP_ERROR_INVALID_ARGUMENT,
      "[key a] wieght: there is no such setting; did you mean weight?" },
    { "key a|-wieght", AIP_ERROR_INVALID_ARGUMENT,
      "[key a] wieght: there is no such setting; did you mean weight?" },
    { "key a|we\night=1", AIP_ERROR_INVALID_ARGUMENT,
      "[key a]: there is no such setting; did you mean weight?" },
    { "log|file=a\nb", AIP_ERROR_INVALID_ARGUMENT,
      "[log] file: has a control character, such as a line break; leave it out" },
    { "log|file=a\rb", AIP_ERROR_INVALID_ARGUMENT,
      "[log] file: has a control character, such as a line break; leave it out" },
    { "log|file= a", AIP_ERROR_INVALID_ARGUMENT, "[log] file: begins or ends with a blank; leave it out" },
    { "log|file=a\t", AIP_ERROR_INVALID_ARGUMENT, "[log] file: begins or ends with a blank; leave it out" },
    { "log|file=a\xff", AIP_ERROR_INVALID_ARGUMENT, "[log] file: is not UTF-8 text; correct it" },
    { "key a|models=a\\x", AIP_ERROR_INVALID_ARGUMENT,
      "[key a] models: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "key a|models=a\\", AIP_ERROR_INVALID_ARGUMENT,
      "[key a] models: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "+key there", AIP_ERROR_EXISTS, "there is a [key there] already" },
    { "-key a", AIP_ERROR_NOT_FOUND, "there is no [key a] in the file" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *changes[] = { cases[i].change, NULL };
      g_autoptr (GError) error = NULL;
      g_autofree char *result = apply ("[key there]\n", changes, &error);

      g_test_message ("%s", cases[i].change);
      g_assert_null (result);
      g_assert_error (error, AIP_ERROR, (int) cases[i].code);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }
}

/* What was set is what the loader reads. */
static void
test_round_trip_text (void)
{
  static const char *const values[] = { "",        "/a b", "\\",   "\\n",    "a;b\\;c", "#x",
                                        "[x]",     "a=b",  "a\tb", "\\\\",   "\"x\"",   "ü€",
                                        "x \\s y", ";",    "%s%n", "a#b ;c", "=",       "\\t\\\\;" };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      g_autofree char *problems = NULL;
      g_autoptr (AipConfig) config = NULL;

      aip_config_edit_set (edit, "log", "file", values[i]);
      text = aip_config_edit_apply (edit, "[log]\nfile = \\s\n", &error);
      g_assert_no_error (error);
      config = parse (text, &problems);
      /* A tab is no part of this setting's values, but it came through. */
      if (strchr (values[i], '\t') != NULL)
        g_assert_cmpstr (problems, ==,
                         "f:2: [log] file: has a control character, such as a line break; leave it out");
      else
        g_assert_cmpstr (config->log.file, ==, *values[i] == '\0' ? NULL : values[i]);
    }
}

static void
test_round_trip_list (void)
{
  static const char *const items[] = { "a",  "b;c", "\\",  "d\\;e", ";",    "f g",
                                       "\\", "#",   "[x]", "=",     "ü\\n", NULL };
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = NULL;

  aip_config_edit_add_group (edit, "provider p");
  aip_config_edit_set_list (edit, "provider p", "models", items);
  aip_config_edit_set (edit, "provider q", "models", " x\\;y ; z;");
  text = aip_config_edit_apply (edit, "", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==,
                   "[provider p]\nmodels=a;b\\;c;\\\\;d\\\\\\;e;\\;;f g;\\\\;#;[x];=;ü\\\\n\n"
                   "\n[provider q]\nmodels=x\\;y ; z;\n");
  config = parse (text, &problems);
  g_assert_true (g_strv_equal ((const char *const *) aip_config_find_provider (config, "p")->models, items));
  g_assert_cmpstr (aip_config_find_provider (config, "q")->models[0], ==, "x;y");
  g_assert_cmpstr (aip_config_find_provider (config, "q")->models[1], ==, "z");
  g_assert_null (aip_config_find_provider (config, "q")->models[2]);
}

static void
test_list_refused (void)
{
  static const struct
  {
    const char *key;
    const char *items[3];
    const char *message;
  } cases[] = {
    { "models", { "a", "" }, "has an entry that is empty, or begins or ends with a blank; leave that out" },
    { "models", { "a " }, "has an entry that is empty, or begins or ends with a blank; leave that out" },
    { "models", { "a\nb" }, "has a control character, such as a line break; leave it out" },
    { "weight", { "1" }, "is no list; give it one value" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *message = g_strdup_printf ("[key a] %s: %s", cases[i].key, cases[i].message);

      aip_config_edit_set_list (edit, "key a", cases[i].key, cases[i].items);
      g_assert_null (aip_config_edit_apply (edit, "", &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
      g_assert_cmpstr (error->message, ==, message);
    }
}

/* A thousand groups are added, changed and removed, and nothing of it is left. */
static void
test_many (void)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *group = g_strdup_printf ("key k%u", i);

      aip_config_edit_add_group (edit, group);
      aip_config_edit_set (edit, group, "provider", "p");
      aip_config_edit_set (edit, group, "weight", "2");
      aip_config_edit_unset (edit, group, "weight");
    }
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *group = g_strdup_printf ("key k%u", i);

      aip_config_edit_remove_group (edit, group);
    }
  text = aip_config_edit_apply (edit, "# mine\n[log]\nfile=x\n\n# yours\n", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "# mine\n[log]\nfile=x\n\n# yours\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/edit/set", test_set);
  g_test_add_func ("/config/edit/unset", test_unset);
  g_test_add_func ("/config/edit/add-group", test_add_group);
  g_test_add_func ("/config/edit/remove-group", test_remove_group);
  g_test_add_func ("/config/edit/refused", test_refused);
  g_test_add_func ("/config/edit/round-trip-text", test_round_trip_text);
  g_test_add_func ("/config/edit/round-trip-list", test_round_trip_list);
  g_test_add_func ("/config/edit/list-refused", test_list_refused);
  g_test_add_func ("/config/edit/many", test_many);
  return g_test_run ();
}
