/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "wire/aip-event-stream.h"
#include "wire/aip-first-content.h"

#include "fuzz.h"

/* Any bytes as the first events of a stream: what is told lies within them, and what comes later changes
 * nothing. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  gsize whole = aip_event_stream_whole_length (text, size, 0);
  const char *error = text;
  gsize length = 0;
  AipFirstContent found = aip_first_content_find (text, whole, &error, &length);

  if (found == AIP_FIRST_CONTENT_NONE)
    return 0;
  g_assert_true (error >= text && error + length <= text + whole);
  g_assert_cmpint (aip_first_content_find (text, size, &error, &length), ==, found);
  return 0;
}
