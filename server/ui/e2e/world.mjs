// A server with probes of its own, in a folder of its own, started for the stories and taken down after them.
// Never: touches a process that it did not start.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'playwright-core';

const built = process.env.LEGATOR_BIN ?? join(process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url)), 'debug');

async function freePort() {
  const listener = createServer();
  const port = await new Promise((done) => listener.listen(0, '127.0.0.1', () => done(listener.address().port)));
  await new Promise((done) => listener.close(done));
  return port;
}

/** Waits until `look` gives something, or fails with what was waited for. */
export async function until(what, look, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await Promise.resolve().then(look).catch(() => undefined);
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s for ${what}`);
    await new Promise((go) => setTimeout(go, 100));
  }
}

export async function world() {
  const folder = mkdtempSync(join(tmpdir(), 'legator-stories-'));
  const data = join(folder, 'server');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const base = `https://127.0.0.1:${port}`;
  const children = new Map();
  const start = (name, program, args, env = {}) => {
    const log = openSync(join(folder, `${name}.log`), 'a');
    const child = spawn(join(built, program), args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    children.set(name, child);
    return child;
  };
  const ended = (child) => new Promise((done) => (child.exitCode === null && child.signalCode === null ? child.once('exit', done) : done()));
  const api = await request.newContext({ baseURL: base, ignoreHTTPSErrors: true });
  const self = {
    base, folder,
    log: (name) => (existsSync(join(folder, `${name}.log`)) ? readFileSync(join(folder, `${name}.log`), 'utf8') : ''),
    async up() {
      start('server', 'legator', ['serve', '--data', data, '--listen', `127.0.0.1:${port}`]);
      await until('the server to answer', () => api.get('/healthz').then((answer) => answer.ok()));
    },
    /** Another server, on plain HTTP and under the name `localhost`, which is where browsers make passkeys without a certificate. */
    async plain() {
      const port = await freePort();
      const base = `http://localhost:${port}`;
      start('plain', 'legator', ['serve', '--data', join(folder, 'plain'), '--listen', `127.0.0.1:${port}`, '--plain-http', '--public-url', base]);
      const api = await request.newContext({ baseURL: `http://127.0.0.1:${port}` });
      await until('the plain server to answer', () => api.get('/healthz').then((answer) => answer.ok()));
      return {
        base,
        setupLink: () => until('the set-up link', () => /http:\/\/\S+\/setup#\S+/.exec(self.log('plain'))?.[0]?.replace(/^http:\/\/[^/]+/, base)),
        /** Asks as a program that has no key. */
        open: async (method, path, data) => (await api.fetch(path, { method, data })).json(),
        key: () => readFileSync(join(folder, 'plain', 'admin.key'), 'utf8').trim(),
        /** Asks with the first key. */
        async ask(method, path, body) {
          const answer = await api.fetch(path, { method, headers: { authorization: `Bearer ${this.key()}` }, ...(body ? { data: body } : {}) });
          return answer.json().catch(() => undefined);
        },
        async enroll(name, tags) {
          const { token } = await this.ask('POST', '/api/v1/tokens', { tags });
          self.enroll(name, token, [], `http://127.0.0.1:${port}`);
          await until(`${name} to connect`, async () => ['online', 'degraded'].includes((await this.ask('GET', `/api/v1/probes/${name}`))?.status));
        },
        /** What the command line says, as the first key's owner. */
        ctl(...args) {
          const env = { ...process.env, LEGATOR_SERVER: `http://127.0.0.1:${port}`, LEGATOR_API_KEY: this.key(), HOME: folder, XDG_STATE_HOME: join(folder, 'state'), XDG_CONFIG_HOME: join(folder, 'config') };
          const ran = spawnSync(join(built, 'legatorctl'), args, { env, encoding: 'utf8' });
          if (ran.status !== 0) throw new Error(`legatorctl ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
          return ran.stdout;
        },
      };
    },
    async down() {
      const child = children.get('server');
      child.kill('SIGTERM');
      await ended(child);
    },
    /** The link that the server printed for whoever started it. */
    setupLink: () => until('the set-up link', () => /https:\/\/\S+\/setup#\S+/.exec(self.log('server'))?.[0]?.replace(/^https:\/\/[^/]+/, base)),
    key: () => readFileSync(join(data, 'admin.key'), 'utf8').trim(),
    async ask(method, path, body) {
      const answer = await api.fetch(path, { method, headers: { authorization: `Bearer ${self.key()}` }, ...(body ? { data: body } : {}) });
      return answer.json().catch(() => undefined);
    },
    /** What a program with this key is answered. */
    status: async (key, path) => (await api.fetch(path, { headers: { authorization: `Bearer ${key}` } })).status(),
    enroll(name, token, tags = [], server = base) {
      const home = join(folder, name);
      const placed = ['--config-dir', join(home, 'etc'), '--state-dir', join(home, 'state')];
      const env = { LEGATOR_TOKEN: token, LEGATOR_MACHINE_ID: `stories-${name}` };
      const init = spawnSync(join(built, 'legator-probe'), ['init', '--server', server, '--name', name, ...tags.flatMap((tag) => ['--tag', tag]), ...placed], { env: { ...process.env, ...env }, encoding: 'utf8' });
      if (init.status !== 0) throw new Error(`${name} did not enroll: ${init.stderr}`);
      start(name, 'legator-probe', ['run', ...placed], env);
    },
    /** The probe's program ends, as on a host that goes down, and comes up again. */
    async halt(name) {
      const child = children.get(name);
      child.kill('SIGTERM');
      await ended(child);
    },
    resume(name) {
      const home = join(folder, name);
      start(name, 'legator-probe', ['run', '--config-dir', join(home, 'etc'), '--state-dir', join(home, 'state')], { LEGATOR_MACHINE_ID: `stories-${name}` });
    },
    async token(tags) { return (await self.ask('POST', '/api/v1/tokens', { tags })).token; },
    online: (name) => until(`${name} to connect`, async () => ['online', 'degraded'].includes((await self.ask('GET', `/api/v1/probes/${name}`))?.status)),
    async end() {
      for (const child of [...children.values()].reverse()) { child.kill('SIGTERM'); }
      await Promise.all([...children.values()].map(ended));
      await api.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await self.up();
  return self;
}
