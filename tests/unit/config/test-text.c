/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-text"

#include "config/aip-config-loader.h"

#include <string.h>

#include "config-problems.h"

typedef struct
{
  const char *text;
  const char *problems; /* all of them; "..." at the end: only what stands before it is compared */
} Case;

static void
assert_problems (const Case *test)
{
  g_autofree char *problems = NULL;
  gsize length = strlen (test->problems);

  g_test_message ("%s", test->problems);
  g_assert_null (parse (test->text, &problems));
  g_assert_null (strstr (problems, "hunter2"));
  if (!g_str_has_suffix (test->problems, "..."))
    g_assert_cmpstr (problems, ==, test->problems);
  else if (strncmp (problems, test->problems, length - 3) != 0)
    g_error ("%s", problems);
}

static void
test_lines (void)
{
  static const Case cases[] = {
    { "\nrubbish\n", "f:2: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "; comment\n", "f:1: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "=value\n", "f:1: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "[server\n", "f:1: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "[server] # here\n", "f:1: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "[a]b]\n", "f:1: is neither [group], key=value nor a comment; comments begin with \"#\"" },
    { "workers=1\n[server]\n",
      "f:1: a setting stands before the first group; put it below one, such as [server]" },
    { "[server]\nworkers=1\n\nworkers=2\n",
      "f:4: [server] workers: is set twice; line 2 has it first, keep one of them" },
    { "[server]\n[log]\n[server]\nworkers=1\n",
      "f:3: [server]: occurs twice; put its settings below line 1" },
    { "[server]\n\xff\xfe\n", "f:2: is not UTF-8 text; save the file as UTF-8" },
    { "[server]\r\nworkers = many\r\n",
      "f:2: [server] workers: is not a number in range; write a whole number from 0 to 256" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_problems (&cases[i]);
}

static void
test_names (void)
{
  static const Case cases[] = {
    { "[sever]\n", "f:1: [sever]: there is no such group; did you mean server?" },
    { "[providers openai]\n", "f:1: [providers openai]: there is no such group; did you mean provider?" },
    { "[Server]\n", "f:1: [Server]: there is no such group; did you mean server?" },
    { "[ server ]\n", "f:1: [ server ]: there is no such group; did you mean server?" },
    { "[circuit_breaker]\n",
      "f:1: [circuit_breaker]: there is no such group; did you mean circuit-breaker?" },
    { "[bananas]\nx=1\n", "f:1: [bananas]: there is no such group; there are: server, routing, ..." },
    { "[sk-abcdefghijklmnop0123]\n", "f:1: there is no such group; there are: ..." },
    { "[\x1b]\n", "f:1: there is no such group; there are: ..." },
    { "[]\n", "f:1: []: there is no such group; there are: ..." },
    { "[server main]\n", "f:1: [server]: has no name; write [server]" },
    { "[key]\n", "f:1: [key]: needs a name; write [key NAME] with letters, digits, \"-\", \"_\", \".\"" },
    { "[key a/b]\n", "f:1: [key]: needs a name; write [key NAME] with letters, digits, \"-\", \"_\", \".\"" },
    { "[key  a]\n", "f:1: [key]: needs a name; write [key NAME] with letters, digits, \"-\", \"_\", \".\"" },
    { "[model a b]\n", "f:1: [model]: needs a name; write [model NAME] with letters, digits, \"-\", \"_\", "
                       "\".\", \"/\", \":\" and "
                       "\"@\"" },
    { "[server]\nmax_body=1MiB\n",
      "f:2: [server] max_body: there is no such setting; did you mean max-body?" },
    { "[server]\nMax-Body=1MiB\n",
      "f:2: [server] Max-Body: there is no such setting; did you mean max-body?" },
    { "[server]\nlisten[de]=1\n", "f:2: [server]: there is no such setting; there are: listen, ..." },
    { "[metrics]\nbananas=1\n",
      "f:2: [metrics] bananas: there is no such setting; there are: enabled, public" },
    { "[metrics]\nQWxhZGRpbjpvcGVu1==\n",
      "f:2: [metrics]: there is no such setting; there are: enabled, public" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_problems (&cases[i]);
}

static void
test_values (void)
{
  static const Case cases[] = {
    { "[server]\nrequire-token=maybe\n",
      "f:2: [server] require-token: is neither true nor false; write true or false" },
    { "[server]\nworkers=-1\n",
      "f:2: [server] workers: is not a number in range; write a whole number from 0 to 256" },
    { "[server]\nworkers=\n",
      "f:2: [server] workers: is not a number in range; write a whole number from 0 to 256" },
    { "[server]\nmax-body=1\n", "f:2: [server] max-body: is out of range; write a size from 1KiB to 4GiB" },
    { "[server]\nmax-body=64\\xMiB\n",
      "f:2: [server] max-body: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "[log]\nfile=\\q\\\n", "f:2: [log] file: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "[log]\nfile=\\;\n", "f:2: [log] file: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "[server]\nallowed-hosts=a\\q;b\\\n",
      "f:2: [server] allowed-hosts: has a \"\\\" that means nothing; write \\\\ for a \"\\\"" },
    { "[server]\nmax-body=64M\n",
      "f:2: [server] max-body: is not a size; write a number with its unit, such as 512KiB, 10MB or 64MiB" },
    { "[timeouts]\nconnect=10\n", "f:2: [timeouts] connect: is not a duration; write a number with its unit, "
                                  "such as 250ms, 30s, 2m, 1h or 7d" },
    { "[timeouts]\nconnect=0\n",
      "f:2: [timeouts] connect: is out of range; write a duration from 1ms to 1h" },
    { "[circuit-breaker]\nerror-rate=50\n", "f:2: [circuit-breaker] error-rate: is not a number in range; "
                                            "write a number such as 0.5, from 0 to 1" },
    { "[provider a]\npriority=1001\n",
      "f:2: [provider a] priority: is not a number in range; write a whole number from -1000 to 1000" },
    { "[routing]\nstrategy=round-robin\n",
      "f:2: [routing] strategy: has no such value; did you mean round_robin?" },
    { "[routing]\nstrategy=\n",
      "f:2: [routing] strategy: has no such value; there are: weighted_score, ..." },
    { "[retry]\nretry-on=429;200\n",
      "f:2: [retry] retry-on: has an entry that is no fault; write HTTP statuses ..." },
    { "[retry]\nretry-on=429;dns\n",
      "f:2: [retry] retry-on: has an entry that is no fault; write HTTP statuses ..." },
    { "[log]\nfile=/tmp/a\\nb\n",
      "f:2: [log] file: has a control character, such as a line break; leave it out" },
    { "[provider a]\nmodels=gpt\\n4\n",
      "f:2: [provider a] models: has a control character, such as a line break; leave it out" },
    { "[provider a]\ndialect=open-ai\n",
      "f:2: [provider a] dialect: has no such value; did you mean openai?" },
    { "[provider a]\nproxy=http://u:hunter2@p\n",
      "f:2: [provider a] proxy: has a user name or password; leave it out: no secret stands in this file" },
    { "[server]\nlisten=\n",
      "f:2: [server] listen: is empty; write at least one address, such as 127.0.0.1:8000" },
    { "[server]\nlisten=localhost:80\n", "f:2: [server] listen: is not an IP address with a port; ..." },
    { "[server]\nlisten=127.0.0.1:80;127.0.0.1:80\n",
      "f:2: [server] listen: names one address twice; leave the second one out" },
    { "[server]\nallowed-hosts=https://a.example\n",
      "f:2: [server] allowed-hosts: has an entry that is no host; ..." },
    { "[server]\nallowed-hosts=*\n", "f:2: [server] allowed-hosts: has an entry that is no host; ..." },
    { "[server]\nallowed-origins=*\n", "f:2: [server] allowed-origins: has an entry that is no origin; ..." },
    { "[server]\nallowed-origins=null\n",
      "f:2: [server] allowed-origins: has an entry that is no origin; ..." },
    { "[server]\nallowed-origins=https://a/\n",
      "f:2: [server] allowed-origins: has an entry that is no origin; ..." },
    { "[client a]\ntoken-sha256=hunter2\n",
      "f:2: [client a] token-sha256: is not a SHA-256 digest of 64 hexadecimal digits; ..." },
    { "[client a]\n",
      "f:1: [client a] token-sha256: is missing; write the SHA-256 of the client's token, ..." },
    { "[key a]\n",
      "f:1: [key a] provider: is missing; write the name of the [provider NAME] that the key is for" },
    { "[mapping a]\n",
      "f:1: [mapping a] target: is missing; write the model, or list of models, that the ..." },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_problems (&cases[i]);
}

static void
test_headers (void)
{
  static const Case cases[] = {
    { "[provider a]\nheaders=hunter2\n",
      "f:2: [provider a] headers: has an entry without a header's name; ..." },
    { "[provider a]\nheaders=A B: c\n",
      "f:2: [provider a] headers: has an entry without a header's name; ..." },
    { "[provider a]\nheaders=A: b\\nX: c\n",
      "f:2: [provider a] headers: has a control character in a value, ..." },
    { "[provider a]\nheaders=A: b\\rc\n",
      "f:2: [provider a] headers: has a control character in a value, ..." },
    { "[provider a]\nheaders=authorization: Bearer hunter2\n",
      "f:2: [provider a] headers: has a header that carries a credential; ..." },
    { "[provider a]\nheaders=A: b;X-Api-Key: hunter2\n",
      "f:2: [provider a] headers: has a header that carries a credential; ..." },
    { "[provider a]\nheaders=Content-Length: 5\n",
      "f:2: [provider a] headers: has a header that the daemon sets itself; leave it out" },
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config =
      parse ("[provider a]\nheaders=OpenAI-Organization: org-1 ; Accept: a\\;q=1;Empty:;\n", &problems);
  const AipProviderConfig *provider;

  g_assert_cmpstr (problems, ==, "");
  provider = aip_config_find_provider (config, "a");
  g_assert_cmpstr (provider->headers[0].name, ==, "OpenAI-Organization");
  g_assert_cmpstr (provider->headers[0].value, ==, "org-1");
  g_assert_cmpstr (provider->headers[1].name, ==, "Accept");
  g_assert_cmpstr (provider->headers[1].value, ==, "a;q=1");
  g_assert_cmpstr (provider->headers[2].value, ==, "");
  g_assert_null (provider->headers[3].name);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_problems (&cases[i]);
}

static void
test_secret (void)
{
  static const char *const wrong[] = { "sk-proj-hunter2",
                                       "",
                                       "env:",
                                       "env:sk-hunter2",
                                       "env:1A",
                                       "Keyring",
                                       "credential:",
                                       "credential:../x",
                                       "credential:.x",
                                       "keyring:hunter2" };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config =
      parse ("[provider p]\n[key a]\nprovider=p\n[key b]\nprovider=p\nsecret=env:OPENAI_1\n"
             "[key c]\nprovider=p\nsecret=credential:open-ai.key\n",
             &problems);
  const AipKeyConfig *key;

  g_assert_cmpstr (problems, ==, "");
  key = g_ptr_array_index (config->keys, 0);
  g_assert_cmpint (key->ref_kind, ==, AIP_KEY_REF_KEYRING);
  g_assert_cmpstr (key->ref, ==, "");
  key = g_ptr_array_index (config->keys, 1);
  g_assert_cmpint (key->ref_kind, ==, AIP_KEY_REF_ENVIRONMENT);
  g_assert_cmpstr (key->ref, ==, "OPENAI_1");
  key = g_ptr_array_index (config->keys, 2);
  g_assert_cmpint (key->ref_kind, ==, AIP_KEY_REF_CREDENTIAL);
  g_assert_cmpstr (key->ref, ==, "open-ai.key");

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *text = g_strdup_printf ("[provider p]\n[key a]\nprovider=p\nsecret=%s\n", wrong[i]);
      g_autofree char *refusal = NULL;

      g_assert_null (parse (text, &refusal));
      g_assert_cmpstr (
          refusal, ==,
          "f:4: [key a] secret: is none of keyring, env:VARIABLE and credential:NAME; a key never stands "
          "in this file: move it into the keyring with: aiproxyd --import-keys; or, while the daemon runs, "
          "with: aiproxyctl key add a --import; or write secret=keyring and run: aiproxyctl key secret a");
    }
}

static void
test_all_problems_at_once (void)
{
  static const Case test = {
    "[server]\nworkers=x\nwrokers=1\n[key a]\nprovider=b\n[provider openai]\nweight=x\n",
    "f:2: [server] workers: is not a number in range; write a whole number from 0 to 256\n"
    "f:3: [server] wrokers: there is no such setting; did you mean workers?\n"
    "f:5: [key a] provider: there is no [provider NAME] of this name; there are: openai\n"
    "f:7: [provider openai] weight: is not a number in range; write a whole number from 0 to "
    "1000"
  };

  assert_problems (&test);
}

static void
test_everything_set (void)
{
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config =
      parse ("[client c]\n"
             "token-sha256=00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\n"
             "admin=true\nmodels= gpt-* ;; o3 ;\nrpm=4294967295x\n",
             &problems);

  g_assert_null (config);
  g_clear_pointer (&problems, g_free);
  config = parse ("[timeouts]\nidle=5s\n"
                  "[provider p]\ndialect=anthropic\nconnect-timeout=1s\nproxy=socks5h://127.0.0.1:1080\n"
                  "[client c]\n"
                  "token-sha256=00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\n"
                  "tenant=t\nadmin=true\nmodels= gpt-* ;; o3 ;\nrpm=60\nmonthly-budget=12.50\n"
                  "allowed-strategies=random;failover\n"
                  "[tenant t]\ndaily-tokens=9223372036854775807\n"
                  "[model meta/llama-3:8b@1]\ninput-price=0.25\ncapabilities=tools;vision\n",
                  &problems);
  g_assert_cmpstr (problems, ==, "");

  const AipProviderConfig *provider = aip_config_find_provider (config, "p");
  const AipClientConfig *client = g_ptr_array_index (config->clients, 0);
  const AipTenantConfig *tenant = g_ptr_array_index (config->tenants, 0);
  const AipModelConfig *model = g_ptr_array_index (config->models, 0);

  g_assert_cmpstr (provider->base_url, ==, "https://api.anthropic.com");
  g_assert_cmpstr (provider->proxy, ==, "socks5h://127.0.0.1:1080");
  g_assert_cmpuint (provider->timeouts.connect, ==, 1000);
  g_assert_cmpuint (provider->timeouts.idle, ==, 5000);
  g_assert_cmpuint (provider->timeouts.first_byte, ==, 120000);
  g_assert_true (provider->verify_tls);
  g_assert_null (provider->headers[0].name);
  g_assert_cmpuint (client->digest[1], ==, 0x11);
  g_assert_cmpuint (client->digest[15], ==, 0xff);
  g_assert_cmpstr (client->tenant, ==, "t");
  g_assert_true (client->admin);
  g_assert_cmpuint (g_strv_length (client->models), ==, 2);
  g_assert_cmpstr (client->models[0], ==, "gpt-*");
  g_assert_cmpstr (client->models[1], ==, "o3");
  g_assert_cmpuint (client->rpm, ==, 60);
  g_assert_cmpfloat (client->monthly_budget, ==, 12.5);
  g_assert_cmpstr (client->allowed_strategies[1], ==, "failover");
  g_assert_cmpuint (tenant->daily_tokens, ==, G_MAXINT64);
  g_assert_cmpstr (model->name, ==, "meta/llama-3:8b@1");
  g_assert_cmpfloat (model->input_price, ==, 0.25);
  g_assert_cmpfloat (model->output_price, ==, -1);
  g_assert_cmpstr (model->capabilities[1], ==, "vision");
}

static void
test_text_without_end (void)
{
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autofree char *text = g_memdup2 ("[server]\nworkers=12", 19);
  g_autoptr (AipConfig) config = aip_config_parse (text, 18, "f", problems);

  g_assert_cmpuint (problems->len, ==, 0);
  g_assert_cmpuint (config->server.workers, ==, 1);
}

static void
test_nul (void)
{
  static const char text[] = "[server]\nworkers=1\0\n";
  g_autoptr (GPtrArray) problems = aip_config_problems_new ();
  g_autofree char *all = NULL;

  g_assert_null (aip_config_parse (text, sizeof text - 1, "f", problems));
  all = problems_join (problems);
  g_assert_cmpstr (all, ==, "f:2: is not UTF-8 text; save the file as UTF-8");
  g_assert_null (aip_config_parse (text, sizeof text - 1, "f", NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/text/lines", test_lines);
  g_test_add_func ("/config/text/names", test_names);
  g_test_add_func ("/config/text/values", test_values);
  g_test_add_func ("/config/text/headers", test_headers);
  g_test_add_func ("/config/text/secret", test_secret);
  g_test_add_func ("/config/text/all-problems-at-once", test_all_problems_at_once);
  g_test_add_func ("/config/text/everything-set", test_everything_set);
  g_test_add_func ("/config/text/text-without-end", test_text_without_end);
  g_test_add_func ("/config/text/nul", test_nul);
  return g_test_run ();
}
