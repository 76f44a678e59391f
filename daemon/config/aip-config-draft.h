/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-loader.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_CONFIG_SOURCE_FILE,
  AIP_CONFIG_SOURCE_PLAIN_NAMES, /* UPSTREAM_URL and its like (--env) */
  AIP_CONFIG_SOURCE_VARIABLES,   /* AIPROXY_GROUP_SETTING */
  AIP_CONFIG_SOURCE_COMMAND_LINE,
} AipConfigSourceKind;

/**
 * AipConfigSource: one place that settings come from.
 *
 * @name: a path, "environment" or "command line"
 * @values: holds only groups and settings of the schema
 * @lines: "GROUP" and "GROUP\nKEY" to the line in a file, from 1; GKeyFile keeps none
 */
typedef struct
{
  AipConfigSourceKind kind;
  char *name;
  GKeyFile *values;
  GHashTable *lines;
} AipConfigSource;

/**
 * AipConfigDraft: everything that was read and found wrong, before it becomes a snapshot.
 *
 * @sources: (element-type AipConfigSource): in rising precedence
 * @problems: (element-type AipConfigProblem) (nullable): where to collect them
 * @failed: whether one of the problems is fatal
 */
typedef struct
{
  GPtrArray *sources;
  GPtrArray *problems;
  gboolean failed;
} AipConfigDraft;

AipConfigDraft *aip_config_draft_new (GPtrArray *problems);
void aip_config_draft_free (AipConfigDraft *self);
AipConfigSource *
aip_config_draft_add_source (AipConfigDraft *self, AipConfigSourceKind kind, const char *name);
AipConfigSource *aip_config_draft_get_last_file (const AipConfigDraft *self);
AipConfigSource *aip_config_draft_find (const AipConfigDraft *self, const char *group, const char *key);
GPtrArray *aip_config_draft_list_groups (const AipConfigDraft *self, const char *kind);
gboolean aip_config_draft_has_group (const AipConfigDraft *self, const char *group);

void aip_config_draft_report (AipConfigDraft *self,
                              gboolean fatal,
                              const char *group,
                              const char *key,
                              const char *format,
                              ...) G_GNUC_PRINTF (5, 6);
void aip_config_draft_report_at (AipConfigDraft *self,
                                 gboolean fatal,
                                 const char *file,
                                 guint line,
                                 const char *group,
                                 const char *key,
                                 const char *format,
                                 ...) G_GNUC_PRINTF (7, 8);

void aip_config_source_mark (AipConfigSource *self, const char *group, const char *key, guint line);
guint aip_config_source_get_line (const AipConfigSource *self, const char *group, const char *key);

void aip_config_read_text (AipConfigDraft *draft, const char *name, const char *text, gsize length);
void aip_config_read_environment (AipConfigDraft *draft, const char *const *environment);
void aip_config_read_plain_names (AipConfigDraft *draft, const char *const *environment);
char *aip_config_make_variable (const char *kind, const char *name, const char *key);
AipConfig *aip_config_build (AipConfigDraft *draft);
AipConfig *aip_config_rebuild (AipConfigDraft *draft, const AipConfig *base, GHashTable *touched);
void aip_config_check (AipConfigDraft *draft, AipConfig *config, const AipConfig *base);
void aip_config_check_providers (AipConfigDraft *draft, AipConfig *config, const AipConfig *base);
void aip_config_check_policy (AipConfigDraft *draft, const AipConfig *config);
const char *aip_config_find_default_url (const char *dialect);

/**
 * AipConfigText: what is to be read in place of a file; @text need not end with NUL.
 */
typedef struct
{
  const char *text;
  gsize length;
} AipConfigText;

AipConfig *aip_config_load_draft (AipConfigDraft *draft,
                                  const char *const *paths,
                                  const AipConfigText *last,
                                  const char *const *environment,
                                  const AipConfigOverrides *overrides);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigDraft, aip_config_draft_free)

G_END_DECLS
