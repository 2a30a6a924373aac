// Keys that are turned while everything goes on: a host's, those of several, the one that seals, the one that signs the log.
import { everywhere } from './access.mjs';
import { as } from './people.mjs';
import { axe, holds, same, story } from './teller.mjs';
import { until } from './world.mjs';

export async function keys({ ana, ben, w, shot, run }) {
  const settled = (name) => until(`the key of ${name} to be turned`, async () => {
    const key = await w.ask('GET', `/api/v1/probes/${name}/key`);
    return key.state === 'settled' && key.turned_at;
  });

  await story('keys: a host’s key is turned from its page, which follows it to the end, and the host goes on', async () => {
    await ana.goto('/fleet?probe=web-1');
    await ana.getByText('the one of the enrollment').waitFor();
    await ana.getByRole('button', { name: 'Turn the key of web-1' }).click();
    await ana.getByText('web-1 is given another key').waitFor();
    await settled('web-1');
    await ana.locator('dd', { hasText: /^turned/ }).waitFor();
    await axe(ana);
    await shot(ana, 'host-key');
    await run(ana, 'web-1', 'uptime', { verdict: 'Would run' });
    await ana.getByRole('status').getByText('Succeeded').waitFor();
    await ben.goto('/fleet?probe=web-1');
    await ben.locator('dd', { hasText: /^turned/ }).waitFor();
    same(await ben.getByRole('button', { name: /Turn the key/ }).count(), 0, 'buttons for who may not manage hosts');
  }, ana);

  await story('keys: those of a tag are turned; a forgotten tag means none, and a host that is away is waited for', async () => {
    const before = await settled('web-1');
    await ana.goto('/settings');
    await ana.getByText('None is being turned').waitFor();
    await ana.getByRole('button', { name: 'Turn several' }).click();
    const form = ana.getByRole('form', { name: 'Turn keys of hosts' });
    same(await form.getByRole('button', { name: /Turn the keys/ }).isDisabled(), true, 'a button that turns keys of no tag');
    await form.getByLabel('Tag', { exact: true }).fill('no-such-tag');
    await axe(ana);
    await shot(ana, 'keys-several');
    await form.getByRole('button', { name: 'Turn the keys of no-such-tag' }).click();
    await ana.getByText('No host is meant by that').waitFor();
    await w.halt('web-1');
    await until('web-1 to be away', async () => (await w.ask('GET', '/api/v1/probes/web-1')).status === 'offline');
    await ana.getByRole('button', { name: 'Turn several' }).click();
    await form.getByRole('radio', { name: 'All that I may manage' }).or(form.getByRole('button', { name: 'All that I may manage' })).click();
    await form.getByRole('button', { name: 'Turn the keys of all hosts' }).click();
    await ana.getByText(/hosts are given another key/).waitFor();
    const rows = ana.getByRole('table', { name: 'Keys being turned' });
    await rows.getByRole('row', { name: /web-1.*the probe is away/ }).waitFor();
    await everywhere(ana, shot, 'keys-turning');
    w.resume('web-1');
    await until('the key to be another', async () => (await settled('web-1')) !== before);
    await ana.getByText('None is being turned').waitFor();
  }, ana);

  await story('keys: the one that seals secrets is turned, and what was sealed opens', async () => {
    await ana.goto('/settings');
    const section = ana.getByRole('region', { name: 'The key that seals secrets' });
    await section.getByText('One key seals everything').waitFor();
    await section.getByRole('button', { name: 'Turn it' }).click();
    await axe(ana);
    await shot(ana, 'seal-key-asking');
    await ana.getByRole('form', { name: 'Turn the seal key' }).getByRole('button', { name: 'Turn the key' }).click();
    await ana.getByText(/secrets? (was|were) sealed anew/).waitFor();
    await section.getByText(/Being turned|One key seals everything/).waitFor();
    // A session is opened with a key of before, sealed anew.
    await w.halt('web-1');
    w.resume('web-1');
    await w.online('web-1');
    await run(ana, 'web-1', 'uptime', { verdict: 'Would run' });
    await ana.getByRole('status').getByText('Succeeded').waitFor();
  }, ana);

  await story('keys: the log’s is turned; both keys are listed, the entry is proved, and older ones still are', async () => {
    const [{ verifier: old }] = (await w.ask('GET', '/api/v1/audit/keys')).keys;
    await ana.goto('/settings');
    const section = ana.getByRole('region', { name: 'The log’s key' });
    await section.getByRole('row', { name: /Now/ }).waitFor();
    await section.getByRole('button', { name: 'Turn it' }).click();
    const form = ana.getByRole('form', { name: 'Turn the log’s key' });
    await form.getByText(old).waitFor();
    await axe(ana);
    await shot(ana, 'log-key-asking');
    await form.getByRole('button', { name: 'Turn the key' }).click();
    await ana.getByText('Another key signs the log').waitFor();
    await section.getByRole('row', { name: /Up to [\d,]+ entries/ }).waitFor();
    await section.scrollIntoViewIfNeeded();
    await everywhere(ana, shot, 'log-keys');
    const { keys: two } = await w.ask('GET', '/api/v1/audit/keys');
    same(two.length, 2, 'keys');
    holds(two[1].verifier !== old, 'the same key again');
    await section.getByRole('link', { name: 'ana' }).click();
    await ana.waitForURL(/\/activity\/\d+/);
    await ana.getByText('Verified in this browser').waitFor();
    await axe(ana);
    await ana.goto('/activity/0');
    await ana.getByText('Verified in this browser').waitFor();
    // Somebody who looked before sees the turn that was not theirs refused.
    const { status, body } = await as(ana, w.base, 'POST', '/api/v1/server/log-key/rotate', { expect: old });
    same(`${status} ${body.code}`, '409 conflict', 'a turn of a key that is none any more');
  }, ana);
}
