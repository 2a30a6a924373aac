// One command for several hosts, and the way to it by keys and by the palette.
import { axe, same, story } from './teller.mjs';

export async function several({ ana, w, shot }) {
  await story('several hosts: chosen, told what would happen on each, asked at once, and answered one by one', async () => {
    await ana.goto('/fleet');
    await ana.getByRole('checkbox', { name: 'Choose web-1' }).check();
    await ana.getByRole('checkbox', { name: 'Choose prod-1' }).check();
    await ana.getByText('2 hosts chosen').waitFor();
    await ana.getByRole('button', { name: 'Run on 2' }).click();
    await ana.waitForURL(/run=chosen/);
    const box = ana.getByLabel('Command for 2 hosts');
    await box.fill(`touch ${w.folder}/several`);
    await ana.getByText('Would wait for people on 1').waitFor();
    await ana.getByText('Would run on 1').waitFor();
    await axe(ana);
    await shot(ana, 'several-forecast');
    await ana.getByLabel('Reason').fill('both at once');
    await ana.getByRole('button', { name: 'Run on 2 hosts' }).click();
    const came = ana.getByRole('region', { name: 'What became of it' });
    await came.getByText('1 waits for people').waitFor();
    await came.getByText('1 succeeded').waitFor();
    await shot(ana, 'several-ran');
    await came.getByRole('link', { name: 'All of them under Commands' }).click();
    await ana.getByText('One ask to several hosts').waitFor();
    await ana.locator('main li').nth(1).waitFor();
    same(await ana.locator('main li').count(), 2, 'commands of the group');
    const held = (await w.ask('GET', '/api/v1/commands?state=held')).commands[0];
    await w.ask('POST', `/api/v1/commands/${held.id}/cancel`);
  }, ana);

  await story('several hosts: a query is an address, and its hosts are asked without ticking one', async () => {
    await ana.goto('/fleet?q=tag:web&run=matching');
    await ana.getByRole('heading', { name: 'Run on 2 hosts' }).waitFor();
    await ana.reload();
    await ana.getByRole('heading', { name: 'Run on 2 hosts' }).waitFor();
    await ana.getByLabel('Command for 2 hosts').fill('mkfs.ext4 /dev/none');
    await ana.getByText(/Would (wait for people|be denied) on/).first().waitFor();
    await ana.getByLabel('Command for 2 hosts').fill('');
  }, ana);

  await story('the palette reaches policies, and what can be done on the open page', async () => {
    await ana.goto('/enroll');
    await ana.getByRole('button', { name: 'Make a token' }).waitFor();
    await ana.keyboard.press('Control+k');
    await ana.getByRole('combobox', { name: /Search pages/ }).fill('make a token');
    await ana.getByRole('option', { name: /Make a token/ }).waitFor();
    await ana.keyboard.press('Enter');
    await ana.getByText('Waiting for the host to connect').waitFor();
    await ana.keyboard.press('Control+k');
    await ana.getByRole('combobox', { name: /Search pages/ }).fill('destroying-needs-two');
    await ana.getByRole('option', { name: /destroying-needs-two/ }).waitFor();
    await ana.keyboard.press('Enter');
    await ana.waitForURL(/file=policies.*guardrails.cedar.*line=/);
    await ana.locator('.cm-here').waitFor();
  }, ana);
}
