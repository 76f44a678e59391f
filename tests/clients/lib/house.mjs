// SPDX-License-Identifier: MIT
// The usual set-up: official SDK -> aiproxyd -> simulator.

import { createHash } from 'node:crypto';
import { File } from 'node:buffer';
import OpenAI from 'openai';

import { Daemon } from './daemon.mjs';
import { startSimulator, upstreamKey } from './simulator.mjs';

// Debian 12's Node.js does not have it as a global yet; the SDK's uploads want it.
globalThis.File ??= File;

export const token = 'client-token-7d0e5b21c4';

const digest = createHash('sha256').update(token).digest('hex');

function config(simulator, provider, extra) {
  return `
[server]
workers=2

[retry]
enabled=false

[circuit-breaker]
enabled=false

[health-check]
enabled=false

[client sdk]
token-sha256=${digest}

[provider simulator]
dialect=openai
base-url=${simulator.url}/v1
${provider}

[key simulator]
provider=simulator
secret=env:SIMULATOR_KEY

[mapping fast]
target=gpt-4o
${extra}`;
}

/** A client that gives up at once, so that a test sees what the daemon said. */
export function client(daemon, options = {}) {
  return new OpenAI({ baseURL: daemon.baseURL, apiKey: daemon.token ?? token, maxRetries: 0, timeout: 30_000, ...options });
}

/**
 * Starts simulator and daemon: { simulator, daemon, openai, stop () }.
 * @param {{provider?: string, extra?: string}} options lines for the provider's group; more groups
 */
export async function open({ provider = '', extra = '' } = {}) {
  const simulator = await startSimulator();
  const daemon = await Daemon.start({
    config: config(simulator, provider, extra),
    env: { SIMULATOR_KEY: upstreamKey },
    secrets: [token, upstreamKey],
  }).catch(async (error) => {
    await simulator.stop();
    throw error;
  });
  async function stop() {
    try {
      await daemon.stop();
    } finally {
      await simulator.stop();
    }
  }
  return { simulator, daemon, openai: client(daemon), stop };
}
