/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include <string.h>

#include "base/aip-clock.h"
#include "fuzz.h"
#include "policy/aip-ledger-diary.h"
#include "policy/aip-ledger-local.h"

#define NOW G_GINT64_CONSTANT (1800000000000000)

static void
replace_cb (const char *name, const guint8 *data, gsize size, void *user_data)
{
  g_assert_cmpuint (strlen (name), <, 256);
  aip_ledger_local_replace (user_data, name, data, size);
}

/* The diary of the limits, which may hold anything: what is whole of it stays whole. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (AipLedgerLocal) local = aip_ledger_local_new ();
  g_autoptr (GBytes) written = NULL;
  gsize whole;

  aip_clock_set_fake (1000 * G_USEC_PER_SEC, NOW);
  whole = aip_ledger_diary_parse (data, size, replace_cb, local);
  g_assert_cmpuint (whole, <=, size);
  g_assert_cmpuint (aip_ledger_diary_parse (data, whole, replace_cb, local), ==, whole);
  written = aip_ledger_local_dump (local);
  return 0;
}
