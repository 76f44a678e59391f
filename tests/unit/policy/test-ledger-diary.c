/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "policy/aip-ledger-diary.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/aip-clock.h"
#include "policy/aip-ledger-file.h"
#include "policy/aip-ledger-local.h"

typedef struct
{
  char *directory;
  char *path;
  AipLedgerLocal *local;
  AipLedgerDiary *diary;
} Fixture;

static void
set_up (Fixture *fixture, const void *unused)
{
  fixture->directory = g_dir_make_tmp ("aiproxy-test-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "limits.diary", NULL);
  fixture->local = aip_ledger_local_new ();
  fixture->diary = aip_ledger_diary_new (fixture->directory);
}

static void
tear_down (Fixture *fixture, const void *unused)
{
  g_autofree char *old = g_strconcat (fixture->path, ".old", NULL);

  aip_ledger_diary_free (fixture->diary);
  aip_ledger_local_free (fixture->local);
  g_unlink (fixture->path);
  g_unlink (old);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->path);
}

static AipQuota *
make_quota (AipLedgerLocal *local, const char *name)
{
  AipQuota *quota = aip_quota_new ();
  AipQuotaPart *part = aip_quota_add_part (quota, AIP_PARTY_CLIENT, name);

  part->limits[AIP_LIMIT_DAY_REQUESTS] = 100;
  part->limits[AIP_LIMIT_TOKENS] = 1000;
  part->account = aip_ledger_local_get_account (local, name);
  aip_ledger_local_open_windows (part);
  return quota;
}

static void
charge (Fixture *fixture, AipQuota *quota, guint64 tokens)
{
  AipTally tally;

  aip_ledger_local_charge (quota, tokens, &tally);
  aip_ledger_diary_note (fixture->diary, quota->parts[0].account);
}

static void
replace_cb (const char *name, const guint8 *data, gsize size, void *user_data)
{
  g_assert_cmpint (aip_ledger_file_get_time (data, size), >, 0);
  g_assert_true (aip_ledger_local_replace (user_data, name, data, size));
}

/* What a daemon that starts now would know: requests of the day, and tokens. */
static void
read_back (Fixture *fixture, const char *name, guint64 used[2])
{
  g_autoptr (AipLedgerLocal) local = aip_ledger_local_new ();
  g_autoptr (AipLedgerDiary) diary = aip_ledger_diary_new (fixture->directory);
  g_autoptr (AipQuota) quota = NULL;
  AipLimitUse uses[AIP_MAX_LIMIT_USES];

  aip_ledger_diary_read (diary, replace_cb, local);
  quota = make_quota (local, name);
  g_assert_cmpuint (aip_quota_get_uses (quota, uses), ==, 2);
  used[0] = uses[1].used;
  used[1] = uses[0].used;
}

static void
wait_for (Fixture *fixture, const char *name, guint64 requests, guint64 tokens)
{
  guint64 used[2];

  do
    {
      read_back (fixture, name, used);
      g_usleep (1000);
    }
  while (used[0] != requests || used[1] != tokens);
}

static void
test_last_one_counts (Fixture *fixture, const void *unused)
{
  g_autoptr (AipQuota) one = make_quota (fixture->local, "client:one");
  g_autoptr (AipQuota) other = make_quota (fixture->local, "client:other");
  struct stat status;

  charge (fixture, one, 5);
  wait_for (fixture, "client:one", 1, 5);
  g_assert_cmpint (stat (fixture->path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
  charge (fixture, other, 7);
  charge (fixture, one, 10);
  wait_for (fixture, "client:one", 2, 15);
  wait_for (fixture, "client:other", 1, 7);
}

/* What is older is kept until the next time, since it may be newer than what was written meanwhile. */
static void
test_turn (Fixture *fixture, const void *unused)
{
  g_autoptr (AipQuota) one = make_quota (fixture->local, "client:one");
  g_autoptr (AipQuota) other = make_quota (fixture->local, "client:other");

  charge (fixture, one, 5);
  wait_for (fixture, "client:one", 1, 5);
  aip_ledger_diary_turn (fixture->diary);
  wait_for (fixture, "client:one", 1, 5);
  charge (fixture, other, 7);
  wait_for (fixture, "client:other", 1, 7);
  wait_for (fixture, "client:one", 1, 5);
  aip_ledger_diary_turn (fixture->diary);
  wait_for (fixture, "client:one", 0, 0);
  wait_for (fixture, "client:other", 1, 7);
  aip_ledger_diary_close (fixture->diary);
  wait_for (fixture, "client:other", 0, 0);
  charge (fixture, other, 7);
}

/* Killed while it wrote, or worse. */
static void
test_damage (Fixture *fixture, const void *unused)
{
  g_autoptr (AipQuota) one = make_quota (fixture->local, "client:one");
  g_autofree char *data = NULL;
  gsize size;
  guint64 used[2];

  charge (fixture, one, 5);
  wait_for (fixture, "client:one", 1, 5);
  g_assert_true (g_file_get_contents (fixture->path, &data, &size, NULL));
  for (gsize length = 0; length < size; length++)
    {
      g_assert_true (g_file_set_contents (fixture->path, data, (gssize) length, NULL));
      read_back (fixture, "client:one", used);
      g_assert_cmpuint (used[0] + used[1], ==, 0);
    }
  memset (data, 0xff, 4);
  g_assert_true (g_file_set_contents (fixture->path, data, (gssize) size, NULL));
  read_back (fixture, "client:one", used);
  g_assert_cmpuint (used[0] + used[1], ==, 0);
}

/* A daemon that was killed while it wrote is killed again before the counts are written whole. */
static void
test_goes_on_behind_a_cut (Fixture *fixture, const void *unused)
{
  g_autoptr (AipQuota) one = make_quota (fixture->local, "client:one");
  g_autoptr (AipQuota) other = make_quota (fixture->local, "client:other");
  g_autoptr (AipLedgerLocal) last = aip_ledger_local_new ();
  g_autofree char *data = NULL;
  g_autoptr (GString) cut = NULL;
  gsize size;

  charge (fixture, one, 5);
  wait_for (fixture, "client:one", 1, 5);
  g_assert_true (g_file_get_contents (fixture->path, &data, &size, NULL));
  cut = g_string_new_len (data, (gssize) size);
  g_string_append_len (cut, data, (gssize) size - 1);
  aip_ledger_diary_free (fixture->diary);
  g_assert_true (g_file_set_contents (fixture->path, cut->str, (gssize) cut->len, NULL));

  fixture->diary = aip_ledger_diary_new (fixture->directory);
  aip_ledger_diary_read (fixture->diary, replace_cb, last);
  charge (fixture, other, 7);
  wait_for (fixture, "client:other", 1, 7);
  wait_for (fixture, "client:one", 1, 5);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/ledger-diary/last-one-counts", Fixture, NULL, set_up, test_last_one_counts, tear_down);
  g_test_add ("/ledger-diary/turn", Fixture, NULL, set_up, test_turn, tear_down);
  g_test_add ("/ledger-diary/damage", Fixture, NULL, set_up, test_damage, tear_down);

  g_test_add ("/ledger-diary/goes-on-behind-a-cut", Fixture, NULL, set_up, test_goes_on_behind_a_cut,
              tear_down);

  return g_test_run ();
}
