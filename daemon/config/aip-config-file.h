/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Far above any real file; a wrong path must not eat the memory. */
#define AIP_CONFIG_MAX_FILE_SIZE (4 * 1024 * 1024)

/**
 * AipConfigStamp: what changes whenever a file's content does; all zero: there is no file.
 */
typedef struct
{
  guint64 device;
  guint64 inode;
  gint64 size;
  gint64 modified_ns;
  gint64 changed_ns;
} AipConfigStamp;

AipConfigStamp aip_config_stamp_from_status (const struct stat *status);
gboolean aip_config_stamp_equal (const AipConfigStamp *a, const AipConfigStamp *b);

/**
 * AipConfigFile: a file as it was when it was read, to be replaced if it still is.
 *
 * @asked: the path as it was given
 * @path: where that leads to over symbolic links; what is written
 * @text: its content; empty where there is no file
 * @status: all zero where there is no file
 */
typedef struct
{
  char *asked;
  char *path;
  GString *text;
  struct stat status;
} AipConfigFile;

GString *aip_config_file_read_text (const char *path, struct stat *status);
AipConfigFile *aip_config_file_open (const char *path, GError **error);
void aip_config_file_free (AipConfigFile *self);
gboolean aip_config_file_replace (AipConfigFile *self,
                                  const char *text,
                                  gboolean *overtaken,
                                  AipConfigStamp *written,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigFile, aip_config_file_free)

G_END_DECLS
