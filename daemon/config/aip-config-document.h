/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-line.h"

G_BEGIN_DECLS

/**
 * AipConfigDocument: the lines of a config file, of which single ones can be changed. It knows where a line
 * reads best, but not which groups and settings there are. Texts it is given must outlive it.
 */
typedef struct _AipConfigDocument AipConfigDocument;

AipConfigDocument *aip_config_document_new (const char *text, gsize length);
void aip_config_document_free (AipConfigDocument *self);
void aip_config_document_use_line_end (AipConfigDocument *self, const char *text, gsize length);
char *aip_config_document_to_text (const AipConfigDocument *self);

gboolean aip_config_document_has_group (const AipConfigDocument *self, const char *group);
const AipConfigLine *
aip_config_document_find (const AipConfigDocument *self, const char *group, const char *key);
void aip_config_document_add_group (AipConfigDocument *self, const char *group);
void aip_config_document_remove_group (AipConfigDocument *self, const char *group);
void aip_config_document_set (AipConfigDocument *self, const char *group, const char *key, const char *value);
void aip_config_document_unset (AipConfigDocument *self, const char *group, const char *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigDocument, aip_config_document_free)

G_END_DECLS
