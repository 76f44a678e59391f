// SPDX-License-Identifier: MIT
// The upstream: aimock, a simulator of the providers that this project did not write.

import diagnostics from 'node:diagnostics_channel';
import { createRequire } from 'node:module';

// The ES module form imports zlib.crc32, which Debian 12's Node.js does not have yet.
const { LLMock } = createRequire(import.meta.url)('@copilotkit/aimock');

/** The only key that the simulator takes. */
export const upstreamKey = 'sk-simulated-upstream-0123456789abcdef';

/** Starts a simulator that refuses every other key, and answers 404 to what no fixture matches. */
export async function startSimulator() {
  const simulator = new LLMock({ port: 0, auth: { apiKeys: [upstreamKey] }, journalMaxEntries: 0 });
  await simulator.start();
  return simulator;
}

/** Counts the requests below a path whose answers end before they are finished: { count, stop () }. */
export function watchCancelled(simulator, pathname) {
  const watch = { count: 0, started: 0, stop: () => diagnostics.unsubscribe(channel, onRequest) };
  const channel = 'http.server.request.start';
  function onRequest({ request, response, server }) {
    if (server.address()?.port !== simulator.port || !request.url.startsWith(pathname)) return;
    watch.started += 1;
    response.on('close', () => (watch.count += response.writableFinished ? 0 : 1));
  }
  diagnostics.subscribe(channel, onRequest);
  return watch;
}
