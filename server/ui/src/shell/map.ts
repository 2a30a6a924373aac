// Every page of the interface: its address, its name, the key that leads there, and what one must be allowed to see it.
import { Activity, ClipboardCheck, Gauge, type LucideIcon, PlugZap, ScrollText, Server, Settings, SquareTerminal, Users } from 'lucide-react';

export type Place = { to: '/overview' | '/fleet' | '/approvals' | '/commands' | '/activity' | '/policies' | '/enroll' | '/access' | '/settings'; label: string; icon: LucideIcon; key: string; needs?: string };

export const MAP: readonly Place[] = [
  { to: '/overview', label: 'Overview', icon: Gauge, key: 'o' },
  { to: '/fleet', label: 'Fleet', icon: Server, key: 'f', needs: 'viewFleet' },
  { to: '/approvals', label: 'Approvals', icon: ClipboardCheck, key: 'a', needs: 'viewApprovals' },
  { to: '/commands', label: 'Commands', icon: SquareTerminal, key: 'c', needs: 'viewCommands' },
  { to: '/activity', label: 'Activity', icon: Activity, key: 'v', needs: 'readAudit' },
  { to: '/policies', label: 'Policies', icon: ScrollText, key: 'p', needs: 'viewPolicies' },
  { to: '/enroll', label: 'Enroll', icon: PlugZap, key: 'e', needs: 'manageTokens' },
  { to: '/access', label: 'Access', icon: Users, key: 'u', needs: 'manageUsers' },
  { to: '/settings', label: 'Settings', icon: Settings, key: 's' },
];

/** Pages inside of pages, for the palette. */
export const INNER: readonly { to: '/asked' | '/policies/changes' | '/policies/cases' | '/policies/replays' | '/policies/shadow' | '/policies/history' | '/approvals/ahead' | '/approvals/ahead/new' | '/approvals/standing-in' | '/approvals/broken-glass' | '/approvals/figures' | '/access/groups' | '/access/roles' | '/access/keys' | '/access/tenants' | '/access/providers' | '/account'; label: string; in: string; needs: string }[] = [
  { to: '/asked', label: 'what was asked of the API', in: 'Activity', needs: 'readAudit' },
  { to: '/policies/changes', label: 'the draft and what it changes', in: 'Policies', needs: 'publishBundle' },
  { to: '/policies/cases', label: 'the cases of the policies', in: 'Policies', needs: 'viewPolicies' },
  { to: '/policies/replays', label: 'replays of the last days', in: 'Policies', needs: 'readAudit' },
  { to: '/policies/shadow', label: 'the shadow', in: 'Policies', needs: 'readAudit' },
  { to: '/policies/history', label: 'the history of the policies', in: 'Policies', needs: 'viewPolicies' },
  { to: '/approvals/ahead', label: 'what is agreed to ahead', in: 'Approvals', needs: 'viewApprovals' },
  { to: '/approvals/ahead/new', label: 'asking people to agree ahead', in: 'Approvals', needs: 'grantAhead' },
  { to: '/approvals/standing-in', label: 'who stands in for whom', in: 'Approvals', needs: 'viewApprovals' },
  { to: '/approvals/broken-glass', label: 'broken glass', in: 'Approvals', needs: 'viewApprovals' },
  { to: '/approvals/figures', label: 'how people decide', in: 'Approvals', needs: 'viewApprovals' },
  { to: '/access/groups', label: 'groups of people', in: 'Access', needs: 'manageUsers' },
  { to: '/access/roles', label: 'roles and what each may do', in: 'Access', needs: 'viewPolicies' },
  { to: '/access/keys', label: 'API keys', in: 'Access', needs: 'manageKeys' },
  { to: '/access/tenants', label: 'tenants', in: 'Access', needs: 'manageUsers' },
  { to: '/access/providers', label: 'providers that people sign in by', in: 'Access', needs: 'manageProviders' },
  { to: '/account', label: 'passkeys, sessions and keys that sign my votes', in: 'Account', needs: 'viewFleet' },
];
