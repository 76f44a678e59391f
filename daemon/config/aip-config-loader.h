/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"

G_BEGIN_DECLS

/**
 * AipConfigProblem:
 * @file: where it stands: a path, or "environment"
 * @line: line in the file from 1; 0: the file as a whole
 * @group: (nullable): such as "provider openai"
 * @key: (nullable): such as "base-url"
 * @message: "what is wrong; what would be right"
 * @fatal: FALSE for a warning, which does not keep the config from being used
 */
typedef struct
{
  char *file;
  guint line;
  char *group;
  char *key;
  char *message;
  gboolean fatal;
} AipConfigProblem;

/**
 * AipConfigOverrides: what the command line says over file and environment.
 */
typedef struct
{
  const char *const *listen; /* (nullable) */
  gboolean demo;             /* adds [provider demo] of dialect builtin, model names of its own */
  gboolean plain_names;      /* --env: also read UPSTREAM_URL, OPENAI_API_KEY, ... */
} AipConfigOverrides;

GPtrArray *aip_config_problems_new (void);
char *aip_config_problems_join_fatal (const GPtrArray *problems);
void aip_config_problem_free (AipConfigProblem *problem);
char *aip_config_problem_to_string (const AipConfigProblem *problem);

AipConfig *aip_config_load (const char *const *paths,
                            const char *const *environment,
                            const AipConfigOverrides *overrides,
                            GPtrArray *problems);
AipConfig *aip_config_parse (const char *text, gsize length, const char *name, GPtrArray *problems);
char **aip_config_dup_default_paths (void);

G_END_DECLS
