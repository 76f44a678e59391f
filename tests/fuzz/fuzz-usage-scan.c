/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "wire/aip-usage-scan.h"

#include "fuzz.h"

static void
assert_same (const AipUsageScan *a, const AipUsageScan *b)
{
  AipUsage left = aip_usage_scan_get_usage (a);
  AipUsage right = aip_usage_scan_get_usage (b);

  g_assert_cmpint (left.known, ==, right.known);
  g_assert_cmpuint (left.input_tokens, ==, right.input_tokens);
  g_assert_cmpuint (left.output_tokens, ==, right.output_tokens);
  g_assert_cmpuint (left.cached_tokens, ==, right.cached_tokens);
  g_assert_cmpuint (left.cache_write_tokens, ==, right.cache_write_tokens);
  g_assert_cmpint (aip_usage_scan_saw_end (a), ==, aip_usage_scan_saw_end (b));
}

/* The first byte says how to read the rest. However that is split, the result is the same. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;

  AipProtocol protocol = data[0] % AIP_N_PROTOCOLS;
  gboolean stream = (data[0] & 0x40) != 0;
  const char *text = (const char *) data + 1;
  gsize length = size - 1;
  AipUsageScan whole, bytes, pieces;
  guint32 noise = (guint32) size * 2654435761u + data[0];

  aip_usage_scan_init (&whole, protocol, stream);
  aip_usage_scan_init (&bytes, protocol, stream);
  aip_usage_scan_init (&pieces, protocol, stream);
  aip_usage_scan_feed (&whole, text, length);
  for (gsize i = 0; i < length; i++)
    aip_usage_scan_feed (&bytes, text + i, 1);
  for (gsize i = 0; i < length;)
    {
      noise = noise * 1664525u + 1013904223u;
      gsize n = MIN ((noise >> 16) % 29, length - i);

      aip_usage_scan_feed (&pieces, text + i, n);
      i += n;
    }
  assert_same (&whole, &bytes);
  assert_same (&whole, &pieces);
  g_assert_cmpuint (aip_usage_scan_get_usage (&whole).output_tokens, <=, G_GUINT64_CONSTANT (2000000000000));
  return 0;
}
