/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl-print.h"

G_BEGIN_DECLS

/**
 * AipCtlTable: rows whose cells are aligned when all of them are there.
 */
typedef struct _AipCtlTable AipCtlTable;

AipCtlTable *aip_ctl_table_new (const char *const *titles);
void aip_ctl_table_free (AipCtlTable *self);

void aip_ctl_table_align_right (AipCtlTable *self, guint column);
void aip_ctl_table_add (AipCtlTable *self, const char *text);
void aip_ctl_table_add_styled (AipCtlTable *self, const char *text, AipCtlStyle style);
guint aip_ctl_table_count (const AipCtlTable *self);

char *aip_ctl_table_format (const AipCtlTable *self, gboolean colour);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipCtlTable, aip_ctl_table_free)

G_END_DECLS
