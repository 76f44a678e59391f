/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-event-stream"

#include "wire/aip-event-stream.h"

/* Whether an empty line ends at @end (HTML standard, 9.2.5: lines end in CR LF, LF or CR). */
static gboolean
ends_event (const char *data, gsize end)
{
  if (data[end - 1] == '\n')
    {
      if (end >= 2 && data[end - 2] == '\n')
        return TRUE;
      return end >= 4 && data[end - 2] == '\r' && data[end - 3] == '\n';
    }
  return data[end - 1] == '\r' && end >= 2 && data[end - 2] == '\r';
}

/**
 * aip_event_stream_whole_length:
 * @data: a piece of a stream of server-sent events that begins where an event begins
 * @length: of @data, in bytes
 * @seen: how much of it was looked at before, in bytes: an event that ends there is not looked for again
 *
 * Returns: how much of it is whole events, in bytes; what is behind is the beginning of one; 0: none ends
 *   behind @seen
 */
gsize
aip_event_stream_whole_length (const char *data, gsize length, gsize seen)
{
  for (gsize end = length; end > seen; end--)
    if (ends_event (data, end))
      return end;
  return 0;
}
