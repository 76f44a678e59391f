/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "routes.h"

#include <string.h>

#define PROVIDER(name, more) "[provider " name "]\nbase-url=https://" name ".example/v1\n" more
#define KEY(name, provider, more) "[key " name "]\nprovider=" provider "\nsecret=env:KEY_" name "\n" more
#define STRICT "[routing]\nallow-unknown-models=false\nvalidate-models=true\n"
#define LOOSE "[routing]\nallow-unknown-models=true\n"
#define OPENAI "[provider openai]\ndialect=openai\nbase-url=https://api.openai.com/v1\n"

#define MAX_QUERIES 8

typedef struct
{
  AipRouteQuery query;
  const char *plan; /* the whole plan, or an error as a glob */
} Expectation;

typedef struct
{
  const char *path;
  const char *config;
  const char *discovered;
  const char *list; /* (nullable) */
  Expectation expectations[MAX_QUERIES];
} Case;

static const Case cases[] = {
  { "globs",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=gpt-*;o?\n") KEY ("a", "one", ""),
    NULL,
    "",
    { { { .model = "gpt-4o" }, "one:a:gpt-4o" },
      { { .model = "o3" }, "one:a:o3" },
      { { .model = "o3-mini" },
        "error not-found: The model `o3-mini` does not exist here. See GET /v1/models" } } },

  { "exact",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=gpt-4o;gpt-4o-mini;mistral-*\n"),
    NULL,
    "gpt-4o@one gpt-4o-mini@one",
    { { { .model = "gpt-4o" }, "one:-:gpt-4o" },
      { { .model = "mistral-7b" }, "one:-:mistral-7b" },
      { { .model = "gpt-4" },
        "error not-found: The model `gpt-4` does not exist here. Near: gpt-4o, gpt-4o-mini. See GET "
        "/v1/models" },
      { { .model = "" }, "error not-found: *" },
      { { .model = "a\nb\377" }, "error not-found: The model `a?b\357\277\275` does not exist here.*" } } },

  { "discovered",
    STRICT PROVIDER ("one", "dialect=openai\n") PROVIDER ("two", "dialect=openai\nmodels=b*\n"),
    "one=a1 b1;two=a2 b2",
    "a1@one b1@one b2@two",
    { { { .model = "a1" }, "one:-:a1" },
      { { .model = "b1" }, "one:-:b1 two:-:b1" },
      { { .model = "a2" }, "error not-found: *" },
      { { .model = "b3" }, "two:-:b3" } } },

  { "well-known",
    STRICT OPENAI,
    NULL,
    NULL,
    { { { .model = "gpt-4o" }, "openai:-:gpt-4o" }, { { .model = "gpt-9" }, "error not-found: *" } } },

  { "well-known-until-discovered",
    STRICT OPENAI,
    "openai=gpt-9",
    "gpt-9@openai",
    { { { .model = "gpt-9" }, "openai:-:gpt-9" }, { { .model = "gpt-4o" }, "error not-found: *" } } },

  { "builtin",
    "[routing]\nallow-unknown-models=true\n[provider demo]\ndialect=builtin\n",
    NULL,
    NULL,
    { { { .model = "echo" }, "demo:-:echo" },
      { { .model = "fail-503" }, "demo:-:fail-503" },
      { { .model = "gpt-4o" }, "error not-found: *" },
      { { .model = "x", .provider = "demo" }, "error not-found: *does not exist at provider demo.*" } } },

  { "disabled",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\nenabled=false\n")
        PROVIDER ("two", "dialect=openai\nmodels=m\n") KEY ("a", "two", "enabled=false\n")
            KEY ("b", "two", ""),
    NULL,
    "m@two",
    { { { .model = "m" }, "two:b:m" },
      { { .model = "m", .provider = "one" }, "error unavailable: provider `one` is disabled" } } },

  { "priorities",
    STRICT PROVIDER ("late", "dialect=openai\nmodels=m\npriority=5\n")
        PROVIDER ("early", "dialect=openai\nmodels=m\npriority=-1\n")
            PROVIDER ("mid", "dialect=openai\nmodels=m\n") KEY ("e2", "early", "priority=2\n")
                KEY ("e1", "early", "priority=1\n") KEY ("l", "late", "priority=-9\n"),
    NULL,
    "m@early",
    { { { .model = "m" }, "early:e1:m early:e2:m mid:-:m late:l:m" },
      { { .model = "m" }, "early:e1:m early:e2:m mid:-:m late:l:m" } } },

  /* Keys of two providers of the same priority mix, by the keys' priority. */
  { "mixed-priorities",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n") PROVIDER ("two", "dialect=openai\nmodels=m\n")
        KEY ("a", "one", "priority=1\n") KEY ("b", "one", "priority=3\n") KEY ("c", "two", "priority=2\n")
            KEY ("d", "two", "priority=0\n"),
    NULL,
    "m@one",
    { { { .model = "m" }, "two:d:m one:a:m two:c:m one:b:m" } } },

  { "key-globs",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=*\n") KEY ("big", "one", "models=gpt-4*\n")
        KEY ("any", "one", "priority=1\n"),
    NULL,
    "",
    { { { .model = "gpt-4o" }, "one:big:gpt-4o one:any:gpt-4o" },
      { { .model = "o3" }, "one:any:o3" },
      { { .model = NULL }, "one:big:- one:any:-" } } },

  { "key-globs-by-target",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=gpt-4o;o3\n") KEY ("big", "one", "models=gpt-4*\n")
        KEY ("alias", "one", "models=fast\n") "[mapping fast]\ntarget=gpt-4o\n[mapping slow]\ntarget=o3\n",
    NULL,
    "fast@one gpt-4o@one",
    { { { .model = "fast" }, "one:big:gpt-4o" },
      { { .model = "slow" },
        "error unavailable: no usable key: key `big` of provider `one`: its `models` do not allow this "
        "model; "
        "key `alias` of provider `one`: its `models` do not allow this model" } } },

  { "missing",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n") KEY ("missing", "one", "")
        KEY ("off",
             "one",
             "enabled=false\n") "[key missing-credential]\nprovider=one\nsecret=credential:cred\n",
    NULL,
    "",
    { { { .model = "m" },
        "error unavailable: no usable key: key `missing` of provider `one`: environment variable KEY_missing "
        "is not set, or the log says why it is not used; key `off` of provider `one`: it is disabled; key "
        "`missing-credential` of provider `one`: credential cred is not there, or the log says why it is not "
        "used" },
      { { .model = NULL }, "error unavailable: no usable key: key `missing` of provider `one`: *" },
      { { .model = "x" }, "error not-found: *" } } },

  { "missing-falls-over",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n")
        PROVIDER ("two", "dialect=openai\nmodels=m\npriority=1\n") KEY ("missing", "one", "")
            KEY ("b", "two", ""),
    NULL,
    "m@two",
    { { { .model = "m" }, "two:b:m" } } },

  { "locked",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n") KEY ("missing", "one", "")
        KEY ("locked", "one", ""),
    NULL,
    "",
    { { { .model = "m" }, "error locked: *key `locked` of provider `one`: the keyring is locked" },
      { { .model = NULL }, "error locked: *" } } },

  { "many-missing",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n") KEY ("missing1", "one", "")
        KEY ("missing2", "one", "") KEY ("missing3", "one", "") KEY ("missing4", "one", "")
            KEY ("missing5", "one", "") KEY ("missing6", "one", "") KEY ("missing7", "one", ""),
    NULL,
    "",
    { { { .model = "m" }, "error unavailable: *KEY_missing5 is not set, or *; and 2 more" } } },

  { "mapping",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=a\n")
        PROVIDER ("two",
                  "dialect=openai\nmodels=b\npriority=-1\n") "[mapping fast]\ntarget=a\n[mapping "
                                                             "both]\ntarget=a;b\n[mapping "
                                                             "b]\ntarget=a\n[mapping none]\ntarget=c\n",
    NULL,
    "a@one b@one both@one fast@one",
    { { { .model = "fast" }, "one:-:a" },
      { { .model = "both" }, "one:-:a two:-:b" },
      { { .model = "b" }, "one:-:a" },
      { { .model = "none" }, "error not-found: The model `none` does not exist here.*" },
      { { .model = "both", .provider = "two" }, "two:-:b" },
      { { .model = "fast", .provider = "two" },
        "error not-found: The model `fast` does not exist at provider two.*" } } },

  { "mapping-is-no-chain",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=a\n") "[mapping x]\ntarget=y\n[mapping y]\ntarget=a\n",
    NULL,
    "a@one y@one",
    { { { .model = "y" }, "one:-:a" }, { { .model = "x" }, "error not-found: *" } } },

  /* The mapping for one provider comes before the one for all, and that before the name itself. */
  { "mapping-per-provider",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m;x1\n") PROVIDER ("two", "dialect=openai\nmodels=m;x\n")
        PROVIDER ("three",
                  "dialect=openai\nmodels=n\n") "[mapping x]\ntarget=m\n[mapping x@one]\ntarget=x1\n[mapping "
                                                "n@two]\ntarget=m;deployment\n",
    NULL,
    NULL,
    { { { .model = "x", .provider = "one" }, "one:-:x1" },
      { { .model = "x", .provider = "two" }, "two:-:m" },
      { { .model = "x", .provider = "three" }, "error not-found: *" },
      { { .model = "n", .provider = "two" }, "two:-:m two:-:deployment" },
      { { .model = "n", .provider = "three" }, "three:-:n" },
      { { .model = "n" }, "two:-:m three:-:n two:-:deployment" },
      { { .model = "x@one" }, "error not-found: *" } } },

  { "mapping-provider-key",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n")
        PROVIDER ("two", "dialect=openai\nmodels=m\n") "[mapping x]\ntarget=m\nprovider=two\n",
    NULL,
    "m@one x@two",
    { { { .model = "x" }, "two:-:m" }, { { .model = "x", .provider = "one" }, "error not-found: *" } } },

  { "mapping-to-unknown",
    LOOSE PROVIDER ("one", "dialect=openai\nmodels=a\n")
        PROVIDER ("two", "dialect=openai\n") "[mapping x]\ntarget=new;a\n[mapping y]\ntarget=one/b\n",
    NULL,
    "a@one x@two",
    { { { .model = "x" }, "two:-:new one:-:a" },
      { { .model = "x", .provider = "two" }, "two:-:new two:-:a" },
      { { .model = "y" }, "error not-found: *" } } },

  { "unknown",
    LOOSE PROVIDER ("listed", "dialect=openai\nmodels=a\n") PROVIDER ("asked", "dialect=openai\n")
        PROVIDER ("open", "dialect=openai\n") PROVIDER ("other", "dialect=anthropic\n"),
    "asked=b",
    "a@listed b@asked",
    { { { .model = "a" }, "listed:-:a" },
      { { .model = "new" }, "open:-:new" },
      { { .model = "new", .provider = "asked" }, "asked:-:new" },
      { { .model = "new", .provider = "listed" }, "error not-found: *" },
      { { .protocol = AIP_PROTOCOL_ANTHROPIC, .model = "new" }, "other:-:new" } } },

  { "unknown-when-all-were-asked",
    LOOSE PROVIDER ("listed", "dialect=openai\nmodels=a\n") PROVIDER ("asked", "dialect=openai\n"),
    "asked=b",
    NULL,
    { { { .model = "new" }, "asked:-:new" } } },

  { "unknown-to-default",
    "[routing]\nallow-unknown-models=true\ndefault-provider=listed\n" PROVIDER ("listed",
                                                                                "dialect=openai\nmodels=a\n")
        PROVIDER ("open", "dialect=openai\n") PROVIDER ("other", "dialect=anthropic\n"),
    NULL,
    NULL,
    { { { .model = "new" }, "listed:-:new" },
      { { .model = "new", .provider = "listed" }, "listed:-:new" },
      { { .model = "new", .provider = "open" }, "open:-:new" },
      { { .protocol = AIP_PROTOCOL_ANTHROPIC, .model = "new" }, "other:-:new" } } },

  { "not-validated",
    "[routing]\nallow-unknown-models=false\nvalidate-models=false\n" PROVIDER ("open", "dialect=openai\n"),
    NULL,
    NULL,
    { { { .model = "new" }, "open:-:new" } } },

  { "prefix",
    LOOSE PROVIDER ("one", "dialect=openai\nmodels=m;two/q\n")
        PROVIDER ("two", "dialect=openai\nmodels=m;q\n")
            PROVIDER ("open",
                      "dialect=openai\n") "[mapping fast]\ntarget=m\n[mapping pick]\ntarget=two/m;one/m\n",
    NULL,
    NULL,
    { { { .model = "one/m" }, "one:-:m" },
      { { .model = "two/m" }, "two:-:m" },
      { { .model = "two/q" }, "one:-:two/q" },
      { { .model = "two/fast" }, "two:-:m" },
      { { .model = "open/x/y" }, "open:-:x/y" },
      { { .model = "one/nothing" }, "error not-found: *" },
      { { .model = "nobody/x" }, "open:-:nobody/x" },
      { { .model = "pick" }, "two:-:m one:-:m" } } },

  { "prefix-and-provider",
    STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n") PROVIDER ("two", "dialect=openai\nmodels=m\n"),
    NULL,
    NULL,
    { { { .model = "one/m", .provider = "one" }, "one:-:m" },
      { { .model = "one/m", .provider = "two" }, "error not-found: *" },
      { { .model = "/m" }, "error not-found: *" },
      { { .model = "one/" }, "error not-found: *" },
      { { .model = "one" }, "error not-found: *" },
      { { .model = "m", .provider = "ten" },
        "error invalid: X-Proxy-Provider: there is no provider `ten`; there is: one, two" },
      { { .model = NULL, .provider = "" }, "error invalid: *" } } },

  /* A mapping whose target leads back to it does not go round for ever. */
  { "prefix-circle",
    LOOSE PROVIDER ("one", "dialect=openai\nmodels=m\n") "[mapping a]\ntarget=one/a\n",
    NULL,
    "m@one",
    { { { .model = "a" }, "error not-found: *" }, { { .model = "one/one/a" }, "error not-found: *" } } },

  { "protocols",
    LOOSE PROVIDER ("one", "dialect=openai\nmodels=gpt\n")
        PROVIDER ("two", "dialect=anthropic\nmodels=claude\n"),
    NULL,
    "claude@two gpt@one",
    { { { .model = "gpt" }, "one:-:gpt" },
      { { .protocol = AIP_PROTOCOL_ANTHROPIC, .model = "claude" }, "two:-:claude" },
      { { .model = "claude" },
        "error not-found: The model `claude` is at provider `two`, which does not take requests in the "
        "OpenAI "
        "protocol." },
      { { .protocol = AIP_PROTOCOL_ANTHROPIC, .model = NULL }, "two:-:-" },
      { { .protocol = AIP_PROTOCOL_ANTHROPIC, .model = NULL, .provider = "one" },
        "error unavailable: provider `one` does not take requests in the Anthropic protocol" },
      { { .protocol = AIP_PROTOCOL_GEMINI, .model = "gpt" },
        "error unavailable: no provider takes requests in the Gemini protocol: *" },
      { { .protocol = AIP_PROTOCOL_GEMINI, .model = NULL }, "error unavailable: no provider *" } } },

  { "no-model",
    STRICT PROVIDER ("late", "dialect=openai\npriority=1\n") PROVIDER ("one", "dialect=openai\nmodels=m\n")
        PROVIDER ("two", "dialect=openai\n") KEY ("a", "one", "") KEY ("b", "one", "") KEY ("c", "two", ""),
    NULL,
    NULL,
    { { { .model = NULL }, "one:a:- one:b:-" },
      { { .model = NULL }, "one:a:- one:b:-" },
      { { .model = NULL, .provider = "two" }, "two:c:-" } } },

  { "no-model-default",
    "[routing]\ndefault-provider=late\n" PROVIDER ("one", "dialect=openai\n")
        PROVIDER ("late", "dialect=openai\npriority=1\n"),
    NULL,
    NULL,
    { { { .model = NULL }, "late:-:-" } } },

  { "no-provider",
    "",
    NULL,
    "",
    { { { .model = "m" },
        "error unavailable: no provider is configured: add one with `aiproxyctl provider add`, *" },
      { { .model = NULL }, "error unavailable: no provider is configured*" } } },

  { "no-provider-enabled",
    PROVIDER ("one", "dialect=openai\nenabled=false\n") PROVIDER ("two", "dialect=openai\nenabled=false\n"),
    NULL,
    "",
    { { { .model = "m" }, "error unavailable: no provider is in use: *one of one, two in aiproxy.conf" } } },
};

