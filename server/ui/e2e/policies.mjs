// The rules, changed by hand in a browser: found faulty, mended, tried, published, put in force, taken back.
import { axe, holds, same, story, theme } from './teller.mjs';

const FAULTY = '@id("web-is-frozen")\n@rationale("Nothing is changed on the web hosts this week.")\nforbid (principal, action == Action::"remediat", resource in Tag::"web");\n';
/** It loads, and two of the shipped cases say otherwise. */
const BROAD = FAULTY.replace('remediat"', 'remediate"');
const GOOD = BROAD.replace('Tag::"web"', 'Tag::"shop"');

/** Puts a text into the editor as a person would: everything selected, then typed over. */
export async function write(page, text) {
  const editor = page.locator('.cm-content[contenteditable=true]');
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
}
const checked = (page, how) => page.locator(`[data-check=${how}]`).first().waitFor();

export async function policies({ ana, ben, w, run, shot, signIn }) {
  let revision, replay;
  const before = (await w.ask('GET', '/api/v1/policies')).revision;

  await w.ask('PUT', '/api/v1/probes/web-1/tags', { tags: ['web', 'shop'] });
  await w.ask('POST', '/api/v1/probes/web-1/command', { argv: ['touch', `${w.folder}/before`] });

  await story('a policy is written, found faulty under its line, and mended; a reload loses none of it', async () => {
    await ana.goto('/policies');
    await ana.getByRole('button', { name: 'New file' }).click();
    const form = ana.getByRole('form', { name: 'New file' });
    await form.getByLabel('Path').fill('elsewhere/web.cedar');
    await form.getByText('It begins with policies/').waitFor();
    await form.getByLabel('Path').fill('policies/web.cedar');
    await form.getByRole('button', { name: 'Make it' }).click();
    await ana.getByRole('heading', { name: 'policies/web.cedar' }).waitFor();
    await write(ana, FAULTY);
    await checked(ana, 'faulty');
    await ana.locator('.cm-said-error').getByText(/remediat/).first().waitFor();
    await ana.getByText(/the bundle would not be taken/).waitFor();
    await axe(ana);
    await shot(ana, 'policy-faulty');
    await ana.reload();
    await ana.locator('.cm-said-error').first().waitFor();
    same(await ana.locator('.cm-content').innerText().then((text) => text.includes('Action::"remediat"')), true, 'the text after a reload');
    await write(ana, GOOD);
    await checked(ana, 'good');
    same(await ana.locator('.cm-said-error').count(), 0, 'findings that stayed');
    await theme(ana, 'light');
    await axe(ana);
    await theme(ana, 'dark');
  }, ana);

  await story('a session that ends while a policy is written takes none of it away', async () => {
    await ana.context().clearCookies();
    await write(ana, `${GOOD}// seen by nobody yet\n`);
    const dialog = ana.getByRole('dialog', { name: 'Your session has ended' });
    await dialog.waitFor();
    await signIn(dialog, 'ana');
    await dialog.waitFor({ state: 'hidden' });
    await checked(ana, 'good');
    holds((await ana.locator('.cm-content').innerText()).includes('seen by nobody yet'), 'the comment is gone');
    await write(ana, GOOD);
    await checked(ana, 'good');
  }, ana);

  await story('the cases run over the draft: what holds, what does not, and what none of them shows', async () => {
    await write(ana, BROAD);
    await checked(ana, 'good');
    await ana.getByRole('navigation', { name: 'Policies' }).getByRole('link', { name: 'Cases' }).click();
    await checked(ana, 'faulty');
    await ana.getByText('the outcome is deny, the case says allow').waitFor();
    await shot(ana, 'policy-cases-failing');
    await ana.goto('/policies?file=policies/web.cedar');
    await write(ana, GOOD);
    await checked(ana, 'good');
    await ana.keyboard.press('Control+Enter');
    await checked(ana, 'good');
    await ana.waitForURL(/policies.cases/);
    await ana.getByText(/policy .*web-is-frozen.* decides no case/).waitFor();
    await axe(ana);
    await shot(ana, 'policy-cases');
    await ana.locator('summary', { hasText: 'policies/web.cedar' }).click();
    await ana.getByText('never determining').first().waitFor();
    await ana.getByLabel('Filter cases').fill('observe');
    await ana.waitForURL(/q=observe/);
    await ana.goto('/policies?file=policies/guardrails.cedar&cover=true');
    await ana.locator('.cm-shown-all').first().waitFor();
    holds((await ana.locator('.cm-shown-all').first().getAttribute('title')).includes('case'), 'a mark says nothing');
    await axe(ana);
    await shot(ana, 'policy-coverage');
  }, ana);

  await story('the last days are decided again under the draft, and each change is one click away', async () => {
    await ana.getByRole('link', { name: 'See what changes' }).click();
    await ana.getByRole('group', { name: 'What changes in policies/web.cedar' }).waitFor();
    await checked(ana, 'good');
    await axe(ana);
    await shot(ana, 'policy-changes');
    await ana.getByRole('link', { name: 'Replay the last days' }).click();
    same(await ana.getByLabel('Candidate').inputValue(), 'draft', 'the candidate');
    await ana.getByRole('button', { name: 'Decide them again' }).click();
    await ana.locator('[data-replay=done]').waitFor();
    replay = new URL(ana.url()).pathname;
    await ana.locator('[data-difference=newly-denied]').first().waitFor();
    await ana.getByRole('button', { name: /^Newly denied/ }).click();
    await ana.waitForURL(/kind=newly-denied/);
    await ana.locator('[data-difference=newly-denied] button').first().click();
    await ana.getByText('Would be denied').waitFor();
    await ana.getByRole('heading', { name: 'By what made the difference' }).waitFor();
    await axe(ana);
    await shot(ana, 'policy-replay');
  }, ana);

  await story('what was asked of the API is decided again too, and each question has its reasons', async () => {
    await ana.goto('/policies/replays?candidate=draft');
    await ana.getByLabel('What was asked').selectOption('operations');
    await ana.getByRole('button', { name: 'Decide them again' }).click();
    await ana.locator('[data-replay=done]').waitFor();
    await ana.getByText('Every decision comes out the same').waitFor();
    await ana.goto('/asked?outcome=allow');
    await ana.getByLabel('Who').fill('ana');
    await ana.getByRole('button', { name: 'Find' }).click();
    await ana.waitForURL(/principal=ana/);
    await ana.getByRole('region', { name: 'Operations' }).getByText('readAudit').first().click();
    await ana.getByRole('heading', { name: 'Policies that decided' }).waitFor();
    await ana.getByRole('group', { name: 'Facts' }).waitFor();
    await axe(ana);
    await shot(ana, 'asked');
  }, ana);

  await story('a draft is published with a note, put in force, and decides at once', async () => {
    await ana.goto('/policies/changes');
    await ana.getByLabel('What the change is for').fill('a freeze for the week');
    await checked(ana, 'good');
    await ana.getByRole('button', { name: 'Publish 1 file' }).click();
    await ana.getByRole('heading', { name: /^Revision/ }).waitFor();
    revision = new URL(ana.url()).pathname.split('/').at(-1);
    await ana.getByText('a freeze for the week').first().waitFor();
    await ana.getByRole('group', { name: 'What changes in policies/web.cedar' }).waitFor();
    await ana.getByRole('button', { name: 'Compare their answers' }).click();
    await ana.getByText(/kinds? of answer changes?, of [\d,]+ requests/).waitFor();
    await ana.getByText('A request that shows it, as a case').first().click();
    await ana.getByRole('group', { name: 'The case' }).first().waitFor();
    await axe(ana);
    await shot(ana, 'policy-revision');
    same((await w.ask('GET', '/api/v1/policies')).revision, before, 'what decides after the publishing');
    await ana.getByLabel('Why now').fill('agreed on Monday');
    await ana.getByRole('button', { name: `Put ${revision.slice(0, 10)} in force` }).click();
    await ana.getByText('This revision decides now.').waitFor();
    same((await w.ask('GET', '/api/v1/policies')).revision, revision, 'what decides');
    await run(ana, 'web-1', `touch ${w.folder}/frozen`, { verdict: 'Would be denied' });
    await ana.getByRole('alert').getByText('web-is-frozen').first().waitFor();
  }, ana);

  await story('one step goes back, with what that changes on the screen before', async () => {
    await ana.goto('/policies');
    await ana.getByRole('button', { name: 'Roll back' }).click();
    const dialog = ana.getByRole('dialog', { name: 'Roll back' });
    await axe(ana);
    await dialog.getByLabel('Why').fill('the week is over');
    await dialog.getByRole('button', { name: `Roll back to ${before.slice(0, 10)}` }).click();
    await ana.getByText(`${before.slice(0, 10)} decides again`).waitFor();
    same((await w.ask('GET', '/api/v1/policies')).revision, before, 'what decides');
    await ana.goto('/policies/history');
    await ana.getByText('rolled back').waitFor();
    await ana.getByText('the week is over').waitFor();
    await ana.getByRole('heading', { name: 'Compare' }).waitFor();
    await axe(ana);
    await shot(ana, 'policy-history');
  }, ana);

  await story('where policy wants another person for it, putting in force waits, says for whom, and goes on when they agree', async () => {
    await w.ask('PUT', '/api/v1/groups/policy-four-eyes', { members: ['ana'] });
    await ana.goto(`/policies/history/${revision}`);
    await ana.getByLabel('Why now').fill('again, with four eyes');
    await ana.getByRole('button', { name: `Put ${revision.slice(0, 10)} in force` }).click();
    await ana.getByText('It waits for one person; until then nothing changes').waitFor();
    await axe(ana);
    await shot(ana, 'policy-held');
    same((await w.ask('GET', '/api/v1/policies')).revision, before, 'what decides while it waits');
    await ben.goto(await ana.getByRole('link', { name: 'The request, and who may agree to it' }).getAttribute('href'));
    await ben.getByText('again, with four eyes').first().waitFor();
    await ben.keyboard.press('a');
    await ben.getByLabel(/Why is this right/).fill('read the change, it is what we agreed on');
    await ben.getByRole('button', { name: 'Approve and put in force' }).click();
    await ana.getByText('This revision decides now.').waitFor();
    await w.ask('PUT', '/api/v1/groups/policy-four-eyes', { members: [] });
    await w.ask('POST', '/api/v1/bundles/rollback', {});
    same((await w.ask('GET', '/api/v1/policies')).revision, before, 'what decides after the way back');
  }, ana);

  await story('a bundle decides in the shadow, and each difference comes in as it happens', async () => {
    await ana.goto(`/policies/history/${revision}`);
    await ana.getByRole('button', { name: 'Let it decide in the shadow' }).click();
    await ana.getByText('It decides in the shadow now').waitFor();
    await ana.goto('/policies/shadow');
    await ana.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
    await axe(ana);
    await w.ask('POST', '/api/v1/probes/web-1/command', { argv: ['touch', `${w.folder}/shadowed`] });
    await ana.locator('[data-difference=newly-denied]').first().waitFor();
    await ana.locator('[data-difference=newly-denied] button').first().click();
    await ana.getByText('Would be denied').waitFor();
    await axe(ana);
    await shot(ana, 'policy-shadow');
    await ana.getByRole('button', { name: 'Stop it' }).click();
    await ana.getByText('Nothing decides in the shadow', { exact: true }).waitFor();
  }, ana);

  await story('who may read the rules and not change them sees them whole, and no way to change them', async () => {
    await ben.goto('/policies?file=policies/guardrails.cedar');
    await ben.locator('.cm-content').waitFor();
    same(await ben.locator('.cm-content[contenteditable=true]').count(), 0, 'a text that can be changed');
    for (const name of ['New file', 'Roll back']) same(await ben.getByRole('button', { name }).count(), 0, `a button ${name}`);
    same(await ben.getByRole('navigation', { name: 'Policies' }).getByRole('link', { name: 'Changes' }).count(), 0, 'a link to what may not be done');
    await ben.goto('/policies/cases');
    await ben.getByText(/\d+ of \d+ cases hold/).waitFor();
  }, ben);

  return replay;
}
