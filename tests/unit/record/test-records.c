/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "record/aip-records.h"

#define PLENTY (1024 * 1024)
#define N_PRODUCERS 4u
#define N_EVENTS 20000u

static AipRequestEvent *
make (const char *id, const char *client, const char *key, const char *model, AipOutcomeKind outcome)
{
  g_autofree char *upstream_id = g_strconcat ("theirs of ", id, NULL);

  return aip_request_event_new (&(AipRequestEvent){ .finished = TRUE,
                                                    .id = id,
                                                    .upstream_id = upstream_id,
                                                    .client = client,
                                                    .provider = key,
                                                    .key = key,
                                                    .model = model,
                                                    .upstream_model = "upstream",
                                                    .outcome = outcome });
}

static void
push (AipRecords *records, const char *ids)
{
  g_auto (GStrv) parts = g_strsplit (ids, " ", -1);

  for (gsize i = 0; parts[i] != NULL; i++)
    aip_records_push (records, make (parts[i], "c", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED));
}

static void
check (AipRecords *records, AipRecordFilter filter, const char *ids)
{
  g_autoptr (GPtrArray) found = aip_records_search (records, &filter);
  g_autoptr (GString) seen = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    g_string_append_printf (seen, "%s%s", i > 0 ? " " : "", ((AipRequestEvent *) found->pdata[i])->id);
  g_assert_cmpstr (seen->str, ==, ids);
}

static void
test_number (void)
{
  g_autoptr (AipRecords) records = aip_records_new (3, PLENTY);

  check (records, (AipRecordFilter){ 0 }, "");
  push (records, "a b");
  check (records, (AipRecordFilter){ 0 }, "b a");
  push (records, "c d e");
  check (records, (AipRecordFilter){ 0 }, "e d c");
  check (records, (AipRecordFilter){ .limit = 2 }, "e d");
  g_assert_cmpuint (aip_records_get_max (records), ==, 3);
}

/* A large one makes more than one go, and itself where there is no room for it at all. */
static void
test_bytes (void)
{
  g_autofree char *text = g_strnfill (200, 'x');
  AipRequestEvent *large = make ("large", text, text, text, AIP_OUTCOME_KIND_SUCCEEDED);
  AipRequestEvent *small = make ("a", "c", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED);
  g_autoptr (AipRecords) records = aip_records_new (100, 3 * small->size);
  g_autoptr (AipRecords) none = aip_records_new (100, small->size);

  g_assert_cmpuint (large->size, >, small->size);
  g_assert_cmpuint (large->size, <, 2 * small->size);
  aip_records_push (records, small);
  push (records, "b c");
  check (records, (AipRecordFilter){ 0 }, "c b a");
  aip_records_push (records, large);
  check (records, (AipRecordFilter){ 0 }, "large c");
  push (none, "a");
  check (none, (AipRecordFilter){ 0 }, "a");
  aip_records_push (records, make ("d", "c", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED));
  check (records, (AipRecordFilter){ 0 }, "d large");
  aip_records_push (none, make ("large", text, text, text, AIP_OUTCOME_KIND_SUCCEEDED));
  check (none, (AipRecordFilter){ 0 }, "");
  push (none, "b");
  check (none, (AipRecordFilter){ 0 }, "b");
}

static AipRequestEvent *
make_nameless (const char *id)
{
  return make (id, NULL, NULL, NULL, AIP_OUTCOME_KIND_REFUSED);
}

/* However many of them come. */
static void
test_nameless (void)
{
  g_autoptr (AipRecords) records = aip_records_new (8, PLENTY);

  push (records, "a b c");
  for (guint i = 0; i < 100; i++)
    aip_records_push (records, make_nameless ("x"));
  aip_records_push (records, make_nameless ("y"));
  /* As long as nobody else wants the room. */
  check (records, (AipRecordFilter){ 0 }, "y x x x x c b a");
  push (records, "d");
  aip_records_push (records, make_nameless ("z"));
  check (records, (AipRecordFilter){ 0 }, "z d y x x c b a");
  push (records, "e f g h i j k");
  check (records, (AipRecordFilter){ 0 }, "k j i h g f e z");
  push (records, "l");
  aip_records_push (records, make_nameless ("v"));
  aip_records_purge (records);
  aip_records_push (records, make_nameless ("w"));
  check (records, (AipRecordFilter){ 0 }, "w");
}