static void
check_plan (AipRouter *router, const Expectation *expectation)
{
  g_autofree char *plan = routes_plan (router, &expectation->query);

  if (!g_pattern_match_simple (expectation->plan, plan))
    g_error ("%s: is `%s`, not `%s`", expectation->query.model, plan, expectation->plan);
}

static void
check_case (const void *data)
{
  const Case *c = data;
  g_autoptr (AipRouter) router = routes_make (c->config, c->discovered);
  g_autofree char *list = routes_list (router);

  if (c->list != NULL)
    g_assert_cmpstr (list, ==, c->list);

  for (guint i = 0; i < MAX_QUERIES && c->expectations[i].plan != NULL; i++)
    check_plan (router, &c->expectations[i]);
}

static void
test_well_known_list (void)
{
  g_autoptr (AipRouter) openai = routes_make (OPENAI, NULL);
  g_autoptr (AipRouter) other = routes_make (PROVIDER ("one", "dialect=openai\n"), NULL);
  g_autoptr (AipRouter) demo = routes_make ("[provider demo]\ndialect=builtin\n", NULL);
  g_autofree char *openai_list = routes_list (openai);
  g_autofree char *other_list = routes_list (other);
  g_autofree char *demo_list = routes_list (demo);

  g_assert_nonnull (strstr (openai_list, "gpt-4o@openai "));
  g_assert_cmpstr (other_list, ==, "");
  g_assert_nonnull (strstr (demo_list, "echo@demo"));
  g_assert_null (strchr (demo_list, '*'));
}

