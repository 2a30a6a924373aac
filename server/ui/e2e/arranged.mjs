// What people arrange around requests: standing in, agreeing ahead, broken glass and its review, keys for votes, figures.
import { generateKeyPairSync, sign } from 'node:crypto';
import { everywhere } from './access.mjs';
import { as, comes } from './people.mjs';
import { axe, holds, same, story } from './teller.mjs';
import { until } from './world.mjs';

export async function arranged({ ana, ben, b, w, shot, run }) {
  let cleo, dora;

  await story('arranged: somebody stands in, votes in another’s place, and the request says so', async () => {
    cleo = await comes({ b, w, name: 'cleo', roles: ['viewer', 'approver'] });
    await ben.goto('/approvals');
    await ben.getByRole('navigation', { name: 'Approvals' }).getByRole('link', { name: 'Standing in' }).click();
    await ben.getByText('Nobody stands in for anybody').waitFor();
    await axe(ben);
    const form = ben.getByRole('form', { name: 'Hand on my votes' });
    await form.getByLabel('Who stands in').fill('nobody-there');
    await form.getByRole('button').click();
    await form.getByRole('alert').getByText('there is nobody').waitFor();
    await form.getByLabel('Who stands in').fill('cleo');
    await form.getByLabel('Why').fill('on leave');
    await form.getByRole('button').click();
    await ben.getByRole('rowheader', { name: 'ben' }).waitFor();
    await ben.getByRole('cell', { name: 'on leave' }).waitFor();
    await everywhere(ben, shot, 'standing-in');
    const held = await w.ask('POST', '/api/v1/probes/prod-1/command', { argv: ['touch', `${w.folder}/stood-in`], reason: 'while ben is away' });
    await cleo.goto(`/approvals/${held.approval}`);
    await cleo.getByRole('button', { name: /^Approve/ }).click();
    await cleo.getByLabel(/Why is this right/).fill('ben and I looked at it before he left');
    await cleo.getByRole('radio', { name: /the vote of ben/ }).check();
    await axe(cleo);
    await shot(cleo, 'vote-in-place');
    await cleo.getByRole('button', { name: 'Approve and run on prod-1' }).click();
    await cleo.getByText('in the place of ben').waitFor();
    await ben.getByRole('button', { name: 'End that cleo stands in for ben' }).click();
    await ben.getByText('Nobody stands in for anybody').waitFor();
    await ben.getByRole('button', { name: 'Over as well' }).click();
    await ben.waitForURL(/all=true/);
    await ben.getByRole('row', { name: /ben.*cleo.*ended/ }).waitFor();
  }, cleo);

  await story('arranged: a pattern is previewed, agreed to by two, counted as it is used, and revoked', async () => {
    // Something of before that it would have covered.
    await run(ana, 'prod-1', `touch ${w.folder}/ahead-0`, { verdict: 'Would wait for people', reason: 'the first of many' });
    const first = await until('the request', async () => (await w.ask('GET', '/api/v1/approvals?status=pending')).approvals.find((one) => one.line.includes('ahead-0')));
    await as(cleo, w.base, 'GET', `/api/v1/approvals/${first.id}`);
    await as(cleo, w.base, 'POST', `/api/v1/approvals/${first.id}/decide`, { decision: 'approve', reason: 'looked at it', digest: first.digest });
    await ana.goto('/approvals/ahead');
    await ana.getByText('Nothing was agreed to ahead yet').waitFor();
    await axe(ana);
    await ana.getByRole('link', { name: 'Ask for one' }).click();
    const form = ana.getByRole('form', { name: 'Ask for a grant' });
    await form.getByLabel('Tag').fill('prod');
    await form.getByLabel('Programs').fill('touch');
    await form.getByLabel('As').fill(`touch ${w.folder}/*`);
    await ana.locator('[data-preview=good]').waitFor();
    await ana.getByText('agreed-ahead').waitFor();
    await ana.getByRole('heading', { name: '1 host now' }).waitFor();
    await ana.getByText(/people would have to agree|person would have to agree/).waitFor();
    await ana.getByRole('heading', { name: 'What it would have covered' }).waitFor();
    await ana.locator('#preview ~ div, section').getByRole('link', { name: /ahead-0/ }).first().waitFor();
    // A pattern that fits nothing of before covers nothing of before.
    await form.getByLabel('Programs').fill('systemctl');
    await ana.getByText(/newest [\d,]+ commands?.*: none/).waitFor();
    await form.getByLabel('Programs').fill('touch');
    await form.getByLabel('Times at most').fill('2');
    await form.getByLabel('What it is for').fill('markers for the cache move');
    await ana.reload();
    same(await form.getByLabel('What it is for').inputValue(), 'markers for the cache move', 'what was typed, after a reload');
    await ana.getByRole('heading', { name: 'What it would have covered' }).waitFor();
    await everywhere(ana, shot, 'ahead-asking');
    await form.getByRole('button', { name: 'Ask' }).click();
    await ana.getByText('Waits for people').waitFor();
    const request = await ana.getByRole('link', { name: 'votes and comments' }).getAttribute('href');
    for (const page of [ben, cleo]) {
      await page.goto(request);
      await page.getByText('agreed-ahead').waitFor();
      await page.getByRole('button', { name: /^Approve/ }).click();
      await page.getByLabel(/Why is this right/).fill('read the policy, it is what we agreed on');
      await page.getByRole('button', { name: /^Approve/ }).click();
      await page.getByText(/You have voted|This request is closed/).first().waitFor();
    }
    await ana.getByText('In force').waitFor();
    await everywhere(ana, shot, 'ahead-one');
    await run(ana, 'prod-1', `touch ${w.folder}/ahead-1`, { verdict: 'Would run' });
    await ana.getByRole('status').getByText('Succeeded').waitFor();
    await ana.goto('/approvals/ahead');
    await ana.getByText('1 of 2 left').waitFor();
    await everywhere(ana, shot, 'ahead');
    await ana.getByRole('link', { name: /1 of 2 left/ }).click();
    await ana.getByRole('button', { name: 'Revoke' }).click();
    await ana.getByLabel('Why').fill('the move is done');
    await axe(ana);
    await ana.getByRole('button', { name: 'End it' }).click();
    await ana.getByText('Revoked', { exact: true }).waitFor();
    await run(ana, 'prod-1', `touch ${w.folder}/ahead-2`, { verdict: 'Would wait for people' });
    await ana.getByRole('link', { name: 'Request' }).waitFor();
    for (const left of (await w.ask('GET', '/api/v1/approvals?status=pending')).approvals) if (left.command) await w.ask('POST', `/api/v1/commands/${left.command}/cancel`, {});
  }, ana);

  await story('arranged: the glass is broken from the command bar where policy lets, and another person reviews it', async () => {
    dora = await comes({ b, w, name: 'dora', roles: ['administrator'], second: true });
    await ana.goto('/fleet?probe=prod-1');
    await ana.getByLabel('Command for prod-1').fill(`touch ${w.folder}/glass`);
    await ana.getByText('Would wait for people').waitFor();
    same(await ana.locator('[data-glass]').count(), 0, 'glass that policy would not let be broken');
    await ana.getByLabel('Command for prod-1').fill('');
    await dora.goto('/fleet?probe=prod-1');
    await dora.getByLabel('Command for prod-1').fill(`touch ${w.folder}/glass`);
    await dora.locator('[data-glass=whole]').waitFor();
    await dora.getByRole('checkbox', { name: /Break the glass/ }).check();
    const button = dora.getByRole('button', { name: 'Break the glass and run' });
    await dora.getByLabel('Why the glass is broken').fill('short');
    same(await button.isDisabled(), true, 'a button without a reason');
    await dora.getByLabel('Why the glass is broken').fill('the site is down and nobody answers');
    await axe(dora);
    await shot(dora, 'glass-breaking');
    await button.click();
    await dora.getByRole('status').getByText('Succeeded').waitFor();
    await dora.goto('/approvals/broken-glass');
    await dora.getByText('the site is down and nobody answers').waitFor();
    await dora.getByText('Somebody else reviews it').waitFor();
    await ben.goto('/overview');
    await ben.getByText(/The glass was broken once/).waitFor();
    await ben.getByRole('button', { name: '1 waiting for you' }).click();
    await axe(ben);
    await ben.getByRole('menuitem', { name: /dora broke the glass on prod-1/ }).click();
    await ben.waitForURL(/broken-glass/);
    await everywhere(ben, shot, 'broken-glass');
    await ben.getByLabel('What you found').fill('the incident was real, and on record');
    await ben.getByRole('button', { name: 'It was right' }).click();
    await ben.getByText('Nothing is left to review').waitFor();
    await ben.getByRole('button', { name: 'Reviewed as well' }).click();
    await ben.getByText('It was right, says').waitFor();
    await dora.getByText('Nothing is left to review').waitFor();
    await dora.context().close();
  }, dora ?? ben);

  await story('arranged: a key that signs votes is listed for its person and for all, and ended', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
    const me = (await as(ben, w.base, 'GET', '/api/v1/me')).body;
    const proof = sign(null, Buffer.from(`legator vote key v1\nperson ${me.id}\nkey ${raw}\n`), privateKey).toString('base64');
    const made = await as(ben, w.base, 'POST', '/api/v1/approvals/keys', { name: 'ben’s desk', algorithm: 'ed25519', public_key: raw, proof });
    holds(made.status === 201, JSON.stringify(made));
    await ana.goto('/access/keys');
    await ana.getByRole('table', { name: 'Keys for votes' }).getByRole('cell', { name: 'ben', exact: true }).waitFor();
    await ben.goto('/account');
    await ben.getByRole('button', { name: /End ben.s desk for votes/ }).waitFor();
    await axe(ben);
    await ben.getByRole('button', { name: /End ben.s desk for votes/ }).click();
    await ben.getByText('signs no votes any more').waitFor();
    await shot(ben, 'account');
  }, ben);

  await story('arranged: how people decide stands in figures, over all and by person', async () => {
    await ana.goto('/approvals/figures');
    await ana.getByRole('rowheader', { name: 'ben' }).waitFor();
    const figures = await w.ask('GET', '/api/v1/approvals/figures');
    const votes = await ana.locator('dt', { hasText: /^Votes$/ }).locator('xpath=following-sibling::dd').first().innerText();
    holds(votes.startsWith(String(figures.all.votes)), `${votes} instead of ${figures.all.votes}`);
    await ana.getByRole('button', { name: 'a year' }).click();
    await ana.waitForURL(/days=365/);
    await everywhere(ana, shot, 'figures');
  }, ana);
  await cleo?.context().close();
}
