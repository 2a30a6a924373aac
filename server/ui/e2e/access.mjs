// Who may come in, and how far they reach: people, groups, roles, keys and tenants, changed in a browser.
import { axe, holds, same, story, theme } from './teller.mjs';
import { until } from './world.mjs';

/** A page in both themes and as a phone has it, under axe, and nothing off its side. */
export async function everywhere(page, shot, name) {
  // A note that is on its way in or out is nobody's colour.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  for (const to of ['light', 'dark']) { await theme(page, to); await axe(page); await shot(page, `${name}-1440-${to}`); }
  await page.setViewportSize({ width: 390, height: 844 });
  await axe(page);
  await shot(page, `${name}-390-dark`);
  const over = await page.evaluate(() => {
    const scrolls = (el) => el && (/(auto|scroll)/.test(getComputedStyle(el).overflowX) || scrolls(el.parentElement));
    return [...document.querySelectorAll('main *')].filter((el) => !scrolls(el) && el.getClientRects().length > 0 && el.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map((el) => `${el.tagName} ${el.className}`).join('; ');
  });
  await page.setViewportSize({ width: 1440, height: 900 });
  same(over, '', `what runs off the side of ${name}`);
}

export async function access({ ana, ben, b, w, shot }) {
  await story('access: a person’s page says what they are and may do; roles change, and can be put back', async () => {
    await ana.goto('/access');
    await ana.getByRole('link', { name: 'ben', exact: true }).click();
    await ana.getByRole('heading', { name: 'ben', level: 1 }).waitFor();
    await ana.getByText('Computed from the policies in force').waitFor();
    await ana.locator('section[aria-labelledby=may]').getByText('vote', { exact: true }).waitFor();
    const form = ana.getByRole('form', { name: 'Change ben' });
    await form.getByRole('checkbox', { name: /^operator/ }).check();
    await form.getByRole('button', { name: 'Save' }).click();
    await ana.locator('section[aria-labelledby=may]').getByText('change and restart things').waitFor();
    const roles = async () => (await w.ask('GET', '/api/v1/users/ben')).roles.join(' ');
    same(await roles(), 'approver operator viewer', 'roles of ben');
    await ana.getByRole('button', { name: 'Undo' }).last().click();
    await until('the roles to be as before', async () => await roles() === 'approver viewer');
    await everywhere(ana, shot, 'person');
    await ana.goto('/access/people/nobody');
    await ana.getByText('There is nobody of that name').waitFor();
  }, ana);

  await story('access: a group is made, changed, undone and taken away', async () => {
    await ana.goto('/access/groups');
    await ana.getByText('There is no group yet').waitFor();
    await axe(ana);
    await ana.getByRole('button', { name: 'New group' }).click();
    const form = ana.getByRole('form', { name: 'New group' });
    await form.getByLabel('Name').fill('on-call');
    await form.getByRole('checkbox', { name: /^ben/ }).check();
    await axe(ana);
    await form.getByRole('button', { name: 'Save' }).click();
    await ana.getByRole('rowheader', { name: 'on-call' }).waitFor();
    await everywhere(ana, shot, 'groups');
    await ana.getByRole('button', { name: 'Change on-call' }).click();
    const change = ana.getByRole('form', { name: 'Change on-call' });
    await change.getByRole('checkbox', { name: /^ana/ }).check();
    await change.getByRole('button', { name: 'Save' }).click();
    await ana.getByText('on-call has 2 members').waitFor();
    await ana.getByRole('button', { name: 'Undo' }).last().click();
    await until('one member', async () => (await w.ask('GET', '/api/v1/groups')).groups.find((one) => one.name === 'on-call')?.members.join() === 'ben');
    await w.ask('PUT', '/api/v1/groups/on-call', { members: [] });
  }, ana);

  await story('access: roles are what the server computed of each, cell by cell', async () => {
    await ana.goto('/access/roles');
    const table = ana.getByRole('table');
    await table.getByRole('columnheader', { name: 'operator' }).waitFor();
    const { roles } = await w.ask('GET', '/api/v1/roles');
    const heads = (await table.getByRole('columnheader').allTextContents()).slice(1);
    same(heads.join(), roles.map((role) => role.name).join(), 'the columns');
    for (const action of ['destroy', 'decideApproval', 'readAudit', 'manageUsers']) {
      const cells = await table.locator(`th[title=${action}] ~ td .sr-only`).allTextContents();
      for (const [n, role] of roles.entries()) same(cells[n] === 'yes' || cells[n] === 'people, not language models', role.permissions.includes(action), `${role.name} and ${action}, which says ${cells[n]}`);
    }
    await everywhere(ana, shot, 'roles');
  }, ana);

  await story('access: a key for two actions is made, turned with an overlap, and ended', async () => {
    const api = w.status;
    await ana.goto('/access/keys');
    await ana.getByRole('button', { name: 'Make a key' }).click();
    const form = ana.getByRole('form', { name: 'Make a key' });
    await form.getByLabel('Acts as').selectOption('ana');
    await form.getByLabel('Name').fill('for a story');
    await form.getByRole('checkbox', { name: /Only these actions/ }).check();
    await form.getByRole('checkbox', { name: /^viewFleet/ }).check();
    await form.getByRole('checkbox', { name: /^observe/ }).check();
    await axe(ana);
    await shot(ana, 'key-making');
    await form.getByRole('button', { name: 'Make the key' }).click();
    const first = await ana.getByRole('dialog').locator('code', { hasText: /^lgk_/ }).textContent();
    await ana.getByRole('button', { name: 'I have kept it' }).click();
    same(await api(first, '/api/v1/probes'), 200, 'what the key is for');
    same(await api(first, '/api/v1/users'), 403, 'what it is not for');
    await ana.getByText('viewFleet, observe').or(ana.getByText('observe, viewFleet')).first().waitFor();
    await everywhere(ana, shot, 'keys');
    await ana.getByRole('button', { name: 'Turn key for a story' }).click();
    await ana.getByLabel('The old one').selectOption('3600');
    await ana.getByRole('button', { name: 'Make the new key' }).click();
    await ana.getByText('the old one goes on for an hour').waitFor();
    const second = await ana.getByRole('dialog').locator('code', { hasText: /^lgk_/ }).textContent();
    await ana.getByRole('button', { name: 'I have kept it' }).click();
    same(`${await api(first, '/api/v1/probes')} ${await api(second, '/api/v1/probes')}`, '200 200', 'both keys meanwhile');
    const rows = ana.getByRole('table', { name: 'API keys' });
    while (await rows.getByRole('button', { name: /^End key for a story/ }).count()) {
      const left = await rows.getByRole('button', { name: /^End key for a story/ }).count();
      await rows.getByRole('button', { name: /^End key for a story/ }).first().click();
      await until('the key to be gone from the list', async () => await rows.getByRole('button', { name: /^End key for a story/ }).count() < left);
    }
    same(`${await api(first, '/api/v1/probes')} ${await api(second, '/api/v1/probes')}`, '401 401', 'both keys when they have ended');
    await ana.getByRole('button', { name: 'Ended as well' }).click();
    await ana.waitForURL(/all=true/);
    await rows.getByRole('row', { name: /for a story.*ended/ }).first().waitFor();
  }, ana);

  await story('access: a program’s certificate is registered as a key, listed with its URI, and ended', async () => {
    await w.ask('POST', '/api/v1/users', { name: 'runner', kind: 'service', owner: 'ana', roles: ['viewer'] });
    await ana.goto('/access/keys');
    await ana.getByRole('button', { name: 'Register a certificate' }).click();
    const form = ana.getByRole('form', { name: 'Register a certificate' });
    same((await form.getByLabel('Acts as').locator('option').allTextContents()).join(), 'runner (service)', 'who a certificate can be a key of');
    await form.getByLabel('Name').fill('the build machine');
    await form.getByLabel('URI of the certificate').fill('not a uri');
    await form.getByRole('button', { name: 'Register it' }).click();
    await form.getByRole('alert').waitFor();
    same(await form.getByLabel('Name').inputValue(), 'the build machine', 'what was typed, after a refusal');
    await axe(ana);
    await shot(ana, 'certificate-refused');
    await form.getByLabel('URI of the certificate').fill('spiffe://stories/runner');
    await form.getByRole('checkbox', { name: /Only these actions/ }).check();
    await form.getByRole('checkbox', { name: /^viewFleet/ }).check();
    await form.getByRole('button', { name: 'Register it' }).click();
    const row = ana.getByRole('table', { name: 'API keys' }).getByRole('row', { name: /the build machine.*spiffe:\/\/stories\/runner.*viewFleet.*with the certificate/ });
    await row.waitFor();
    same(await row.getByRole('button', { name: /^Turn/ }).count(), 0, 'ways to turn a certificate');
    await everywhere(ana, shot, 'keys-certificate');
    await row.getByRole('button', { name: 'End key the build machine' }).click();
    await row.waitFor({ state: 'detached' });
  }, ana);

  await story('access: a program is added with an owner, and removed by typing its name', async () => {
    await ana.goto('/access');
    await ana.getByRole('button', { name: 'Add a person' }).click();
    const form = ana.getByRole('form', { name: 'Add a person' });
    await form.getByLabel('Name').fill('deploy-bot');
    await form.getByLabel('What it is').selectOption('service');
    await form.getByLabel('Owner').selectOption('ana');
    await form.getByRole('button', { name: 'Add deploy-bot' }).click();
    await ana.getByRole('link', { name: 'deploy-bot' }).click();
    await ana.getByText('And only what its owner may do too').waitFor();
    await ana.getByRole('link', { name: 'ana', exact: true }).waitFor();
    await ana.getByRole('button', { name: 'Remove', exact: true }).click();
    const remove = ana.getByRole('form', { name: 'Remove deploy-bot' });
    same(await remove.getByRole('button', { name: 'Remove deploy-bot' }).isDisabled(), true, 'a button that removes before the name is typed');
    await remove.getByLabel(/Type deploy-bot/).fill('deploy-bot');
    await axe(ana);
    await remove.getByRole('button', { name: 'Remove deploy-bot' }).click();
    await ana.waitForURL(/\/access$/);
    await ana.getByRole('row', { name: /deploy-bot.*Locked out/ }).waitFor();
    same((await w.ask('GET', '/api/v1/users/deploy-bot')).roles.length, 0, 'roles of who was removed');
  }, ana);

  await story('access: who may not manage people is told so, page by page, and finds no button', async () => {
    for (const path of ['/access', '/access/groups', '/access/keys', '/access/people/ana']) {
      await ben.goto(path);
      await ben.getByRole('alert').getByText(/You may not see/).first().waitFor();
      await axe(ben);
    }
    await ben.goto('/access/roles');
    await ben.getByRole('table').waitFor();
  }, ben);
}

/** Last of all: from the second tenant on people are bound, and the stories before knew of none. */
export async function tenants({ ana, ben, b, w, shot }) {
  await story('tenants: one is made, granted in words, looked at alone, and unknown to who does not reach it', async () => {
    await ana.goto('/access/tenants');
    await ana.getByText('With one tenant alone nobody is bound').waitFor();
    await axe(ana);
    // Those who keep the house reach all of it, before anybody is bound.
    const me = await w.ask('GET', '/api/v1/me');
    await w.ask('PUT', `/api/v1/users/${me.id}/grants`, { grants: ['org:house'] });
    await ana.goto('/access/people/ana');
    await ana.getByLabel('Grant', { exact: true }).selectOption('org');
    await ana.getByLabel('Organization').selectOption('house');
    await ana.getByRole('button', { name: 'Give it' }).click();
    await ana.getByRole('listitem').filter({ hasText: 'every tenant, and what spans them' }).waitFor();
    await ana.goto('/access/tenants');
    await ana.getByRole('button', { name: 'Make a tenant' }).click();
    const form = ana.getByRole('form', { name: 'Make a tenant' });
    await form.getByLabel('Name').fill('blue');
    await form.getByLabel('What people call it').fill('Blue company');
    await form.getByLabel('Organization').fill('acme');
    await axe(ana);
    await form.getByRole('button', { name: 'Make it' }).click();
    await ana.getByRole('rowheader', { name: 'blue' }).waitFor();
    await everywhere(ana, shot, 'tenants');
    await ana.getByRole('button', { name: 'Change blue' }).click();
    await ana.getByLabel('What people call it').fill('The blue company');
    await ana.getByRole('button', { name: 'Save' }).click();
    await ana.getByRole('cell', { name: 'The blue company' }).waitFor();
    await ana.getByRole('button', { name: 'Undo' }).last().click();
    await ana.getByRole('cell', { name: 'Blue company', exact: true }).waitFor();
    // Looked at alone: in the address, over a reload and a link, in every request.
    await ana.getByRole('button', { name: 'Tenant: All tenants' }).click();
    await ana.getByRole('menuitemradio', { name: /blue/ }).click();
    await ana.waitForURL(/tenant=blue/);
    await ana.getByRole('button', { name: 'Tenant: blue' }).waitFor();
    await ana.locator('[data-live=live]').waitFor();
    await ana.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Fleet' }).click();
    await ana.waitForURL(/fleet\?tenant=blue/);
    await ana.getByText('No host is enrolled yet').waitFor();
    await ana.reload();
    await ana.getByText('No host is enrolled yet').waitFor();
    await ana.goto('/enroll?tenant=blue');
    await ana.getByRole('button', { name: 'Make a token' }).click();
    const line = await ana.locator('pre', { hasText: 'LEGATOR_TOKEN=' }).textContent();
    w.enroll('blue-1', /LEGATOR_TOKEN=(\S+)/.exec(line)[1]);
    await ana.getByRole('link', { name: 'blue-1' }).waitFor();
    await ana.goto('/fleet?tenant=blue');
    await ana.getByRole('gridcell', { name: 'blue-1', exact: true }).waitFor();
    same(await ana.getByRole('gridcell', { name: 'web-1', exact: true }).count(), 0, 'hosts of another tenant');
    await axe(ana);
    await shot(ana, 'tenant-alone');
    await ana.keyboard.press('Control+k');
    await ana.getByRole('combobox', { name: /Search pages/ }).fill('look at all tenants');
    await ana.keyboard.press('Enter');
    await ana.waitForURL((url) => !url.search.includes('tenant'));
    await ana.getByRole('gridcell', { name: 'web-1', exact: true }).waitFor();
    await ana.getByRole('gridcell', { name: 'blue-1', exact: true }).waitFor();
    // Who was granted nothing keeps the default tenant, sees no choice, and knows of no other.
    await ben.goto('/fleet');
    await ben.getByRole('gridcell', { name: 'web-1', exact: true }).waitFor();
    same(await ben.getByRole('gridcell', { name: 'blue-1', exact: true }).count(), 0, 'a host beyond reach');
    same(await ben.getByRole('button', { name: /^Tenant/ }).count(), 0, 'a choice of one');
    await ben.goto('/fleet?tenant=blue');
    await ben.getByText('There is no tenant blue within your reach').waitFor();
    await axe(ben);
    await ben.getByRole('link', { name: 'Look at all that you reach' }).click();
    await ben.waitForURL((url) => !url.search.includes('tenant'));
    // Granted, and bound to a tag of it.
    await ana.goto('/access/people/ben');
    await ana.getByRole('combobox', { name: 'Tenant' }).selectOption('blue');
    await ana.getByRole('button', { name: 'Give it' }).click();
    await ana.getByText('Reaches: blue.').waitFor();
    await ana.getByLabel('Grant', { exact: true }).selectOption('scope');
    await ana.getByRole('textbox', { name: 'Tag' }).fill('web');
    await ana.getByRole('button', { name: 'Give it' }).click();
    await ana.getByText('Reaches: blue; of these, only hosts tagged web').waitFor();
    await everywhere(ana, shot, 'grants');
    await ana.getByRole('button', { name: 'Take scope:web away' }).click();
    await ana.getByText('Reaches: blue.').waitFor();
    await ana.getByRole('button', { name: 'Undo' }).last().click();
    await ana.getByText('Reaches: blue; of these, only hosts tagged web').waitFor();
    for (const grant of ['tenant:blue', 'scope:web']) await ana.getByRole('button', { name: `Take ${grant} away` }).click();
    await ana.getByText('Nothing was granted').waitFor();
  }, ana);
}
