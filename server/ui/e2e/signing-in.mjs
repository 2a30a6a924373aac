// Signing in otherwise than by a password alone: a passkey in Chromium's own authenticator, and a program's code.
// Never: run against the other stories' server. Passkeys want a host with a name, so this one is plain HTTP on localhost.
import { signedVotes } from './signed-votes.mjs';
import { axe, holds, story } from './teller.mjs';

const WORD = 'a long enough sentence';

export async function signingIn({ browser, world, shot }) {
  const server = await world.plain();
  const page = await browser.person(server.base);
  const chrome = await page.context().newCDPSession(page);
  await chrome.send('WebAuthn.enable');
  const { authenticatorId } = await chrome.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });

  await story('passkeys: one is made in the account, and signs in without a name or a password', async () => {
    await page.goto((await server.setupLink()).replace(server.base, ''));
    await page.getByLabel('Name').fill('ana');
    await page.getByLabel('Password').fill(WORD);
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await page.goto('/account');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByLabel('What to call it').fill('this laptop');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('They are shown this once').waitFor();
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByText('A passkey is asked for').waitFor();
    await page.getByRole('cell', { name: 'Take this laptop away' }).waitFor();
    await axe(page);
    await shot(page, 'account-passkeys');
    const { credentials } = await chrome.send('WebAuthn.getCredentials', { authenticatorId });
    holds(credentials.length === 1 && credentials[0].rpId === 'localhost', 'the authenticator has one key, for this host');
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  }, page);

  await story('passkeys: a password alone is not enough, and the passkey goes with it', async () => {
    await page.goto('/account');
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    const form = page.getByRole('form', { name: 'Sign in' });
    await form.getByLabel('Name').fill('ana');
    await form.getByLabel('Password').fill(WORD);
    await form.getByRole('button', { name: 'Sign in', exact: true }).click();
    await form.getByLabel('Code').waitFor();
    await axe(page);
    await shot(page, 'sign-in-second-factor');
    await form.getByRole('button', { name: 'Use a passkey instead' }).click();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  }, page);

  await story('a program without a browser is signed in by its code', async () => {
    const begun = await server.open('POST', '/api/v1/auth/device', { client: 'legatorctl on web-1' });
    await page.goto(begun.verification_url_complete.replace(server.base, ''));
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByText('legatorctl on web-1').waitFor();
    await axe(page);
    await shot(page, 'device');
    await page.getByRole('button', { name: 'Sign it in as me' }).click();
    await page.getByText('is signed in as you').waitFor();
    const opened = await server.open('POST', '/api/v1/auth/device/token', { device_code: begun.device_code });
    holds(opened.person.name === 'ana' && opened.mfa === true, JSON.stringify(opened));
  }, page);

  await story('the authenticator app sees its secret as a picture', async () => {
    await page.goto('/account');
    await page.getByRole('button', { name: 'Add a second factor' }).click();
    await page.getByRole('button', { name: 'Show the secret' }).click();
    await page.getByRole('img', { name: /as a picture/ }).waitFor();
    await axe(page);
    await shot(page, 'account-qr');
  }, page);

  await signedVotes({ browser, page, chrome, authenticatorId, server, shot });
  await page.context().close();
}
