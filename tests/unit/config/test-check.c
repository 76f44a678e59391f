/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-check"

#include "config/aip-config-loader.h"

#include <string.h>

#include "config-problems.h"

typedef struct
{
  const char *text;
  const char *problem; /* what one of the problems begins with; NULL: there is none */
  gboolean usable;     /* it is but a warning */
} Case;

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_DIGEST "0011223344556677ffffffffffffffff00112233445566778899aabbccddeeff"

static void
assert_cases (const Case *cases, gsize n_cases)
{
  for (gsize i = 0; i < n_cases; i++)
    {
      g_autofree char *problems = NULL;
      g_autoptr (AipConfig) config = parse (cases[i].text, &problems);

      g_test_message ("%s", cases[i].text);
      g_assert_null (strstr (problems, "hunter2"));
      if (cases[i].problem == NULL)
        g_assert_cmpstr (problems, ==, "");
      else if (!g_str_has_prefix (problems, cases[i].problem))
        g_error ("%s", problems);
      g_assert_null (strchr (problems, '\n'));
      g_assert_cmpint (config != NULL, ==, cases[i].problem == NULL || cases[i].usable);
    }
}

static void
test_server (void)
{
  static const Case cases[] = {
    { "[server]\nrequire-token=false\n" },
    { "[server]\nlisten=0.0.0.0:80\n" },
    { "[server]\nrequire-token=false\nlisten=127.0.0.1:80;unix:/run/a\n" },
    { "[server]\nlisten=127.0.0.1:80;0.0.0.0:80\nrequire-token=false\n",
      "f:2: [server] listen: opens the daemon to the network while require-token=false would let everybody" },
    { "[server]\nlisten=[::]:80;10.0.0.1:1\nrequire-token=false\n",
      "f:2: [server] listen: opens the daemon" },
    { "[server]\ntls-key=/dev/null\n", "f:2: [server] tls-key: is useless alone; set tls-certificate too" },
    { "[server]\ntls-certificate=/dev/null\n",
      "f:2: [server] tls-certificate: is useless alone; set tls-key too" },
    { "[server]\ntls-certificate=/dev/null\ntls-key=/dev/null\n" },
    { "[server]\ntls-certificate=/dev/null\ntls-key=/nowhere/key.pem\n",
      "f:3: [server] tls-key: cannot be read: No such file or directory; write the path of a file" },
  };

  assert_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_references (void)
{
  static const Case cases[] = {
    { "[routing]\ndefault-provider=a\n[provider a]\n" },
    { "[routing]\ndefault-provider=openia\n[provider openai]\n",
      "f:2: [routing] default-provider: there is no [provider NAME] of this name; did you mean openai?" },
    { "[key a]\nprovider=b\n",
      "f:2: [key a] provider: there is no [provider NAME] of this name; there is none yet" },
    { "[key a]\nprovider=\n",
      "f:2: [key a] provider: there is no [provider NAME] of this name; there is none yet" },
    { "[client a]\ntoken-sha256=" DIGEST "\ntenant=x\n[tenant team]\n",
      "f:3: [client a] tenant: there is no [tenant NAME] of this name; there are: team; "
      "or write a group [tenant NAME] for it" },
    { "[mapping a]\ntarget=b\nprovider=c\n[provider d]\n",
      "f:3: [mapping a] provider: there is no [provider NAME] of this name; there are: d" },
    { "[mapping a]\ntarget=;\n",
      "f:2: [mapping a] target: is empty; write the model that the alias stands for" },
  };

  assert_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_order (void)
{
  static const Case cases[] = {
    { "[retry]\nbase-delay=5s\nmax-delay=5s\n" },
    { "[retry]\nbase-delay=6s\n",
      "f:2: [retry] base-delay: contradicts the other; base-delay must not be longer" },
    { "[retry]\nmax-delay=1ms\n",
      "f:2: [retry] max-delay: contradicts the other; base-delay must not be longer" },
    { "[circuit-breaker]\ncooldown=3m\n",
      "f:2: [circuit-breaker] cooldown: contradicts the other; cooldown must" },
  };

  assert_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_base_url (void)
{
  static const Case cases[] = {
    { "[provider a]\nbase-url=https://host/v1\n" },
    { "[provider a]\ndialect=ollama\nbase-url=http://localhost:11434\n" },
    { "[provider a]\nbase-url=http://10.0.0.1/v1\n",
      "f:2: warning: [provider a] base-url: is plain http: keys and prompts cross the network unencrypted",
      TRUE },
    { "[provider a]\nbase-url=http://169.254.169.254/v1\n",
      "f:2: [provider a] base-url: is a cloud's metadata" },
    { "[provider a]\nbase-url=https://u:hunter2@host/\n",
      "f:2: [provider a] base-url: has a user name or password" },
    { "[provider a]\nbase-url=https://host/?key=hunter2\n", "f:2: [provider a] base-url: has a \"?\"" },
    { "[provider a]\ndialect=azure\nbase-url=https://host/?api-version=1\n" },
    { "[provider a]\ndialect=azure\n",
      "f:1: [provider a] base-url: is missing; dialect azure needs its resource" },
    { "[provider a]\ndialect=builtin\n" },
    { "[provider a]\ndialect=builtin\nbase-url=https://host\n",
      "f:3: warning: [provider a] base-url: is not used by dialect builtin", TRUE },
    { "[provider a]\nca-file=/nowhere/ca.pem\n", "f:2: [provider a] ca-file: cannot be read: No such file" },
  };

  assert_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_default_base_urls (void)
{
  static const char *const services[][2] = {
    { "openai", "https://api.openai.com/v1" },
    { "deepseek", "https://api.deepseek.com/v1" },
    { "anthropic", "https://api.anthropic.com" },
    { "gemini", "https://generativelanguage.googleapis.com" },
    { "ollama", "http://127.0.0.1:11434" },
    { "baidu", "https://qianfan.baidubce.com/v2" },
    { "builtin", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    {
      g_autofree char *text = g_strdup_printf ("[provider a]\ndialect=%s\n", services[i][0]);
      g_autofree char *problems = NULL;
      g_autoptr (AipConfig) config = parse (text, &problems);

      g_assert_cmpstr (problems, ==, "");
      g_assert_cmpstr (aip_config_find_provider (config, "a")->base_url, ==, services[i][1]);
    }
}

static void
test_tokens (void)
{
  static const char *const known[] = { "", "sk-xxx", "any-key", "changeme", "your-api-key-1", "YOUR_TOKEN" };
  static const Case cases[] = {
    { "[client a]\ntoken-sha256=" DIGEST "\n" },
    { "[client a]\ntoken-sha256=" DIGEST "\n[client b]\ntoken-sha256=" DIGEST "\n",
      "f:4: [client b] token-sha256: is the token of [client a] too; give each client its own" },
    { "[client a]\ntoken-sha256=" DIGEST "\n[client b]\ntoken-sha256=" OTHER_DIGEST
      "\n[client c]\ntoken-sha256=" OTHER_DIGEST "\n",
      "f:6: [client c] token-sha256: is the token of [client b] too; give each client its own" },
  };

  assert_cases (cases, G_N_ELEMENTS (cases));
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, known[i], -1);
      g_autofree char *text = g_strdup_printf ("[client a]\ntoken-sha256=%s\n", digest);
      g_autofree char *problems = NULL;

      g_assert_null (parse (text, &problems));
      g_assert_cmpstr (
          problems, ==,
          "f:2: [client a] token-sha256: is the digest of an example's token, which everybody knows; "
          "make a token of your own with: aiproxyctl client rotate a");
    }
}

static void
assert_mapping (const AipConfig *config,
                guint index,
                const char *alias,
                const char *provider,
                const char *target)
{
  const AipMappingConfig *mapping = g_ptr_array_index (config->mappings, index);

  g_assert_cmpstr (mapping->alias, ==, alias);
  g_assert_cmpstr (mapping->provider, ==, provider);
  g_assert_cmpstr (mapping->targets[0], ==, target);
}

static void
test_mappings (void)
{
  static const Case cases[] = {
    { "[provider p]\n[mapping a@p]\ntarget=x\n[mapping a]\ntarget=y\nprovider=p\n",
      "f:4: [mapping a]: maps an alias that another group maps already for this provider; keep one" },
    { "[provider openai]\n[mapping a@opnai]\ntarget=x\n",
      "f:2: warning: [mapping a@opnai]: names no provider behind \"@\", so all of it is the alias; did you "
      "mean "
      "@openai?",
      TRUE },
  };
  g_autofree char *problems = NULL;
  g_autoptr (AipConfig) config = parse ("[provider p]\n[provider q]\n"
                                        "[mapping fast]\ntarget=one;two\n"
                                        "[mapping fast@p]\ntarget=three\nstrategy=random\n"
                                        "[mapping fast@q]\ntarget=four\nprovider=p\n"
                                        "[mapping claude@20240620]\ntarget=five\n"
                                        "[mapping @p]\ntarget=six\n",
                                        &problems);
  const AipMappingConfig *mapping;

  g_assert_cmpstr (problems, ==, "");
  assert_mapping (config, 0, "fast", NULL, "one");
  mapping = g_ptr_array_index (config->mappings, 0);
  g_assert_cmpstr (mapping->targets[1], ==, "two");
  g_assert_null (mapping->strategy);
  assert_mapping (config, 1, "fast", "p", "three");
  mapping = g_ptr_array_index (config->mappings, 1);
  g_assert_cmpstr (mapping->strategy, ==, "random");
  assert_mapping (config, 2, "fast@q", "p", "four");
  assert_mapping (config, 3, "claude@20240620", NULL, "five");
  assert_mapping (config, 4, "@p", NULL, "six");

  assert_cases (cases, G_N_ELEMENTS (cases));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/check/server", test_server);
  g_test_add_func ("/config/check/references", test_references);
  g_test_add_func ("/config/check/order", test_order);
  g_test_add_func ("/config/check/base-url", test_base_url);
  g_test_add_func ("/config/check/default-base-urls", test_default_base_urls);
  g_test_add_func ("/config/check/tokens", test_tokens);
  g_test_add_func ("/config/check/mappings", test_mappings);
  return g_test_run ();
}
