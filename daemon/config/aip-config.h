/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * One immutable snapshot of the whole configuration: defaults, then the file, then the environment.
 * All durations are milliseconds, all sizes bytes. Strings are never NULL unless a comment says so;
 * string lists are NULL-terminated and never NULL.
 */

typedef struct
{
  char **listen; /* "127.0.0.1:8000", "[::1]:8000", "unix:/path" */
  gboolean listen_is_default;
  guint workers; /* 0: as many as there are cores, at most 4 */
  gboolean require_token;
  char **allowed_hosts;   /* beyond the loopback names */
  char **allowed_origins; /* "https://app.example" */
  guint64 max_body;
  guint max_connections;
  guint max_client_requests; /* of each client that has no limit of its own */
  char *tls_certificate;     /* (nullable) PEM file */
  char *tls_key;             /* (nullable) PEM file */
  guint64 shutdown_timeout;
} AipServerConfig;

typedef struct
{
  char *strategy;
  gboolean sticky;
  gboolean validate_models;
  gboolean allow_unknown_models;
  char *default_provider; /* (nullable) */
  guint64 max_wait;       /* 0: not at all */
  char *on_exhausted;     /* "reject", "least-bad" */
} AipRoutingConfig;

typedef struct
{
  guint64 connect;
  guint64 first_byte;
  guint64 idle;
  guint64 total; /* 0: none */
} AipTimeouts;

typedef struct
{
  gboolean enabled;
  guint max_attempts;
  char *backoff; /* "exponential", "linear", "none" */
  guint64 base_delay;
  guint64 max_delay;
  char **retry_on; /* statuses and "connect", "timeout", "cut" */
} AipRetryConfig;

typedef struct
{
  gboolean enabled;
  guint threshold;
  double error_rate; /* 0..1; 0: only consecutive failures count */
  guint64 window;
  guint64 cooldown;
  guint64 max_cooldown;
} AipBreakerConfig;

typedef struct
{
  gboolean enabled;
  guint64 interval;
  guint64 timeout;
} AipHealthCheckConfig;

typedef struct
{
  gboolean enabled;
  guint requests;
  guint64 window;
} AipRateLimitConfig;

typedef enum
{
  AIP_KEY_REF_KEYRING,
  AIP_KEY_REF_ENVIRONMENT,
  AIP_KEY_REF_CREDENTIAL,
} AipKeyRefKind;

/* Where a secret lies that is no upstream's key. */
typedef struct
{
  AipKeyRefKind kind;
  char *name; /* (nullable): there is none */
} AipSecretRef;

typedef struct
{
  char *url; /* (nullable): limits are kept in this process */
  AipSecretRef password;
  char *prefix;
  guint64 timeout;
  char *on_failure; /* "local", "closed" */
} AipRedisConfig;

typedef struct
{
  char *issuer; /* (nullable); so are the next */
  char **audience;
  AipSecretRef secret; /* for HS256 */
  char *key_file;      /* PEM, for RS256 or ES256 */
  char *jwks_file;
  char **algorithms;
  char *claim_client;
  char *claim_tenant; /* (nullable) */
  guint64 leeway;
} AipJwtConfig;

typedef struct
{
  char *level; /* "error", "warning", "message", "info", "debug" */
  gboolean requests;
  gboolean bodies;
  char *file; /* (nullable) JSON lines */
  guint64 max_size;
  guint64 max_age;
} AipLogConfig;

typedef struct
{
  gboolean enabled;
  guint64 ttl;
  guint64 max_size;
} AipCacheConfig;

typedef struct
{
  gboolean enabled;
  gboolean public_access; /* `public`: /metrics without a token */
} AipMetricsConfig;

typedef struct
{
  char *name;
  char *value;
} AipConfigHeader;

typedef struct
{
  char *name;
  char *dialect;
  char *base_url; /* checked: http or https, no user, no fragment, no trailing slash; empty for builtin */
  char **models;  /* globs; empty: what the provider lists */
  AipConfigHeader *headers; /* `headers=Name: value;Name: value`; ends with a NULL name */
  gboolean enabled;
  int priority;
  guint weight;
  gboolean verify_tls;
  char *ca_file;        /* (nullable) `ca-file`: PEM bundle instead of the system's */
  char *proxy;          /* (nullable) URL, or "none"; unset: the environment's proxy settings count */
  AipTimeouts timeouts; /* [timeouts] with this provider's own values over it */
} AipProviderConfig;

typedef struct
{
  char *name;
  char *provider;
  AipKeyRefKind ref_kind;
  char *ref; /* the variable's or the credential's name; empty for the keyring */
  gboolean enabled;
  int priority;
  guint weight;
  guint rpm; /* 0: no limit */
  guint tpm;
  char **models;
} AipKeyConfig;

typedef struct
{
  char *alias;          /* [mapping ALIAS]; per provider: [mapping ALIAS@PROVIDER] or provider= */
  char **targets;       /* at least one */
  char *provider;       /* (nullable) */
  char *strategy;       /* (nullable) */
  gboolean at_provider; /* its group is [mapping ALIAS@PROVIDER] */
} AipMappingConfig;

typedef struct
{
  char *name;
  guint8 digest[32]; /* token-sha256; zeros: it comes with a JWT alone */
  char *tenant;      /* (nullable) */
  gboolean enabled;
  gboolean admin;
  char **models;
  guint max_concurrent; /* 0: as many as max_client_requests says */
  guint rpm;
  guint tpm;
  guint64 daily_requests;
  guint64 daily_tokens;
  double monthly_budget; /* USD; 0: none */
  char **allowed_strategies;
  char **allowed_providers; /* globs; empty: all; so are the next */
  char **allowed_keys;
} AipClientConfig;

typedef struct
{
  char *name;
  guint64 daily_requests;
  guint64 daily_tokens;
  double monthly_budget;
  char **models; /* names and globs; empty: all; so are the next */
  char **allowed_providers;
  char **allowed_keys;
} AipTenantConfig;

typedef struct
{
  char *name;
  double input_price; /* USD per million tokens; negative: unknown, here and below */
  double output_price;
  double cache_read_price;
  double cache_write_price;
  guint context; /* tokens; 0: unknown */
  guint max_output;
  char **capabilities;
} AipModelConfig;

typedef struct
{
  AipServerConfig server;
  AipRoutingConfig routing;
  AipTimeouts timeouts;
  AipRetryConfig retry;
  AipBreakerConfig breaker;
  AipHealthCheckConfig health_check;
  AipRateLimitConfig rate_limit;
  AipRedisConfig redis;
  AipJwtConfig jwt;
  AipLogConfig log;
  AipCacheConfig cache;
  AipMetricsConfig metrics;
  GPtrArray *providers; /* of AipProviderConfig, in the file's order; so are the next */
  GPtrArray *keys;      /* of AipKeyConfig */
  GPtrArray *mappings;  /* of AipMappingConfig */
  GPtrArray *clients;   /* of AipClientConfig */
  GPtrArray *tenants;   /* of AipTenantConfig */
  GPtrArray *models;    /* of AipModelConfig */
} AipConfig;

AipConfig *aip_config_ref (AipConfig *self);
void aip_config_unref (AipConfig *self);
const AipProviderConfig *aip_config_find_provider (const AipConfig *self, const char *name);
const AipClientConfig *aip_config_find_client (const AipConfig *self, const char *name);
const AipTenantConfig *aip_config_find_tenant (const AipConfig *self, const char *name);
gboolean aip_config_accepts_jwt (const AipConfig *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfig, aip_config_unref)

G_END_DECLS
