/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "wire/aip-conversation.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gsize start = 0, end = 0;

  if (aip_conversation_find ((const char *) data, size, &start, &end))
    {
      g_assert_cmpuint (start, <, end);
      g_assert_cmpuint (end, <=, size);
    }
  return 0;
}
