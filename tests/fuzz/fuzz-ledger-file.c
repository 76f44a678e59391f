/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "base/aip-clock.h"
#include "fuzz.h"
#include "policy/aip-ledger-local.h"

#define NOW G_GINT64_CONSTANT (1800000000000000)

/* The file of the limits, which may hold anything: what was read of it can be written and read again. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (AipLedgerLocal) first = aip_ledger_local_new ();
  g_autoptr (AipLedgerLocal) second = aip_ledger_local_new ();
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GBytes) again = NULL;
  const guint8 *content;
  gsize length;

  aip_clock_set_fake (1000 * G_USEC_PER_SEC, NOW);
  aip_ledger_local_restore (first, data, size);
  aip_ledger_local_replace (first, "client:one", data, size);
  written = aip_ledger_local_dump (first);
  content = g_bytes_get_data (written, &length);
  g_assert_true (aip_ledger_local_restore (second, content, length));
  again = aip_ledger_local_dump (second);
  g_assert_cmpuint (g_bytes_get_size (again), ==, length);
  return 0;
}
