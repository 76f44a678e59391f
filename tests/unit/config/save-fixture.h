/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-error.h"
#include "config-files.h"
#include "config-problems.h"
#include "config/aip-config-edit.h"

/* A low and a high file in a folder of their own. */
#define PROVIDER "[provider p]\nbase-url=https://p.example/v1\n"

typedef struct
{
  char *folder;
  char *low;
  char *high;
} Fixture;

static inline void
assert_file (const char *path, const char *expected)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
}

static inline void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->folder);
  fixture->low = g_build_filename (fixture->folder, "low.conf", NULL);
  fixture->high = g_build_filename (fixture->folder, "high.conf", NULL);
}

/* Whatever happened, no temporary file is left. */
static inline void
assert_no_rest (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_assert_false (g_str_has_prefix (name, "."));
}

static inline void
tear_down (Fixture *fixture, gconstpointer data)
{
  assert_no_rest (fixture->high);
  remove_tree (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->low);
  g_free (fixture->high);
}

static inline AipConfig *
save_with (Fixture *fixture,
           const AipConfigEdit *edit,
           const char *const *environment,
           const AipConfigOverrides *overrides,
           GError **error)
{
  const char *paths[] = { fixture->low, fixture->high, NULL };

  return aip_config_edit_save (edit, paths, environment, overrides, error);
}

/* Sets one setting; @key NULL: adds the group. */
static inline AipConfig *
save (Fixture *fixture, const char *group, const char *key, const char *value, GError **error)
{
  g_autoptr (AipConfigEdit) edit = aip_config_edit_new ();

  if (key == NULL)
    aip_config_edit_add_group (edit, group);
  else if (value == NULL)
    aip_config_edit_unset (edit, group, key);
  else
    aip_config_edit_set (edit, group, key, value);
  return save_with (fixture, edit, NULL, NULL, error);
}

/* The same, which must fail with @format, where %s is the file's path. */
static inline void
assert_refused (Fixture *fixture,
                const AipConfigEdit *edit,
                const char *const *environment,
                const AipConfigOverrides *overrides,
                AipError code,
                const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  g_file_get_contents (fixture->high, &before, NULL, NULL);
  g_assert_null (save_with (fixture, edit, environment, overrides, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, expected);
  g_file_get_contents (fixture->high, &after, NULL, NULL);
  g_assert_cmpstr (before, ==, after);
  assert_no_rest (fixture->high);
}

#define ADD(name, test) g_test_add ("/config/" name, Fixture, NULL, set_up, test, tear_down)
