// SPDX-License-Identifier: MIT
// Starts the real aiproxyd in a home of its own, and checks that it leaves cleanly.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const binary = path.resolve(process.env.AIPROXYD ?? path.join(root, 'build/daemon/aiproxyd'));
const damage = /AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|CRITICAL/;
const startLimit = 30_000;
const stopLimit = 60_000;

/** Waits until condition() is true; fails with the message when it is not in time. */
export async function until(condition, message, limit = 30_000) {
  const end = Date.now() + limit;
  while (!(await condition())) {
    assert.ok(Date.now() < end, typeof message === 'function' ? message() : message);
    await sleep(20);
  }
}

export class Daemon {
  /**
   * @param {{config?: string, args?: string[], env?: Record<string, string>, secrets?: string[]}} options
   *   config: the config file's text; secrets: what must never be in the log
   */
  static async start({ config = '', args = [], env = {}, secrets = [] } = {}) {
    assert.ok(fs.existsSync(binary), `${binary} is not there: build it, or set AIPROXYD`);
    const daemon = new Daemon();
    daemon.secrets = secrets;
    daemon.home = fs.mkdtempSync(path.join(os.tmpdir(), 'aiproxy-clients-'));
    const file = path.join(daemon.home, 'aiproxy.conf');
    fs.writeFileSync(file, config, { mode: 0o600 });
    const sanitizers = Object.entries(process.env).filter(([name]) => name.endsWith('SAN_OPTIONS'));
    daemon.stderr = '';
    daemon.process = spawn(
      binary,
      ['--config', file, '--listen', '127.0.0.1:0', '--bus', 'none', '--key-store', 'environment', ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env.PATH,
          HOME: daemon.home,
          XDG_CONFIG_HOME: path.join(daemon.home, 'config'),
          XDG_STATE_HOME: path.join(daemon.home, 'state'),
          ...Object.fromEntries(sanitizers),
          ...env,
        },
      },
    );
    daemon.ended = once(daemon.process, 'exit');
    daemon.process.stderr.setEncoding('utf8').on('data', (text) => (daemon.stderr += text));
    readline.createInterface({ input: daemon.process.stdout }).on('line', (line) => {
      daemon.url ??= /^listening on (http:\/\/.+)$/.exec(line)?.[1];
      daemon.token ??= /^token: (\S+)$/.exec(line)?.[1];
    });
    const wanted = () => daemon.url && (daemon.token || !args.includes('--demo'));
    const over = () => wanted() || daemon.process.exitCode !== null;
    try {
      await until(over, () => `the daemon did not get ready:\n${daemon.stderr}`, startLimit);
      assert.ok(wanted(), `the daemon ended:\n${daemon.stderr}`);
    } catch (error) {
      daemon.process.kill('SIGKILL');
      throw error;
    }
    return daemon;
  }

  /** What an SDK takes as its base URL. */
  get baseURL() {
    return `${this.url}/v1`;
  }

  /** How many descriptors it has open. */
  descriptors() {
    return fs.readdirSync(`/proc/${this.process.pid}/fd`).length;
  }

  /** Ends it; fails unless it ends in good order and has kept its secrets. */
  async stop() {
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), stopLimit);
    const [code, signal] = await this.ended;
    clearTimeout(timer);
    fs.rmSync(this.home, { recursive: true, force: true });
    assert.equal(code, 0, `ended with ${code ?? signal}:\n${this.stderr}`);
    assert.doesNotMatch(this.stderr, damage);
    for (const secret of [...this.secrets, this.token].filter(Boolean)) {
      assert.ok(!this.stderr.includes(secret), `a secret is in the log:\n${this.stderr}`);
    }
  }
}