static void
test_long_name (void)
{
  g_autoptr (AipRouter) router = routes_make (LOOSE PROVIDER ("one", "dialect=openai\n"), NULL);
  g_autoptr (GString) name = g_string_new ("x");
  AipRouteQuery query = { 0 };

  while (name->len < 1024)
    g_string_prepend (name, name->len < 1021 ? "one/" : "o");

  query.model = name->str;
  g_autofree char *longest = routes_plan (router, &query);
  g_assert_true (g_str_has_prefix (longest, "one:-:"));

  g_string_append_c (name, 'x');
  query.model = name->str;
  g_autofree char *too_long = routes_plan (router, &query);
  g_assert_cmpstr (too_long, ==, "error invalid: model: the name is longer than 1024 bytes");
}

/* The list may outlive the router. */
static void
test_list_alone (void)
{
  AipRouter *router = routes_make (STRICT PROVIDER ("one", "dialect=openai\nmodels=m\n"), NULL);
  g_autoptr (GPtrArray) models = aip_router_list_models (aip_router_ref (router));

  aip_router_unref (router);
  aip_router_unref (router);
  g_assert_cmpuint (models->len, ==, 1);
}

typedef struct
{
  const char *config;
  const char *base_url; /* (nullable): it may not be asked any more */
} Renewal;

