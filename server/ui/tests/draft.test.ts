// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest';
import { changed, currentDraft, discard, laid, openDraft, rebase, remove, restore, setNote, wrongPath, write } from '../src/policy/draft';

let person = 0;
beforeEach(() => { localStorage.clear(); openDraft(`usr_${person++}`); });

describe('a draft', () => {
  it('begins with the first change and ends when nothing is left of it', () => {
    write('r1', 'policies/a.cedar', 'new', 'old');
    expect(laid(currentDraft()!)).toEqual({ base: 'r1', files: { 'policies/a.cedar': 'new' }, remove: [] });
    write('r1', 'policies/a.cedar', 'old', 'old');
    expect(currentDraft()).toBeUndefined();
    expect(localStorage.length).toBe(0);
  });

  it('is kept for one person and not shown to another', () => {
    write('r1', 'policies/a.cedar', 'new', 'old');
    openDraft('usr_other');
    expect(currentDraft()).toBeUndefined();
    openDraft(`usr_${person - 1}`);
    expect(changed(currentDraft())).toEqual(['policies/a.cedar']);
  });

  it('leaves out a file of its base, forgets one of its own, and gives both back', () => {
    write('r1', 'policies/own.cedar', 'x', undefined);
    remove('r1', 'policies/own.cedar', false);
    expect(currentDraft()).toBeUndefined();
    remove('r1', 'policies/a.cedar', true);
    expect(laid(currentDraft()!).remove).toEqual(['policies/a.cedar']);
    restore('policies/a.cedar');
    expect(currentDraft()).toBeUndefined();
  });

  it('counts every change of its files, so that an old finding is never taken for a new one', () => {
    write('r1', 'policies/a.cedar', '1', 'old');
    const first = currentDraft()!.count;
    write('r1', 'policies/a.cedar', '2', 'old');
    expect(currentDraft()!.count).toBeGreaterThan(first);
    const before = currentDraft()!.count;
    setNote('r1', 'why');
    expect(currentDraft()!.count).toBe(before);
    rebase('r2');
    expect(currentDraft()).toMatchObject({ base: 'r2', note: 'why' });
    expect(currentDraft()!.count).toBeGreaterThan(before);
  });

  it('comes back after it was discarded, unless another was begun', () => {
    write('r1', 'policies/a.cedar', 'new', 'old');
    const back = discard();
    expect(currentDraft()).toBeUndefined();
    back();
    expect(changed(currentDraft())).toEqual(['policies/a.cedar']);
    const again = discard();
    write('r1', 'policies/b.cedar', 'other', 'old');
    again();
    expect(changed(currentDraft())).toEqual(['policies/b.cedar']);
  });

  it('is not stopped by a store that holds something else', () => {
    localStorage.setItem('legator-draft-usr_broken', '{"base":3}');
    openDraft('usr_broken');
    expect(currentDraft()).toBeUndefined();
  });
});

describe('a path of a bundle', () => {
  it('is told why it cannot be one', () => {
    for (const path of ['policies/own.cedar', 'scripts/admission/own.rhai', 'tests/a.cases.toml']) expect(wrongPath(path, [])).toBeUndefined();
    for (const path of ['own.cedar', 'policies/', 'policies/own.txt', 'policies/../own.cedar', 'policies//own.cedar', 'policies/a b.cedar']) expect(wrongPath(path, []), path).toBeDefined();
    expect(wrongPath('policies/own.cedar', ['policies/own.cedar'])).toBeDefined();
  });
});