static void
test_find (void)
{
  g_autoptr (AipRecords) records = aip_records_new (3, PLENTY);
  g_autoptr (AipRequestEvent) found = NULL;

  g_assert_null (aip_records_find (records, "a"));
  aip_records_push (records, make ("a", "old", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED));
  aip_records_push (records, make ("a", "new", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED));
  found = aip_records_find (records, "a");
  g_assert_cmpstr (found->client, ==, "new");
  g_assert_null (aip_records_find (records, "b"));
  g_assert_null (aip_records_find (records, "theirs"));
  g_clear_pointer (&found, aip_request_event_unref);
  found = aip_records_find (records, "theirs of a");
  g_assert_cmpstr (found->client, ==, "new");
  /* What was found outlives what is kept. */
  push (records, "b c d");
  g_assert_null (aip_records_find (records, "a"));
  g_assert_cmpstr (found->id, ==, "a");
}

static void
test_purge (void)
{
  g_autoptr (AipRecords) records = aip_records_new (3, PLENTY);

  aip_records_purge (records);
  push (records, "a b c");
  aip_records_purge (records);
  check (records, (AipRecordFilter){ 0 }, "");
  g_assert_null (aip_records_find (records, "a"));
  push (records, "d e f g");
  check (records, (AipRecordFilter){ 0 }, "g f e");
}

static void
test_filter (void)
{
  g_autoptr (AipRecords) records = aip_records_new (10, PLENTY);

  aip_records_push (records, make ("1", "ann", "k1", "m1", AIP_OUTCOME_KIND_SUCCEEDED));
  aip_records_push (records, make ("2", "ann", "k2", "m2", AIP_OUTCOME_KIND_UPSTREAM_FAULT));
  aip_records_push (records, make ("3", "bob", "k1", "m1", AIP_OUTCOME_KIND_SUCCEEDED));
  aip_records_push (records, make ("4", NULL, NULL, NULL, AIP_OUTCOME_KIND_REFUSED));
  check (records, (AipRecordFilter){ .client = "ann" }, "2 1");
  check (records, (AipRecordFilter){ .provider = "k1" }, "3 1");
  check (records, (AipRecordFilter){ .key = "k2" }, "2");
  check (records, (AipRecordFilter){ .model = "m1" }, "3 1");
  check (records, (AipRecordFilter){ .model = "upstream" }, "4 3 2 1");
  check (records, (AipRecordFilter){ .model = "m3" }, "");
  check (records, (AipRecordFilter){ .outcome = AIP_OUTCOME_KIND_REFUSED }, "4");
  check (records, (AipRecordFilter){ .client = "ann", .key = "k1" }, "1");
  check (records, (AipRecordFilter){ .client = "ann", .limit = 1 }, "2");
  check (records, (AipRecordFilter){ .client = "" }, "");
}

static gpointer
produce (gpointer data)
{
  for (guint i = 0; i < N_EVENTS; i++)
    aip_records_push (data, make ("id", "c", "k", "m", AIP_OUTCOME_KIND_SUCCEEDED));
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipRecords) records = aip_records_new (50, PLENTY);
  GThread *producers[N_PRODUCERS];
  g_autoptr (GPtrArray) found = NULL;

  for (guint i = 0; i < N_PRODUCERS; i++)
    producers[i] = g_thread_new ("producer", produce, records);
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (GPtrArray) some = aip_records_search (records, &(AipRecordFilter){ .client = "c" });
      g_autoptr (AipRequestEvent) one = aip_records_find (records, "id");

      g_assert_cmpuint (some->len, <=, 50);
      g_assert_true (one == NULL || one->finished);
      if (i % 20 == 0)
        aip_records_purge (records);
    }
  for (guint i = 0; i < N_PRODUCERS; i++)
    g_thread_join (producers[i]);
  push (records, "last");
  found = aip_records_search (records, &(AipRecordFilter){ 0 });
  g_assert_cmpuint (found->len, <=, 50);
  g_assert_cmpstr (((AipRequestEvent *) found->pdata[0])->id, ==, "last");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/record/records/number", test_number);
  g_test_add_func ("/record/records/bytes", test_bytes);
  g_test_add_func ("/record/records/nameless", test_nameless);
  g_test_add_func ("/record/records/find", test_find);
  g_test_add_func ("/record/records/purge", test_purge);
  g_test_add_func ("/record/records/filter", test_filter);
  g_test_add_func ("/record/records/threads", test_threads);

  return g_test_run ();
}
