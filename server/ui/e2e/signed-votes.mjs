// A vote that a passkey signs, from saying that it may to the check of the log on the command line; and every way in which
// the authenticator does not answer. Never: without the server of `signing-in.mjs`, whose person has a passkey.
import { as, comes } from './people.mjs';
import { axe, holds, same, story } from './teller.mjs';
import { until } from './world.mjs';

const REASON = 'the certificate was renewed';

export async function signedVotes({ browser, page, chrome, authenticatorId, server, shot }) {
  const held = async (line) => (await server.ask('POST', '/api/v1/probes/voted-1/command', { argv: line.split(' '), reason: 'new certificate' })).approval;
  const bar = page.getByRole('form', { name: 'Approve' });
  const write = async (request) => {
    await page.goto(`/approvals/${request}`);
    await page.getByRole('button', { name: /^Approve/ }).click();
    await bar.getByLabel('Why is this right to run?').fill(REASON);
  };
  const confirm = () => bar.getByRole('button', { name: 'Approve and run on voted-1' }).click();
  const present = (enabled) => chrome.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

  await story('signed votes: a passkey signs votes once its owner says so', async () => {
    await server.enroll('voted-1', ['prod']);
    await page.goto('/account');
    await page.getByRole('button', { name: 'Let this laptop sign my votes' }).click();
    const asked = page.getByRole('dialog', { name: 'Votes signed by this laptop' });
    await asked.getByText('Signing in needs none of this').waitFor();
    await axe(page);
    await shot(page, 'account-sign-votes');
    await asked.getByRole('button', { name: 'Let it sign my votes' }).click();
    await page.getByRole('heading', { name: 'Keys that sign my votes' }).waitFor();
    await page.getByRole('cell', { name: 'signs votes' }).waitFor();
    await axe(page);
    await shot(page, 'account-vote-keys');
  }, page);

  await story('signed votes: an authenticator that does not answer is said, and takes nothing of the reason', async () => {
    const request = await held('touch /var/tmp/unanswered');
    await write(request);
    await bar.getByText('signs this request').waitFor();
    await present(false);
    await confirm();
    await bar.getByText('Use your passkey').waitFor();
    await bar.getByText('What is signed').click();
    const text = await bar.locator('pre').textContent();
    holds(text.startsWith('legator vote v1\nrequest apr_') && text.includes('\nchoice approve\n'), text);
    await axe(page);
    await shot(page, 'vote-asking');
    await bar.getByRole('button', { name: 'Cancel' }).click();
    await bar.getByText('Nothing was signed.').waitFor();
    same(await bar.getByLabel('Why is this right to run?').inputValue(), REASON, 'the reason');
    await axe(page);
    await shot(page, 'vote-not-signed');
    await present(true);
    // Somebody whose finger is not known: the authenticator refuses by itself.
    await chrome.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await bar.getByRole('button', { name: 'Ask the passkey again' }).click();
    await bar.getByText('Use your passkey').waitFor({ state: 'detached' });
    await bar.getByText('Nothing was signed.').waitFor();
    await chrome.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    same((await server.ask('GET', `/api/v1/approvals/${request}`)).votes.length, 0, 'votes');
    // Policy takes an unsigned vote here, and the voter says so in as many words.
    await bar.getByRole('button', { name: 'Vote without a signature' }).click();
    await page.getByText('This request is closed').waitFor();
    same((await server.ask('GET', `/api/v1/approvals/${request}`)).votes[0].signed_by, undefined, 'a signature');
  }, page);

  await story('signed votes: a held command runs by a vote that is signed, and the log is verified without the server', async () => {
    const request = await held('touch /var/tmp/signed');
    await write(request);
    await confirm();
    await page.getByText('This request is closed').waitFor();
    await page.getByText('signed with a passkey').waitFor();
    await axe(page);
    await shot(page, 'vote-signed');
    const seen = await server.ask('GET', `/api/v1/approvals/${request}`);
    same(seen.votes[0].signed_by, 'webauthn', 'signed by');
    await until('the command to have run', async () => (await server.ask('GET', `/api/v1/commands/${seen.command}`)).state === 'succeeded');
    await page.goto('/activity?kind=approval.voted');
    await page.getByText('signed with a passkey').first().click();
    await page.getByText('Verified in this browser').waitFor();
    await axe(page);
    const said = JSON.parse(server.ctl('--output', 'json', 'audit', 'verify', '--full'));
    holds(said.ok && said.votes.by_passkey === 1 && said.votes.unsigned === 1, JSON.stringify(said));
    holds(/1 signed votes are what their voters signed, 1 of them with a passkey/.test(server.ctl('audit', 'verify', '--full')), 'what the command line says');
  }, page);

  await story('signed votes: a vote in somebody’s place is signed by who casts it, and the log says for whom', async () => {
    const { body: me } = await as(page, server.base, 'GET', '/api/v1/me');
    const gus = await comes({ b: browser, w: server, name: 'gus', roles: ['viewer', 'approver'] });
    const handed = await as(gus, server.base, 'POST', '/api/v1/approvals/delegations', { to: me.name, reason: 'on leave', until: new Date(Date.now() + 3_600_000).toISOString() });
    holds(handed.status < 300, JSON.stringify(handed));
    await gus.context().close();
    const request = await held('touch /var/tmp/in-place');
    await write(request);
    await bar.getByRole('radio', { name: /the vote of gus/ }).check();
    await confirm();
    await page.getByText('This request is closed').waitFor();
    await page.getByText('in the place of gus').waitFor();
    await page.getByText('signed with a passkey').waitFor();
    await axe(page);
    await shot(page, 'vote-signed-in-place');
    const [vote] = (await server.ask('GET', `/api/v1/approvals/${request}`)).votes;
    same(`${vote.signed_by} ${vote.name} for ${vote.stands_for}`, `webauthn ${me.name} for gus`, 'the vote');
    const said = JSON.parse(server.ctl('--output', 'json', 'audit', 'verify', '--full'));
    holds(said.ok && said.votes.by_passkey === 2, JSON.stringify(said));
  }, page);

  await story('signed votes: where policy wants a signature, an unanswered passkey offers no way round it', async () => {
    await server.enroll('asked-1', ['critical']);
    const { approval } = await server.ask('POST', '/api/v1/probes/asked-1/command', { argv: ['touch', '/var/tmp/must'], reason: 'new certificate' });
    same((await server.ask('GET', `/api/v1/approvals/${approval}`)).state, 'pending', 'the request');
    await page.goto(`/approvals/${approval}`);
    await page.getByRole('button', { name: /^Approve/ }).click();
    await bar.getByLabel('Why is this right to run?').fill(REASON);
    await present(false);
    await bar.getByRole('button', { name: 'Approve', exact: true }).click();
    await bar.getByRole('button', { name: 'Cancel' }).click();
    await bar.getByText('Policy takes only a signed vote from you here').waitFor();
    same(await bar.getByRole('button', { name: 'Vote without a signature' }).count(), 0, 'ways round it');
    await axe(page);
    await shot(page, 'vote-must-be-signed');
    await present(true);
    await bar.getByRole('button', { name: 'Ask the passkey again' }).click();
    await page.getByText('You have voted').waitFor();
    const [vote] = (await server.ask('GET', `/api/v1/approvals/${approval}`)).votes;
    same(vote.signed_by, 'webauthn', 'signed by');
  }, page);
}
