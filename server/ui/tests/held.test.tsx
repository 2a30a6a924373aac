// @vitest-environment happy-dom
import { act, renderHook } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { useHeld } from '../src/kit/held';

const idOf = (one: { id: string; said?: string }) => one.id;
const list = (ids: string, said?: string) => ids.split('').map((id) => (said === undefined ? { id } : { id, said }));
const shown = (items: { id: string }[]) => items.map((one) => one.id).join('');

function held(ids: string) {
  return renderHook(({ fresh, scope }: { fresh: { id: string; said?: string }[]; scope: string }) => useHeld(fresh, idOf, scope), { initialProps: { fresh: list(ids), scope: 'all' } });
}

describe('a list that stands still', () => {
  it('follows what comes while nobody is in it', () => {
    const { result, rerender } = held('ab');
    rerender({ fresh: list('cab'), scope: 'all' });
    expect(shown(result.current.items)).toBe('cab');
    expect(result.current.more).toBe(0);
  });
  it('keeps its places under a pointer: what is gone goes, what is new waits and is counted, what changed is changed', () => {
    const { result, rerender } = held('ab');
    act(() => result.current.hands.onPointerEnter());
    rerender({ fresh: list('dcba', 'now'), scope: 'all' });
    expect(shown(result.current.items)).toBe('ab');
    expect(result.current.items.map((one) => one.said)).toEqual(['now', 'now']);
    expect(result.current.more).toBe(2);
    rerender({ fresh: list('dcb'), scope: 'all' });
    expect(shown(result.current.items)).toBe('b');
    act(() => result.current.show());
    expect(shown(result.current.items)).toBe('dcb');
    expect(result.current.more).toBe(0);
  });
  it('comes up to date when the pointer leaves', () => {
    const { result, rerender } = held('ab');
    act(() => result.current.hands.onPointerEnter());
    rerender({ fresh: list('cab'), scope: 'all' });
    act(() => result.current.hands.onPointerLeave());
    expect(shown(result.current.items)).toBe('cab');
  });
  it('shows what is read first, and another list, wherever the pointer is', () => {
    const { result, rerender } = held('');
    act(() => result.current.hands.onPointerEnter());
    rerender({ fresh: list('ab'), scope: 'all' });
    expect(shown(result.current.items)).toBe('ab');
    rerender({ fresh: list('xyz'), scope: 'mine' });
    expect(shown(result.current.items)).toBe('xyz');
    rerender({ fresh: list('wxyz'), scope: 'mine' });
    expect(shown(result.current.items)).toBe('xyz');
  });
});
