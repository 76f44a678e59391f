/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-schema.h"

#include <string.h>

#include "config/aip-config-types.h"

#define SECOND G_GINT64_CONSTANT (1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB G_GINT64_CONSTANT (1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define MILLION G_GINT64_CONSTANT (1000000)

/* How routing orders what can serve a request. */
const char *const aip_config_strategies[] = { "weighted_score",   "round_robin", "random", "least_used",
                                              "best_performance", "failover",    NULL };

static const char *const backoffs[] = { "exponential", "linear", "none", NULL };
static const char *const levels[] = { "error", "warning", "message", "info", "debug", NULL };
static const char *const exhausted_choices[] = { "reject", "least-bad", NULL };
static const char *const redis_failures[] = { "local", "closed", NULL };
static const char *const jwt_algorithms[] = { "HS256", "RS256", "ES256", NULL };
static const char *const dialects[] = { "openai", "anthropic", "gemini",  "azure", "deepseek",
                                        "baidu",  "ollama",    "builtin", NULL };

/* clang-format off */

#define AT(member) G_STRUCT_OFFSET (AipServerConfig, member)
static const AipSetting server_settings[] = {
  { "listen", &aip_setting_listen, AT (listen), "127.0.0.1:8000;[::1]:8000", .at_start = TRUE,
    .doc = "where clients connect: ADDRESS:PORT or unix:/PATH" },
  { "workers", &aip_setting_uint, AT (workers), "0", 0, 256, .at_start = TRUE,
    .doc = "threads that carry requests; 0: as many as there are cores, at most 4" },
  { "require-token", &aip_setting_boolean, AT (require_token), "true",
    .doc = "whether a client must send a token" },
  { "allowed-hosts", &aip_setting_hosts, AT (allowed_hosts), "",
    .doc = "Host names that clients may use beside the loopback ones" },
  { "allowed-origins", &aip_setting_origins, AT (allowed_origins), "",
    .doc = "web pages that may call, such as https://app.example" },
  { "max-body", &aip_setting_size, AT (max_body), "64MiB", KIB, 4 * GIB,
    .doc = "largest request body" },
  { "max-connections", &aip_setting_uint, AT (max_connections), "4096", 1, MILLION,
    .doc = "client connections at a time, or a third of the descriptors that the daemon may open; more are answered with 503" },
  { "max-client-requests", &aip_setting_uint, AT (max_client_requests), "1024", 1, MILLION,
    .doc = "requests that one client may have under way at a time; more are answered with 429" },
  { "tls-certificate", &aip_setting_optional, AT (tls_certificate), "", .at_start = TRUE,
    .doc = "PEM file with the certificate chain; needs tls-key too" },
  { "tls-key", &aip_setting_optional, AT (tls_key), "", .at_start = TRUE,
    .doc = "PEM file with the private key of tls-certificate" },
  { "shutdown-timeout", &aip_setting_duration, AT (shutdown_timeout), "25s", 0, HOUR,
    .doc = "how long running requests may go on when the daemon is told to stop" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipRoutingConfig, member)
static const AipSetting routing_settings[] = {
  { "strategy", &aip_setting_choice, AT (strategy), "weighted_score", .choices = aip_config_strategies,
    .doc = "weighted_score, round_robin, random, least_used, best_performance or failover" },
  { "sticky", &aip_setting_boolean, AT (sticky), "false",
    .doc = "whether a client stays with the key that served it last, for the provider's prompt cache" },
  { "validate-models", &aip_setting_boolean, AT (validate_models), "true",
    .doc = "whether a model's name is compared with what the providers list" },
  { "allow-unknown-models", &aip_setting_boolean, AT (allow_unknown_models), "true",
    .doc = "whether a name that no provider lists is passed on all the same" },
  { "default-provider", &aip_setting_optional, AT (default_provider), "",
    .doc = "the provider for requests that name no known model" },
  { "max-wait", &aip_setting_duration, AT (max_wait), "0", 0, HOUR,
    .doc = "how long a request may wait in all while no key can serve it, also after attempts; 0: not at all" },
  { "on-exhausted", &aip_setting_choice, AT (on_exhausted), "reject", .choices = exhausted_choices,
    .doc = "when no key can serve it: reject (after max-wait) or least-bad (a key that failed is tried early)" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipTimeouts, member)
static const AipSetting timeout_settings[] = {
  { "connect", &aip_setting_duration, AT (connect), "10s", 1, HOUR,
    .doc = "to reach the upstream, name look-up and TLS included" },
  { "first-byte", &aip_setting_duration, AT (first_byte), "120s", 1, DAY,
    .doc = "from the request to the first byte of the answer" },
  { "idle", &aip_setting_duration, AT (idle), "60s", 1, DAY,
    .doc = "between two pieces of an answer" },
  { "total", &aip_setting_duration, AT (total), "0", 0, 7 * DAY,
    .doc = "for the whole request, and the most that X-Proxy-Timeout may ask for; 0: no limit, there a day" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipRetryConfig, member)
static const AipSetting retry_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether a failed request is tried again, with the next key where there is one" },
  { "max-attempts", &aip_setting_uint, AT (max_attempts), "3", 1, 20,
    .doc = "attempts in all, the first one included; as long as there is another key to ask, those do not count that "
           "were turned away: the key is refused, has no quota left or is told when to come back, or there is no "
           "connection to be had (one that takes longer than connect counts)" },
  { "backoff", &aip_setting_choice, AT (backoff), "exponential", .choices = backoffs,
    .doc = "how the delay grows: exponential, linear or none" },
  { "base-delay", &aip_setting_duration, AT (base_delay), "200ms", 0, HOUR,
    .doc = "the first delay" },
  { "max-delay", &aip_setting_duration, AT (max_delay), "5s", 0, HOUR,
    .doc = "the longest delay" },
  { "retry-on", &aip_setting_retry_on, AT (retry_on), "403;407;408;409;425;429;5xx;connect;timeout;cut",
    .doc = "HTTP statuses (4xx, 5xx: all of these), connect, timeout, and cut (the answer broke off before its first "
           "byte); of 403 web pages alone" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipBreakerConfig, member)
static const AipSetting breaker_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether a key that keeps failing is left out for a while; a Retry-After of its provider is heeded anyway" },
  { "threshold", &aip_setting_uint, AT (threshold), "5", 1, 1000,
    .doc = "failures in a row that open the breaker; one does while a key has served nothing since but the attempt "
           "that found it well again" },
  { "error-rate", &aip_setting_double, AT (error_rate), "0.5", 0, 1,
    .doc = "share of failures within window that opens it too, of 5 attempts at least; 0: only failures in a row count" },
  { "window", &aip_setting_duration, AT (window), "30s", SECOND, HOUR,
    .doc = "how far back error-rate looks" },
  { "cooldown", &aip_setting_duration, AT (cooldown), "15s", 1, DAY,
    .doc = "how long an open breaker waits before it tries again" },
  { "max-cooldown", &aip_setting_duration, AT (max_cooldown), "2m", 1, DAY,
    .doc = "what cooldown grows to while the key keeps failing" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipHealthCheckConfig, member)
static const AipSetting health_check_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether upstreams are asked for their model list: those that are left alone, so that a request may "
           "try them early, and those that nobody has used for an interval; not after 10 minutes with no request" },
  { "interval", &aip_setting_duration, AT (interval), "60s", SECOND, DAY,
    .doc = "time between two checks" },
  { "timeout", &aip_setting_duration, AT (timeout), "5s", 1, HOUR,
    .doc = "how long a check may take" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipRateLimitConfig, member)
static const AipSetting rate_limit_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "false",
    .doc = "whether each client is held to a number of requests" },
  { "requests", &aip_setting_uint, AT (requests), "100", 1, 1000 * MILLION,
    .doc = "requests of one client within window" },
  { "window", &aip_setting_duration, AT (window), "60s", SECOND, DAY,
    .doc = "length of the sliding window" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipRedisConfig, member)
static const AipSetting redis_settings[] = {
  { "url", &aip_setting_redis_url, AT (url), "",
    .doc = "redis://HOST:PORT/DATABASE or unix:/PATH of a Redis that daemons share limits on; empty: none" },
  { "password", &aip_setting_secret_ref, AT (password), "",
    .doc = "where its password lies: env:VARIABLE or credential:NAME; empty: it asks for none" },
  { "prefix", &aip_setting_string, AT (prefix), "aiproxy:",
    .doc = "what the names of its keys begin with; daemons with the same prefix share their limits" },
  { "timeout", &aip_setting_duration, AT (timeout), "250ms", 1, MINUTE,
    .doc = "how long an answer of Redis may take" },
  { "on-failure", &aip_setting_choice, AT (on_failure), "local", .choices = redis_failures,
    .doc = "while Redis is gone: local (each daemon keeps the limits by itself) or closed (503)" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipJwtConfig, member)
static const AipSetting jwt_settings[] = {
  { "issuer", &aip_setting_optional, AT (issuer), "",
    .doc = "who makes the tokens: what their claim iss has to be" },
  { "audience", &aip_setting_list, AT (audience), "",
    .doc = "whom the tokens are for: one of these has to be in their claim aud" },
  { "secret", &aip_setting_secret_ref, AT (secret), "",
    .doc = "where the shared secret of HS256 lies: env:VARIABLE or credential:NAME" },
  { "key-file", &aip_setting_optional, AT (key_file), "",
    .doc = "PEM file with the public key of RS256 or ES256" },
  { "jwks-file", &aip_setting_optional, AT (jwks_file), "",
    .doc = "JSON file with a key set (JWKS) of RS256 and ES256 keys, told apart by kid" },
  { "algorithms", &aip_setting_choices, AT (algorithms), "HS256;RS256;ES256", .choices = jwt_algorithms,
    .doc = "what tokens may be signed with, as far as there is a key for it: HS256, RS256, ES256" },
  { "claim-client", &aip_setting_string, AT (claim_client), "sub",
    .doc = "the claim that names the client, which is [client NAME] where there is one" },
  { "claim-tenant", &aip_setting_optional, AT (claim_tenant), "",
    .doc = "the claim that names the [tenant NAME]; empty: none" },
  { "leeway", &aip_setting_duration, AT (leeway), "30s", 0, HOUR,
    .doc = "how far the clocks of both sides may differ" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipLogConfig, member)
static const AipSetting log_settings[] = {
  { "level", &aip_setting_choice, AT (level), "message", .choices = levels,
    .doc = "what the daemon says: error, warning, message, info or debug" },
  { "requests", &aip_setting_boolean, AT (requests), "true",
    .doc = "whether each request leaves one row in the request log" },
  { "bodies", &aip_setting_boolean, AT (bodies), "false",
    .doc = "whether the log keeps what was asked and answered, which is private text" },
  { "file", &aip_setting_optional, AT (file), "",
    .doc = "also write one line of JSON for each request to this file" },
  { "max-size", &aip_setting_size, AT (max_size), "100MiB", MIB, TIB,
    .doc = "size at which old rows go, and the file is rotated" },
  { "max-age", &aip_setting_duration, AT (max_age), "30d", HOUR, 3650 * DAY,
    .doc = "how long rows are kept" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipCacheConfig, member)
static const AipSetting cache_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "false",
    .doc = "whether equal requests of one client are answered from memory" },
  { "ttl", &aip_setting_duration, AT (ttl), "1h", SECOND, 365 * DAY,
    .doc = "how long an answer may be used again" },
  { "max-size", &aip_setting_size, AT (max_size), "64MiB", MIB, TIB,
    .doc = "memory for answers; the oldest go first" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipMetricsConfig, member)
static const AipSetting metrics_settings[] = {
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether /metrics is served" },
  { "public", &aip_setting_boolean, AT (public_access), "false",
    .doc = "whether /metrics needs no token" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipProviderConfig, member)
#define INHERIT(member) G_STRUCT_OFFSET (AipConfig, timeouts.member)
static const AipSetting provider_settings[] = {
  { "dialect", &aip_setting_choice, AT (dialect), "openai", .choices = dialects,
    .doc = "what it speaks: openai, anthropic, gemini, azure, deepseek, baidu, ollama or builtin" },
  { "base-url", &aip_setting_string, AT (base_url), "",
    .doc = "what stands before /chat/completions and the like; empty: the dialect's own service" },
  { "models", &aip_setting_list, AT (models), "",
    .doc = "names or patterns such as gpt-*; empty: all that the provider lists" },
  { "headers", &aip_setting_headers, AT (headers), "",
    .doc = "headers to add to each request: Name: value;Name2: value2" },
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether the provider is used" },
  { "priority", &aip_setting_int, AT (priority), "0", -1000, 1000,
    .doc = "lower is tried first" },
  { "weight", &aip_setting_uint, AT (weight), "1", 0, 1000,
    .doc = "share among providers of the same priority" },
  { "verify-tls", &aip_setting_boolean, AT (verify_tls), "true",
    .doc = "whether the upstream's certificate is checked" },
  { "ca-file", &aip_setting_optional, AT (ca_file), "",
    .doc = "PEM file with the authorities to trust in place of the system's" },
  { "proxy", &aip_setting_proxy, AT (proxy), "",
    .doc = "URL of an HTTP or SOCKS proxy, whatever no_proxy says, or none; empty: as the environment says "
           "(https_proxy, no_proxy)" },
  { "connect-timeout", &aip_setting_duration, AT (timeouts.connect), "", 1, HOUR, .inherit = INHERIT (connect),
    .doc = "connect of [timeouts] for this provider" },
  { "first-byte-timeout", &aip_setting_duration, AT (timeouts.first_byte), "", 1, DAY,
    .inherit = INHERIT (first_byte),
    .doc = "first-byte of [timeouts] for this provider" },
  { "idle-timeout", &aip_setting_duration, AT (timeouts.idle), "", 1, DAY, .inherit = INHERIT (idle),
    .doc = "idle of [timeouts] for this provider" },
  { "total-timeout", &aip_setting_duration, AT (timeouts.total), "", 0, 7 * DAY, .inherit = INHERIT (total),
    .doc = "total of [timeouts] for this provider" },
  { NULL }
};
#undef INHERIT
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipKeyConfig, member)
static const AipSetting key_settings[] = {
  { "provider", &aip_setting_string, AT (provider), .required = TRUE,
    .doc = "name of the [provider NAME] that the key is for" },
  { "secret", &aip_setting_secret, AT (ref_kind), "keyring",
    .doc = "where the key lies: keyring, env:VARIABLE or credential:NAME; never the key itself" },
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether the key is used" },
  { "priority", &aip_setting_int, AT (priority), "0", -1000, 1000,
    .doc = "lower is tried first" },
  { "weight", &aip_setting_uint, AT (weight), "1", 0, 1000,
    .doc = "share among keys of the same priority" },
  { "rpm", &aip_setting_uint, AT (rpm), "0", 0, 1000 * MILLION,
    .doc = "requests per minute; 0: no limit" },
  { "tpm", &aip_setting_uint, AT (tpm), "0", 0, 4000 * MILLION,
    .doc = "tokens per minute; 0: no limit; a request that runs counts with all that it lets the model write" },
  { "models", &aip_setting_list, AT (models), "",
    .doc = "names or patterns of models that the key may serve; empty: all of its provider's" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipMappingConfig, member)
static const AipSetting mapping_settings[] = {
  { "target", &aip_setting_list, AT (targets), .required = TRUE,
    .doc = "model, or list of models, that the alias stands for" },
  { "provider", &aip_setting_optional, AT (provider), "",
    .doc = "the only provider that the rule holds for; empty: all" },
  { "strategy", &aip_setting_choice, AT (strategy), "", .choices = aip_config_strategies,
    .doc = "in place of the strategy of [routing]" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipClientConfig, member)
static const AipSetting client_settings[] = {
  { "token-sha256", &aip_setting_digest, AT (digest), .required = TRUE, .is_spared = aip_config_accepts_jwt,
    .doc = "SHA-256 of the client's token, in hex: what `printf %s TOKEN | sha256sum` prints" },
  { "tenant", &aip_setting_optional, AT (tenant), "",
    .doc = "name of the [tenant NAME] that the client belongs to" },
  { "enabled", &aip_setting_boolean, AT (enabled), "true",
    .doc = "whether the token is accepted" },
  { "admin", &aip_setting_boolean, AT (admin), "false",
    .doc = "whether the client may use /admin" },
  { "models", &aip_setting_list, AT (models), "",
    .doc = "names or patterns of models that the client may use, where an alias is a name of its own; empty: all" },
  { "max-concurrent", &aip_setting_uint, AT (max_concurrent), "0", 0, MILLION,
    .doc = "requests under way at a time; 0: max-client-requests of [server]" },
  { "rpm", &aip_setting_uint, AT (rpm), "0", 0, 1000 * MILLION,
    .doc = "requests per minute; 0: as [rate-limit] says" },
  { "tpm", &aip_setting_uint, AT (tpm), "0", 0, 4000 * MILLION,
    .doc = "tokens per minute; 0: no limit; a request that runs counts with all that it lets the model write" },
  { "daily-requests", &aip_setting_uint64, AT (daily_requests), "0", 0, G_MAXINT64,
    .doc = "requests per day of UTC; 0: no limit" },
  { "daily-tokens", &aip_setting_uint64, AT (daily_tokens), "0", 0, G_MAXINT64,
    .doc = "tokens per day of UTC; 0: no limit" },
  { "monthly-budget", &aip_setting_double, AT (monthly_budget), "0", 0, 1000 * MILLION,
    .doc = "US dollars per month; 0: no limit" },
  { "allowed-strategies", &aip_setting_choices, AT (allowed_strategies), "", .choices = aip_config_strategies,
    .doc = "what the client may ask for with X-Proxy-Strategy; empty: all" },
  { "allowed-providers", &aip_setting_list, AT (allowed_providers), "",
    .doc = "names or patterns of providers that may serve the client; empty: all" },
  { "allowed-keys", &aip_setting_list, AT (allowed_keys), "",
    .doc = "names or patterns of keys that may serve the client; empty: all" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipTenantConfig, member)
static const AipSetting tenant_settings[] = {
  { "daily-requests", &aip_setting_uint64, AT (daily_requests), "0", 0, G_MAXINT64,
    .doc = "requests per day of UTC of all its clients; 0: no limit" },
  { "daily-tokens", &aip_setting_uint64, AT (daily_tokens), "0", 0, G_MAXINT64,
    .doc = "tokens per day of UTC of all its clients; 0: no limit" },
  { "monthly-budget", &aip_setting_double, AT (monthly_budget), "0", 0, 1000 * MILLION,
    .doc = "US dollars per month of all its clients; 0: no limit" },
  { "models", &aip_setting_list, AT (models), "",
    .doc = "names or patterns of models that its clients may use, of those that each may use; empty: all" },
  { "allowed-providers", &aip_setting_list, AT (allowed_providers), "",
    .doc = "names or patterns of providers that may serve its clients; empty: all" },
  { "allowed-keys", &aip_setting_list, AT (allowed_keys), "",
    .doc = "names or patterns of keys that may serve its clients, such as those it has brought; empty: all" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipModelConfig, member)
static const AipSetting model_settings[] = {
  { "input-price", &aip_setting_price, AT (input_price), "", 0, MILLION,
    .doc = "US dollars per million tokens that go in; empty: unknown" },
  { "output-price", &aip_setting_price, AT (output_price), "", 0, MILLION,
    .doc = "US dollars per million tokens that come out; empty: unknown" },
  { "cache-read-price", &aip_setting_price, AT (cache_read_price), "", 0, MILLION,
    .doc = "US dollars per million tokens read from the provider's cache; empty: unknown" },
  { "cache-write-price", &aip_setting_price, AT (cache_write_price), "", 0, MILLION,
    .doc = "US dollars per million tokens written to the provider's cache; empty: unknown" },
  { "context", &aip_setting_uint, AT (context), "0", 0, 1000 * MILLION,
    .doc = "tokens that fit into the model; what is too long for it is tried with larger ones alone; 0: unknown" },
  { "max-output", &aip_setting_uint, AT (max_output), "0", 0, 1000 * MILLION,
    .doc = "tokens that one answer may have; 0: unknown" },
  { "capabilities", &aip_setting_list, AT (capabilities), "",
    .doc = "what the model can do, such as tools;vision;reasoning" },
  { NULL }
};
#undef AT

#define AT(member) G_STRUCT_OFFSET (AipConfig, member)

/* Groups that others inherit from, or that spare others a setting, stand before them. */
const AipSettingGroup aip_setting_groups[] = {
  { "server", AT (server), .settings = server_settings },
  { "routing", AT (routing), .settings = routing_settings },
  { "timeouts", AT (timeouts), .settings = timeout_settings },
  { "retry", AT (retry), .settings = retry_settings },
  { "circuit-breaker", AT (breaker), .settings = breaker_settings },
  { "health-check", AT (health_check), .settings = health_check_settings },
  { "rate-limit", AT (rate_limit), .settings = rate_limit_settings },
  { "redis", AT (redis), .settings = redis_settings },
  { "jwt", AT (jwt), .settings = jwt_settings },
  { "log", AT (log), .settings = log_settings },
  { "cache", AT (cache), .settings = cache_settings },
  { "metrics", AT (metrics), .settings = metrics_settings },
  { "provider", AT (providers), sizeof (AipProviderConfig), .settings = provider_settings },
  { "key", AT (keys), sizeof (AipKeyConfig), .settings = key_settings },
  { "mapping", AT (mappings), sizeof (AipMappingConfig), TRUE, mapping_settings },
  { "client", AT (clients), sizeof (AipClientConfig), .settings = client_settings },
  { "tenant", AT (tenants), sizeof (AipTenantConfig), .settings = tenant_settings },
  { "model", AT (models), sizeof (AipModelConfig), TRUE, model_settings },
  { NULL }
};
#undef AT

/* clang-format on */

/**
 * aip_setting_group_find:
 * @group: a group as in a file, without brackets: "server", "provider openai"
 * @name: (out) (optional): what stands behind the kind, inside @group; NULL: nothing
 *
 * Finds the kind of group by its first word; whether it has a name, and should have one, is for the
 * caller to compare.
 *
 * Returns: (transfer none) (nullable): the kind
 */
const AipSettingGroup *
aip_setting_group_find (const char *group, const char **name)
{
  gsize length;

  g_return_val_if_fail (group != NULL, NULL);

  length = strcspn (group, " ");
  if (name != NULL)
    *name = group[length] == ' ' ? group + length + 1 : NULL;

  for (const AipSettingGroup *self = aip_setting_groups; self->name != NULL; self++)
    if (strlen (self->name) == length && memcmp (self->name, group, length) == 0)
      return self;
  return NULL;
}

/**
 * aip_setting_group_find_setting:
 * @self: a kind of group
 * @key: name of a setting
 *
 * Returns: (transfer none) (nullable): the setting's row
 */
const AipSetting *
aip_setting_group_find_setting (const AipSettingGroup *self, const char *key)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);

  for (const AipSetting *setting = self->settings; setting->key != NULL; setting++)
    if (g_str_equal (setting->key, key))
      return setting;
  return NULL;
}

static gboolean
is_same (const AipSetting *setting, const void *a, const void *b)
{
  const void *x = G_STRUCT_MEMBER_P (a, setting->offset);
  const void *y = G_STRUCT_MEMBER_P (b, setting->offset);

  if (setting->type->format_items != NULL)
    {
      g_auto (GStrv) left = setting->type->format_items (x);
      g_auto (GStrv) right = setting->type->format_items (y);

      return g_strv_equal ((const char *const *) left, (const char *const *) right);
    }
  g_autofree char *left = setting->type->format (x);
  g_autofree char *right = setting->type->format (y);

  return g_str_equal (left, right);
}

/**
 * aip_setting_list_restarts:
 * @old: what the daemon was started with
 * @new: what is to hold now
 *
 * Returns: (transfer full): the settings that differ and count from the daemon's next start on
 */
char **
aip_setting_list_restarts (const AipConfig *old, const AipConfig *new)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_return_val_if_fail (old != NULL && new != NULL, NULL);

  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    for (const AipSetting *setting = group->settings; group->size == 0 && setting->key != NULL; setting++)
      if (setting->at_start &&
          !is_same (setting, G_STRUCT_MEMBER_P (old, group->offset), G_STRUCT_MEMBER_P (new, group->offset)))
        g_strv_builder_add (builder, setting->key);
  return g_strv_builder_end (builder);
}

/**
 * aip_setting_group_is_name:
 * @self: a kind of group that has names
 * @name: a name
 *
 * Names are letters, digits, "-", "_" and "."; those of models and mappings also have "/", ":" and
 * "@", as real model names do. They become parts of bus paths, metric labels and answers' headers.
 *
 * Returns: whether @name can be one, of at most 128 bytes
 */
gboolean
aip_setting_group_is_name (const AipSettingGroup *self, const char *name)
{
  gsize length;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.");
  if (self->loose_names)
    length = strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_./:@");
  return length > 0 && length <= 128 && name[length] == '\0';
}

/**
 * aip_setting_group_clear:
 * @self: a kind of group
 * @section: its struct
 *
 * Frees what the fields of @section own, but not the name of a named group.
 */
void
aip_setting_group_clear (const AipSettingGroup *self, void *section)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (section != NULL);

  for (const AipSetting *setting = self->settings; setting->key != NULL; setting++)
    if (setting->type->clear != NULL)
      setting->type->clear (G_STRUCT_MEMBER_P (section, setting->offset));
}
