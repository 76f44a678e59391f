/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "routing/aip-fault-class.h"

#include <string.h>

#include "fuzz.h"

/* The first byte says which status, the second how the transfer ended; the rest is the body. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const guint statuses[] = { 0, 200, 302, 400, 401, 403, 404, 429, 500, 529 };
  AipFaultSigns signs;
  AipFaultVerdict verdict;

  if (size < 2)
    return 0;

  AipFaultInput input = {
    .status = statuses[data[0] % G_N_ELEMENTS (statuses)],
    .transport = data[1] % (AIP_TRANSPORT_CANCELLED + 1),
    .body = (const char *) data + 2,
    .body_length = size - 2,
    .retry_after_us = -1,
    .names_model = (data[1] & 0x80) != 0,
  };

  aip_fault_normalise (&input, &signs);
  g_assert_nonnull (memchr (signs.code, '\0', sizeof signs.code));
  g_assert_nonnull (memchr (signs.type, '\0', sizeof signs.type));
  verdict = aip_fault_judge (&signs);
  g_assert_cmpuint (verdict.fault_class, <, AIP_N_FAULT_CLASSES);
  g_assert_nonnull (verdict.reason);
  g_assert_cmpint (verdict.retry_after_us, >=, -1);
  /* A broken server is not believed, and silence is no success. */
  if (input.status >= 500 && input.transport != AIP_TRANSPORT_CANCELLED)
    g_assert_cmpint (verdict.fault_class, ==, AIP_FAULT_CLASS_TRANSIENT);
  if (verdict.fault_class == AIP_FAULT_CLASS_NONE)
    g_assert_cmpuint (input.status, ==, 200);
  return 0;
}