#define OLD PROVIDER ("one", "models=m\n") KEY ("a", "one", "")
#define MOVED "[provider one]\nbase-url=https://moved.example/v1\n"

static const Renewal renewals[] = {
  { OLD, "https://one.example/v1" },
  { MOVED KEY ("b", "one", "") KEY ("a", "one", ""), "https://moved.example/v1" },
  { MOVED "dialect=anthropic\n" KEY ("a", "one", ""), NULL },
  { MOVED "enabled=false\n" KEY ("a", "one", ""), NULL },
  { MOVED KEY ("a", "one", "enabled=false\n"), NULL },
  { MOVED KEY ("b", "one", ""), NULL },
  { MOVED, NULL },
  { PROVIDER ("two", "") KEY ("a", "two", ""), NULL },
};

static void
test_renew (void)
{
  g_autoptr (AipRouter) old = routes_make (OLD, NULL);
  AipRouteQuery query = { .protocol = AIP_PROTOCOL_OPENAI, .model = "m" };
  g_autoptr (GArray) plan = aip_router_plan (old, &query, NULL, NULL);
  const AipCandidate *planned = &g_array_index (plan, AipCandidate, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (renewals); i++)
    {
      const Renewal *renewal = &renewals[i];
      g_autoptr (AipRouter) router = routes_make (renewal->config, NULL);
      AipCandidate candidate = *planned;
      gboolean renewed = aip_router_renew (router, AIP_PROTOCOL_OPENAI, &candidate);

      g_assert_cmpint (renewed, ==, renewal->base_url != NULL);
      g_assert_true (candidate.model == planned->model);
      if (!renewed)
        {
          g_assert_true (candidate.provider == planned->provider && candidate.key == planned->key);
          continue;
        }
      g_assert_cmpstr (candidate.provider->base_url, ==, renewal->base_url);
      g_assert_cmpstr (candidate.key->name, ==, "a");
      g_assert_true (candidate.secret != planned->secret && candidate.key != planned->key);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/routing/router/", cases[i].path, NULL);

      g_test_add_data_func (path, &cases[i], check_case);
    }
  g_test_add_func ("/routing/router/well-known-list", test_well_known_list);
  g_test_add_func ("/routing/router/long-name", test_long_name);
  g_test_add_func ("/routing/router/list-alone", test_list_alone);
  g_test_add_func ("/routing/router/renew", test_renew);

  return g_test_run ();
}
