// @vitest-environment happy-dom
// What is typed of a provider's grants is taken as it stands, or said to be wrong; no line is left out quietly.
import { describe, expect, it } from 'vitest';
import { granted } from '../src/identity/Providers';

describe('the tenants that a provider gives', () => {
  it('takes a value as often as it is there', () => {
    expect(granted('idp-blue = tenant:blue\n\n idp-blue=scope:web \nurn:x:ops = org:acme')).toEqual({ grants: { 'idp-blue': ['tenant:blue', 'scope:web'], 'urn:x:ops': ['org:acme'] } });
    expect(granted('')).toEqual({ grants: {} });
  });
  it('says which line is none', () => {
    for (const line of ['idp-blue', 'idp-blue = blue', '= tenant:blue', 'a = tenant:', 'a = scope:b=tenant:c', 'a = role:administrator']) expect(granted(`x = tenant:y\n${line}`).wrong, line).toBe(line);
  });
});
