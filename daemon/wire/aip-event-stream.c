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
 *
 * Returns: how much of it is whole events, in bytes; what is behind is the beginning of one
 */
gsize
aip_event_stream_whole_length (const char *data, gsize length)
{
  for (gsize end = length; end > 0; end--)
    if (ends_event (data, end))
      return end;
  return 0;
}
