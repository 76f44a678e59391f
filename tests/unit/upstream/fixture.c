/* SPDX-License-Identifier: MIT */
#include "fixture.h"

void
fixture_set_up (Fixture *self, RawServerFunc func, const void *user_data)
{
  bench_init (&self->bench);
  self->server = raw_server_new (func, (void *) user_data);
  self->url = raw_server_dup_url (self->server, "/v1/x%2Fy/../z?q=secret");
}

/* Also checks that nothing was left open. */
void
fixture_tear_down (Fixture *self)
{
  g_clear_pointer (&self->bench.upstream, aip_upstream_free);
  raw_server_free (self->server);
  bench_clear (&self->bench);
  g_free (self->url);
}
